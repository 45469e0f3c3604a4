/// How a family names the tensors of a checkpoint. The defaults are Llama's, which most families share; a family says
/// where it differs. Mixers name their own tensors (`MixerRole`) unless the family spells one otherwise.
public struct TensorNames: Sendable {
  /// Full name.
  public var embedding = "model.embed_tokens.weight"
  /// Full name: of learned positions, where there are any.
  public var positions = "model.embed_positions.weight"
  /// The list of layers; layer N's tensors begin with it and ".N.".
  public var layers = "model.layers"
  /// Below the layer: before the mixer.
  public var inputNorm = "input_layernorm.weight"
  /// A mixer's module, by kind; absent: `Mixer.moduleName`.
  public var mixers: [MixerKind: String] = [:]
  /// Tensors of a mixer that are called otherwise than by their role.
  public var mixerTensors: [MixerKind: [MixerRole: String]] = [:]
  /// Below the layer: behind the mixer, where there is such a norm.
  public var mixerOutputNorm = "mixer_output_layernorm.weight"
  /// Below the layer: before the feed-forward.
  public var transformNorm = "post_attention_layernorm.weight"
  /// Below the layer: behind the feed-forward, where there is such a norm.
  public var transformOutputNorm = "post_feedforward_layernorm.weight"
  /// Larger tensors that hold several of a mixer's, by the names that these have below its module; the parts follow
  /// each other in the order of `Mixer.tensors`.
  public var fusedMixers: [MixerKind: [MixerRole: String]] = [:]
  /// Below `feedForward`: one tensor that holds gate and up.
  public var fusedGateUp: String?
  /// The module of feed-forward or experts.
  public var feedForward = "mlp"
  /// Projections of a dense feed-forward that are called otherwise than by their role.
  public var projections: [TensorRole.Projection: String] = [:]
  /// Matrices of layers are stored in x out.
  public var storesTransposed = false
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

  /// The name of the larger tensor that holds a layer's tensor; nil where it is stored by itself.
  private func fusedName(_ tensor: TensorSpec, _ kind: MixerKind) -> String? {
    guard let layer = tensor.layer else { return nil }
    switch tensor.role {
    case .mixer(let role): return fusedMixers[kind]?[role].map { mixerPrefix(layer, kind) + $0 }
    case .feedForward(.gate), .feedForward(.up):
      return fusedGateUp.map { "\(layerPrefix(layer))\(feedForward).\($0)" }
    default: return nil
    }
  }

  /// A layer's tensors, those that are rows of larger ones marked as such and beside each other.
  func placed(_ tensors: [TensorSpec], _ kind: MixerKind) -> [TensorSpec] {
    if fusedMixers.isEmpty && fusedGateUp == nil && !storesTransposed { return tensors }
    let names = tensors.map { fusedName($0, kind) }
    var filled: [String: Int] = [:]
    let placed = zip(tensors, names).map { tensor, name in
      var tensor = tensor
      tensor.isTransposed = storesTransposed && tensor.shape.count == 2
      guard let name else { return tensor }
      let all = zip(tensors, names).filter { $0.1 == name }.map { $0.0 }
      var part = tensor
      part.part = TensorSpec.Part(
        name: name, shape: [all.reduce(0) { $0 + $1.shape[0] }] + tensor.shape.dropFirst(),
        offset: filled[name] ?? 0)
      filled[name, default: 0] += tensor.count
      return part
    }
    let order = placed.map(\.storedName)
    return placed.enumerated().sorted {
      (order.firstIndex(of: $0.element.storedName)!, $0.offset) < (
        order.firstIndex(of: $1.element.storedName)!, $1.offset
      )
    }.map(\.element)
  }

  /// A norm's bias beside its weight.
  private func bias(of norm: String) -> String { norm.replacing(/weight$/, with: "bias") }

  /// Full name: of a LayerNorm's bias behind the last layer.
  var finalNormBias: String { bias(of: finalNorm) }

  /// A layer's tensor that is no mixer's.
  func name(_ role: TensorRole, layer: Int) -> String {
    let prefix = layerPrefix(layer)
    switch role {
    case .inputNorm: return prefix + inputNorm
    case .inputNormBias: return prefix + bias(of: inputNorm)
    case .transformNorm: return prefix + transformNorm
    case .transformNormBias: return prefix + bias(of: transformNorm)
    case .mixerOutputNorm: return prefix + mixerOutputNorm
    case .transformOutputNorm: return prefix + transformOutputNorm
    case .feedForward(let projection):
      return "\(prefix)\(feedForward).\(projections[projection] ?? projection.rawValue).weight"
    case .feedForwardBias(let projection):
      return "\(prefix)\(feedForward).\(projections[projection] ?? projection.rawValue).bias"
    case .router: return "\(prefix)\(feedForward).\(router)"
    case .correctionBias: return "\(prefix)\(feedForward).\(correctionBias)"
    case .expert(let expert, let projection):
      return "\(prefix)\(feedForward).experts.\(expert).\(projection.rawValue).weight"
    case .stackedGateUp: return "\(prefix)\(feedForward).experts.gate_up_proj"
    case .stackedDown: return "\(prefix)\(feedForward).experts.down_proj"
    case .sharedExpert(let projection): return "\(prefix)\(feedForward).\(sharedExpert).\(projection.rawValue).weight"
    case .embedding, .positions, .finalNorm, .finalNormBias, .head, .mixer, .other:
      preconditionFailure("\(role) is no tensor of layers alike")
    }
  }
}
