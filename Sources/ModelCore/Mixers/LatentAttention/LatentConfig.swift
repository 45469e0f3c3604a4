/// The shape of latent attention (MLA), shared by every latent layer of a model except for ranks.
///
/// Per token a layer caches `kvRank` latent numbers and one `ropeHeadDim` wide rotary key shared by all heads.
public struct LatentConfig: MixerShape {
  public static var kind: MixerKind { .latentAttention }

  /// Widths of a layer's latents.
  public struct Ranks: Equatable, Sendable {
    /// Width of the query latent; nil: one direct query projection.
    public var q: Int?
    /// R_kv
    public var kv: Int
    /// - Parameter q: nil: direct queries
    public init(q: Int?, kv: Int) {
      self.q = q
      self.kv = kv
    }
  }

  /// Width of the query latent (`q_lora_rank`); nil: one direct query projection.
  public var qRank: Int?
  /// Width of the key/value latent (`kv_lora_rank`).
  public var kvRank: Int
  /// Position-free width of a query/key head (`qk_nope_head_dim`).
  public var nopeHeadDim: Int
  /// Rotated width of a query/key head (`qk_rope_head_dim`).
  public var ropeHeadDim: Int
  /// Width of a value head (`v_head_dim`).
  public var valueHeadDim: Int
  /// Heads that the up-projection produces: the query heads (X-EcoMLA, DeepSeek) or the base model's
  /// KV heads, each then shared by its group of queries (Zebra-Llama's `use_full_kv_head: false`).
  public var upProjectionHeads: Int
  /// RMS norm on both latents (`use_lora_layer_norm`; always on in DeepSeek models).
  public var latentNorm: Bool
  /// Epsilon of those norms; DeepSeek's code fixes it at 1e-6 whatever `rms_norm_eps` says.
  public var latentNormEps: Double
  /// Rotary pairs are neighbours (2j, 2j+1), as in DeepSeek; else halves (j, j + d_r/2), as in Llama.
  public var ropeInterleaved: Bool
  /// RMS norm over each whole query and key head.
  public var qkNorm: Bool
  /// Biases on the up-projections and on the rotary key, which carry a base's biases on q, k and v (Qwen2): what a
  /// latent would be moved by goes into what is made of it.
  public var qkvBias: Bool
  /// Nothing is rotated: no positions ("NoPE in MLA", HyLo Table 5). The rope slice stays, as a key shared by all
  /// heads.
  public var isPositionFree: Bool
  /// A sigmoid gate, made from the layer's input, on every number of the attention's output before the output
  /// projection ("attention gating", HyLo Table 5).
  public var outputGate: Bool
  /// Layers whose ranks differ from `qRank` and `kvRank` (`layer_rank_list`).
  public var layerRanks: [Int: Ranks]
  /// Rotary embedding of the latent layers when it is not the model's.
  public var rope: RopeConfig?
  /// Softmax scale; nil: (d_nope + d_rope)^(-1/2), times DeepSeek's YaRN factor.
  public var attentionScale: Double?
  /// The model was made with latent attention (DeepSeek), rather than converted from attention with heads of
  /// `headDim`, whose projections bound the ranks.
  public var isNative: Bool

  /// A converted model's shape with X-EcoMLA's choices unless said otherwise.
  public init(
    qRank: Int?, kvRank: Int, nopeHeadDim: Int, ropeHeadDim: Int, valueHeadDim: Int, upProjectionHeads: Int,
    latentNorm: Bool = false, latentNormEps: Double = 1e-6, ropeInterleaved: Bool = true, qkNorm: Bool = false,
    qkvBias: Bool = false,
    isPositionFree: Bool = false, outputGate: Bool = false, layerRanks: [Int: Ranks] = [:], rope: RopeConfig? = nil,
    attentionScale: Double? = nil, isNative: Bool = false
  ) {
    self.qRank = qRank
    self.kvRank = kvRank
    self.nopeHeadDim = nopeHeadDim
    self.ropeHeadDim = ropeHeadDim
    self.valueHeadDim = valueHeadDim
    self.upProjectionHeads = upProjectionHeads
    self.latentNorm = latentNorm
    self.latentNormEps = latentNormEps
    self.ropeInterleaved = ropeInterleaved
    self.qkNorm = qkNorm
    self.qkvBias = qkvBias
    self.isPositionFree = isPositionFree
    self.outputGate = outputGate
    self.layerRanks = layerRanks
    self.rope = rope
    self.attentionScale = attentionScale
    self.isNative = isNative
  }

  /// Width of a query/key head.
  public var queryKeyHeadDim: Int { nopeHeadDim + ropeHeadDim }

  /// The ranks of one layer.
  public func ranks(layer: Int) -> Ranks { layerRanks[layer] ?? Ranks(q: qRank, kv: kvRank) }
}

extension ModelConfig {
  /// Shape of latent attention; present when any layer has it.
  public var latent: LatentConfig? {
    get { shape() }
    set { setShape(newValue) }
  }

  /// Rotary embedding of latent layers: their own, or the model's.
  public var latentRope: RopeConfig { latent?.rope ?? rope }

  /// Softmax scale of latent layers: (d_nope + d_rope)^(-1/2) with DeepSeek's YaRN factor, unless the shape says
  /// another. 1 without latent layers.
  public var latentScale: Double {
    guard let latent else { return 1 }
    return latent.attentionScale ?? latentRope.latentScaleFactor / Double(latent.queryKeyHeadDim).squareRoot()
  }

  /// Rank of the stacked key and value matrix: min(d, 2 n_kv d_h); of native latent attention that of the
  /// up-projection.
  public var maxKVRank: Int {
    if let latent, latent.isNative {
      return min(hiddenSize, latent.upProjectionHeads * (latent.nopeHeadDim + latent.valueHeadDim))
    }
    return min(hiddenSize, 2 * keyValueHeads * headDim)
  }

  /// Rank of the query matrix: min(d, n_h d_h); of native latent attention min(d, n_h (d_nope + d_rope)).
  public var maxQueryRank: Int {
    if let latent, latent.isNative { return min(hiddenSize, attentionHeads * latent.queryKeyHeadDim) }
    return min(hiddenSize, attentionHeads * headDim)
  }

  /// This model with `layers` (all if nil) turned into latent attention; validated.
  public func withLatentAttention(_ latent: LatentConfig, layers: [Int]? = nil) throws -> ModelConfig {
    var config = self
    config.latent = latent
    return try config.replacingMixers(layers, with: .latentAttention)
  }
}
