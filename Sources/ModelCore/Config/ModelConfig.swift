import Foundation
import Groundwork

/// A decoder's shape: everything config.json says that changes what is computed.
///
/// Reads and writes the Hub's keys (`ModelConfig+JSON.swift`); `validate()` refuses impossible values.
/// Changing a field means making a new value and validating it again.
public struct ModelConfig: Equatable, Sendable {
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
  /// Feed-forward width (`intermediate_size`).
  public var intermediateSize: Int
  /// `vocab_size`.
  public var vocabularySize: Int
  /// The head shares the embedding's weights (`tie_word_embeddings`).
  public var tieWordEmbeddings: Bool
  /// `rms_norm_eps`.
  public var rmsNormEps: Double
  /// Bias on q, k, v of attention layers, none on o (Qwen2).
  public var qkvBias: Bool
  /// RMS norm over each query and key head of attention layers (Qwen3).
  public var qkNorm: Bool
  /// A sigmoid gate on the output of attention layers, from rows of q_proj (`attn_output_gate`; Qwen3-Next).
  public var attentionGate: Bool
  public var rope: RopeConfig
  /// Context length (`max_position_embeddings`).
  public var maxPosition: Int
  public var bosTokenId: Int?
  /// One or several ids that end a text.
  public var eosTokenIds: [Int]
  /// The mixer of every layer (`layer_types`).
  public var mixers: [MixerKind]
  /// Present when any layer is latent attention.
  public var latent: LatentConfig?
  /// Present when any layer is Mamba2.
  public var mamba: MambaConfig?
  /// Present when any layer is Gated DeltaNet.
  public var delta: DeltaConfig?
  /// Present when any layer has experts.
  public var experts: ExpertConfig?
  /// Where every layer reads the residual streams (`farskip_connectivity`, our own key); empty: standard everywhere.
  public var connectivities: [Connectivity]
  /// Present in Llama-4 models.
  public var llama4: Llama4Config?

  public init(
    architecture: Architecture = .llama, hiddenSize: Int, layerCount: Int, attentionHeads: Int, keyValueHeads: Int,
    headDim: Int? = nil, intermediateSize: Int, vocabularySize: Int, tieWordEmbeddings: Bool = false,
    rmsNormEps: Double = 1e-5, qkvBias: Bool = false, qkNorm: Bool = false, attentionGate: Bool = false,
    rope: RopeConfig = RopeConfig(), maxPosition: Int = 2048, bosTokenId: Int? = nil, eosTokenIds: [Int] = [],
    mixers: [MixerKind]? = nil, latent: LatentConfig? = nil, mamba: MambaConfig? = nil, delta: DeltaConfig? = nil,
    experts: ExpertConfig? = nil, connectivities: [Connectivity] = [], llama4: Llama4Config? = nil
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
    self.qkvBias = qkvBias
    self.qkNorm = qkNorm
    self.attentionGate = attentionGate
    self.rope = rope
    self.maxPosition = maxPosition
    self.bosTokenId = bosTokenId
    self.eosTokenIds = eosTokenIds
    self.mixers = mixers ?? Array(repeating: .attention, count: max(layerCount, 0))
    self.latent = latent
    self.mamba = mamba
    self.delta = delta
    self.experts = experts
    self.connectivities = connectivities
    self.llama4 = llama4
  }

  /// Query heads that share one KV head.
  public var groupSize: Int { attentionHeads / keyValueHeads }

  /// Rows of q_proj: all query heads, each with its gate if they have one.
  public var attentionQueryWidth: Int { attentionHeads * headDim * (attentionGate ? 2 : 1) }

  /// Dimensions of an attention head that rope turns, from the first on.
  public var rotaryDim: Int { Int(Double(headDim) * rope.rotatedShare) }

  /// What the weights of RMS norms are differences from: 1 in Qwen3-Next, but for its Gated DeltaNet's output norm.
  public var normOffset: Float { architecture == .qwen3Next ? 1 : 0 }

  /// Layers of a kind, ascending.
  public func layers(of kind: MixerKind) -> [Int] { mixers.indices.filter { mixers[$0] == kind } }

  /// Rotary embedding that a layer of this kind uses.
  public func rope(of kind: MixerKind) -> RopeConfig {
    kind == .latentAttention ? latent?.rope ?? rope : rope
  }

  /// Softmax scale of a layer of this kind: d_h^(-1/2), or (d_nope + d_rope)^(-1/2) with DeepSeek's YaRN factor.
  public func attentionScale(of kind: MixerKind) -> Double {
    guard kind == .latentAttention, let latent else { return 1 / Double(headDim).squareRoot() }
    return latent.attentionScale ?? rope(of: kind).latentScaleFactor / Double(latent.queryKeyHeadDim).squareRoot()
  }

  /// This model with `layers` (all if nil) turned into latent attention; validated.
  public func withLatentAttention(_ latent: LatentConfig, layers: [Int]? = nil) throws -> ModelConfig {
    var config = self
    config.latent = latent
    return try config.replacing(layers, with: .latentAttention)
  }

  /// This model with `layers` (all if nil) turned into Mamba2, grouped as its attention is unless `mamba` says
  /// otherwise; validated.
  public func withMamba2(_ mamba: MambaConfig? = nil, layers: [Int]? = nil) throws -> ModelConfig {
    var config = self
    config.mamba = mamba ?? MambaConfig(grouping: self)
    return try config.replacing(layers, with: .mamba2)
  }

  /// This model with `layers` (all if nil) turned into Gated DeltaNet, of HyLo's shape unless `delta` says otherwise;
  /// validated.
  public func withGatedDeltaNet(_ delta: DeltaConfig? = nil, layers: [Int]? = nil) throws -> ModelConfig {
    var config = self
    config.delta = try delta ?? DeltaConfig(replacing: self)
    return try config.replacing(layers, with: .gatedDeltaNet)
  }

  private func replacing(_ layers: [Int]?, with kind: MixerKind) throws -> ModelConfig {
    if [.qwen3Next, .gatedDeltaNet, .mamba2].contains(architecture) || experts != nil {
      throw UpcycleError.usage(
        "cannot replace layers of this architecture", at: "model_type", found: architecture.rawValue)
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
    config.latent = nil
    config.mamba = nil
    config.delta = nil
    // Experts stay: what is compared are mixers.
    if architecture == .hybrid || architecture.isDeepSeek {
      config.architecture = qkNorm ? .qwen3 : qkvBias ? .qwen2 : .llama
    }
    return config
  }
}
