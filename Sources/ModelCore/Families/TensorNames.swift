/// How a family names the tensors of a checkpoint. The defaults are Llama's, which most families share; a family says
/// where it differs. Mixers name their own tensors (`MixerRole`) unless the family spells one otherwise.
public struct TensorNames: Sendable {
  /// Full name.
  public var embedding = "model.embed_tokens.weight"
  /// The list of layers; layer N's tensors begin with it and ".N.".
  public var layers = "model.layers"
  /// Below the layer: before the mixer.
  public var inputNorm = "input_layernorm.weight"
  /// A mixer's module, by kind; absent: `Mixer.moduleName`.
  public var mixers: [MixerKind: String] = [:]
  /// Tensors of a mixer that are called otherwise than by their role.
  public var mixerTensors: [MixerKind: [MixerRole: String]] = [:]
  /// Below the layer: before the feed-forward.
  public var transformNorm = "post_attention_layernorm.weight"
  /// The module of feed-forward or experts.
  public var feedForward = "mlp"
  /// Below `feedForward`.
  public var router = "gate.weight"
  /// Below `feedForward`.
  public var correctionBias = "gate.e_score_correction_bias"
  /// Below `feedForward`: the module of the shared experts.
  public var sharedExpert = "shared_experts"
  /// Full name.
  public var finalNorm = "model.norm.weight"
  /// Full name.
  public var head = "lm_head.weight"

  /// Llama's names.
  public init() {}

  /// `model.layers.N.`
  public func layerPrefix(_ layer: Int) -> String { "\(layers).\(layer)." }

  /// `model.layers.N.self_attn.` of a layer with this kind of mixer.
  public func mixerPrefix(_ layer: Int, _ kind: MixerKind) -> String {
    layerPrefix(layer) + (mixers[kind] ?? kind.mixer.moduleName) + "."
  }

  /// A mixer's tensor.
  public func name(_ role: MixerRole, layer: Int, _ kind: MixerKind) -> String {
    mixerPrefix(layer, kind) + (mixerTensors[kind]?[role] ?? role.rawValue)
  }

  /// A layer's tensor that is no mixer's.
  func name(_ role: TensorRole, layer: Int) -> String {
    let prefix = layerPrefix(layer)
    switch role {
    case .inputNorm: return prefix + inputNorm
    case .transformNorm: return prefix + transformNorm
    case .feedForward(let projection): return "\(prefix)\(feedForward).\(projection.rawValue).weight"
    case .router: return "\(prefix)\(feedForward).\(router)"
    case .correctionBias: return "\(prefix)\(feedForward).\(correctionBias)"
    case .expert(let expert, let projection):
      return "\(prefix)\(feedForward).experts.\(expert).\(projection.rawValue).weight"
    case .stackedGateUp: return "\(prefix)\(feedForward).experts.gate_up_proj"
    case .stackedDown: return "\(prefix)\(feedForward).experts.down_proj"
    case .sharedExpert(let projection): return "\(prefix)\(feedForward).\(sharedExpert).\(projection.rawValue).weight"
    case .embedding, .finalNorm, .head, .mixer, .other: preconditionFailure("\(role) is no tensor of layers alike")
    }
  }
}
