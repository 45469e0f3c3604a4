import Foundation
import Groundwork

/// What a model is: the sizes of its parts, and a mixer and a feed-forward for every layer. Everything that changes
/// what is computed stands here; how a family of the Hub spells it is the family's affair (`architecture`).
///
/// `validate(file:)` refuses impossible values. Changing a field means making a new value and validating it again.
public struct ModelConfig: Equatable, Sendable {
  /// The family that the configuration and the tensors are spelled in.
  public var architecture: Architecture
  /// d, the width of the residual stream (`hidden_size`).
  public var hiddenSize: Int
  /// L (`num_hidden_layers`).
  public var layerCount: Int
  /// n_h (`num_attention_heads`).
  public var attentionHeads: Int
  /// n_kv (`num_key_value_heads`); in a converted model still the base model's, for accounting.
  public var keyValueHeads: Int
  /// d_h (`head_dim`).
  public var headDim: Int
  /// Feed-forward width (`intermediate_size`); 0: no feed-forward behind the mixers.
  public var intermediateSize: Int
  /// `vocab_size`.
  public var vocabularySize: Int
  /// The head shares the embedding's weights (`tie_word_embeddings`).
  public var tieWordEmbeddings: Bool
  /// `rms_norm_eps`.
  public var rmsNormEps: Double
  /// What the weights of RMS norms are differences from: 1 in Qwen3-Next, else 0. Norms inside of mixers may differ.
  public var normOffset: Float
  /// Norms, activation and factors around mixers and feed-forwards.
  public var block: BlockConfig
  /// What attention layers have beside sizes and rope; in a converted model still the base model's.
  public var attention: AttentionConfig
  /// Rotary positions (`rope_parameters`, or `rope_theta` and `rope_scaling`).
  public var rope: RopeConfig
  /// Context length (`max_position_embeddings`).
  public var maxPosition: Int
  /// The id that begins a text (`bos_token_id`); nil for none.
  public var bosTokenId: Int?
  /// One or several ids that end a text.
  public var eosTokenIds: [Int]
  /// The mixer of every layer (`layer_types`).
  public var mixers: [MixerKind]
  /// The shapes of mixers other than attention, each read and set in its mixer's folder (`latent`, `mamba`, `delta`).
  private var shapes: MixerShapes
  /// Present when any layer has experts.
  public var experts: ExpertConfig?
  /// Where every layer reads the residual streams (`farskip_connectivity`, our own key); empty: standard everywhere.
  public var connectivities: [Connectivity]

  /// - Parameters:
  ///   - headDim: nil: `hiddenSize` / `attentionHeads`
  ///   - mixers: nil: attention everywhere
  ///   - shapes: of the mixers that have one
  public init(
    architecture: Architecture = .llama, hiddenSize: Int, layerCount: Int, attentionHeads: Int, keyValueHeads: Int,
    headDim: Int? = nil, intermediateSize: Int, vocabularySize: Int, tieWordEmbeddings: Bool = false,
    rmsNormEps: Double = 1e-5, normOffset: Float = 0, block: BlockConfig = BlockConfig(),
    attention: AttentionConfig = AttentionConfig(),
    rope: RopeConfig = RopeConfig(), maxPosition: Int = 2048, bosTokenId: Int? = nil, eosTokenIds: [Int] = [],
    mixers: [MixerKind]? = nil, shapes: [any MixerShape] = [], experts: ExpertConfig? = nil,
    connectivities: [Connectivity] = []
  ) {
    self.architecture = architecture
    self.hiddenSize = hiddenSize
    self.layerCount = layerCount
    self.attentionHeads = attentionHeads
    self.keyValueHeads = keyValueHeads
    self.headDim = headDim ?? hiddenSize / max(attentionHeads, 1)
    self.intermediateSize = intermediateSize
    self.vocabularySize = vocabularySize
    self.tieWordEmbeddings = tieWordEmbeddings
    self.rmsNormEps = rmsNormEps
    self.normOffset = normOffset
    self.block = block
    self.attention = attention
    self.rope = rope
    self.maxPosition = maxPosition
    self.bosTokenId = bosTokenId
    self.eosTokenIds = eosTokenIds
    self.mixers = mixers ?? Array(repeating: .attention, count: max(layerCount, 0))
    self.shapes = MixerShapes(shapes)
    self.experts = experts
    self.connectivities = connectivities
  }

  /// The shape of a kind of mixer, by its type; nil where the model has none.
  public func shape<Shape: MixerShape>() -> Shape? { shapes.get() }

  /// Keeps the shape of a kind of mixer, or forgets it.
  public mutating func setShape<Shape: MixerShape>(_ shape: Shape?) { shapes.set(shape) }

  /// Takes the shapes of all kinds of mixer that another model has.
  public mutating func takeShapes(of other: ModelConfig) { shapes.take(other.shapes) }

  /// Whether a feed-forward or experts stand behind the mixers.
  public var hasFeedForward: Bool { intermediateSize > 0 }

  /// Layers of a kind, ascending.
  public func layers(of kind: MixerKind) -> [Int] { mixers.indices.filter { mixers[$0] == kind } }

  /// Kinds of mixer that some layer has, in the order of their registration.
  public var kinds: [MixerKind] { Mixers.kinds.filter(mixers.contains) }

  /// This model with `layers` (all if nil) given another mixer, whose shape is set already; validated.
  /// - Throws: a usage error for layers that it does not have, and for a model that could not be spelled then
  public func replacingMixers(_ layers: [Int]?, with kind: MixerKind) throws -> ModelConfig {
    if !architecture.family.isConvertible || experts != nil {
      throw UpcycleError.usage(
        "cannot replace layers of this architecture", at: "model_type in config.json",
        expected: experts == nil ? "a family with rotary attention, such as llama" : "a model without experts",
        found: experts.map { "\($0.count) experts" } ?? architecture.rawValue)
    }
    var config = self
    config.architecture = .hybrid
    for layer in layers ?? Array(0..<layerCount) {
      guard mixers.indices.contains(layer) else {
        throw UpcycleError.usage(
          "layer index out of range", at: "layers", expected: "0...\(layerCount - 1)", found: "\(layer)")
      }
      config.mixers[layer] = kind
    }
    try config.validate(file: "converted configuration")
    return config
  }

  /// The attention-only model with the same widths: what KV percentages and parameter parity refer to.
  public var baseModel: ModelConfig {
    var config = self
    config.mixers = Array(repeating: .attention, count: layerCount)
    config.shapes = MixerShapes([])
    // Experts stay: what is compared are mixers.
    config.architecture = architecture.family.architecture(attentionOnly: self)
    if hasPositionFreeGates {
      config.attention.outputGate = false
      config.attention.unrotatedLayers.removeAll(where: layers(of: .attention).contains)
    }
    return config
  }

  /// Whether gates and missing positions of the attention are a conversion's (HypeNet), which takes no base with gates.
  private var hasPositionFreeGates: Bool {
    let kept = layers(of: .attention)
    return attention.outputGate && !kept.isEmpty && kept.count < layerCount
      && kept.allSatisfy(attention.unrotatedLayers.contains)
  }

  /// Whether two models agree in everything that attention weights depend on.
  public func hasAttentionShape(of other: ModelConfig) -> Bool {
    (hiddenSize, layerCount, attentionHeads, keyValueHeads, headDim)
      == (other.hiddenSize, other.layerCount, other.attentionHeads, other.keyValueHeads, other.headDim)
  }
}
