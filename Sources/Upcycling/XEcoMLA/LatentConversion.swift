import Groundwork
import ModelCore

/// How attention layers become latent attention (X-EcoMLA, section 3, and what its repository adds).
public struct LatentConversion: Codable, Equatable, Sendable {
  /// Where a factorisation's singular values go. The function at step 0 is the same; what training does is not.
  public enum SigmaPlacement: String, Codable, CaseIterable, Sendable {
    /// Into the down-projection: the official code.
    case down
    /// Into the up-projection: the paper's Algorithm 1.
    case up
    /// Their square roots into both.
    case balanced
  }

  /// Where the new projections come from.
  public enum Start: String, Codable, CaseIterable, Sendable {
    /// Truncated SVDs of the base's projections: the paper's Algorithm 1.
    case svd
    /// The baseline: the new projections start as torch's `Linear` would, everything else is copied.
    case random
  }

  /// Which dimensions of a head rotate, and what the shared rope key is (see `RopeSlice`).
  public enum Rope: String, Codable, CaseIterable, Sendable {
    /// The last d_r dimensions, in neighbouring pairs; the mean of the KV heads.
    case paper
    /// The base's own pairs of the highest frequencies; the heads' best common direction.
    case aligned
  }

  /// What the factorisations minimise: the error of the weights, or of their outputs on calibration text.
  public enum Weighting: String, Codable, CaseIterable, Sendable {
    /// |W - W'|: the paper's.
    case plain
    /// |W x - W' x| over the layer's normed inputs x.
    case covariance
  }

  /// r_kv; may be nil when a rank rule chooses every layer's ranks.
  public var kvRank: Int?
  /// R_q, or how it follows from r_kv.
  public var queryRank: QueryRank
  /// d_qk
  public var nopeHeadDim: Int
  /// d_r
  public var ropeHeadDim: Int
  /// Which attention layers are converted.
  public var layers: LayerSelection
  /// Where the new projections come from.
  public var start: Start
  /// Which dimensions rotate.
  public var rope: Rope
  /// What the factorisations minimise.
  public var weighting: Weighting
  /// Where singular values go.
  public var sigma: SigmaPlacement
  /// Who chooses the ranks.
  public var rankRule: RankRule
  /// Share of the squared singular values of queries that rank rules keep, above 0 and at most 1.
  public var queryEnergy: Double
  /// The same for keys and values.
  public var keyValueEnergy: Double
  /// The first and the last layer keep `kvRank` and `queryRank` whatever the rule says
  /// (`use_fixed_rank_for_first_and_last_block`).
  public var fixedEnds: Bool
  /// Ranks are rounded up to multiples of it, parity ranks down; 1 on small models, 8 in the official code.
  public var granule: Int
  /// RMS norm on both latents.
  public var latentNorm: Bool
  /// The up-projection makes n_kv heads, each shared by its group of queries, instead of n_h.
  public var sharesUpProjection: Bool
  /// No positions in the latent layers (HyLo Table 5); nil is false.
  public var isPositionFree: Bool?
  /// A gate on the attention's output (HyLo Table 5), one half everywhere at the start, behind which the output
  /// projection is doubled: the start is the same as without. nil is false.
  public var outputGate: Bool?
  /// Seed of the random start.
  public var seed: UInt64

  /// X-EcoMLA's official choices unless said otherwise.
  public init(
    kvRank: Int?, queryRank: QueryRank = .auto, nopeHeadDim: Int, ropeHeadDim: Int, layers: LayerSelection = .all,
    start: Start = .svd, rope: Rope = .paper, weighting: Weighting = .plain, sigma: SigmaPlacement = .down,
    rankRule: RankRule = .fixed, queryEnergy: Double = 0.95, keyValueEnergy: Double = 0.95, fixedEnds: Bool = false,
    granule: Int = 1, latentNorm: Bool = false, sharesUpProjection: Bool = false, seed: UInt64 = 0
  ) {
    self.kvRank = kvRank
    self.queryRank = queryRank
    self.nopeHeadDim = nopeHeadDim
    self.ropeHeadDim = ropeHeadDim
    self.layers = layers
    self.start = start
    self.rope = rope
    self.weighting = weighting
    self.sigma = sigma
    self.rankRule = rankRule
    self.queryEnergy = queryEnergy
    self.keyValueEnergy = keyValueEnergy
    self.fixedEnds = fixedEnds
    self.granule = granule
    self.latentNorm = latentNorm
    self.sharesUpProjection = sharesUpProjection
    self.seed = seed
  }

  /// Heads of the up-projection.
  public func upProjectionHeads(_ base: ModelConfig) -> Int {
    sharesUpProjection ? base.keyValueHeads : base.attentionHeads
  }

  /// Rank of the matrix that the query factorisation sees.
  public func maxQueryRank(_ base: ModelConfig) -> Int {
    rope == .paper ? base.maxQueryRank : min(base.hiddenSize, base.attentionHeads * (nopeHeadDim + ropeHeadDim))
  }

  /// Rank of the stacked key and value matrix: all key rows in the paper, the position-free ones when aligned.
  public func maxKVRank(_ base: ModelConfig) -> Int {
    rope == .paper ? base.maxKVRank : min(base.hiddenSize, base.keyValueHeads * (nopeHeadDim + base.headDim))
  }
}

// MARK: - What can be asked of a base model

extension LatentConversion {
  /// Refuses what cannot be done to this base model, naming the option; returns the layers to convert.
  public func validate(base: ModelConfig) throws -> [Int] {
    func require(
      _ condition: Bool, _ what: String, _ option: String, _ expected: String, _ found: Any, hint: String? = nil
    ) throws {
      if !condition { throw UpcycleError.usage(what, at: option, expected: expected, found: "\(found)", hint: hint) }
    }
    let head = base.headDim
    try require(
      ropeHeadDim > 0 && ropeHeadDim % 2 == 0 && ropeHeadDim <= head, "impossible rope width", "`rope_dim`",
      "an even number in 2...\(head), the head width", ropeHeadDim)
    try require(
      (0...head).contains(nopeHeadDim), "impossible position-free width", "`nope_dim`", "0...\(head), the head width",
      nopeHeadDim)
    if rope == .aligned {
      try require(
        nopeHeadDim <= head - ropeHeadDim && nopeHeadDim % 2 == 0, "aligned pairs are either rotated or position-free",
        "`nope_dim`", "an even number in 0...\(head - ropeHeadDim) (head width - rope dim)", nopeHeadDim)
      try require(
        base.rope.frequencyDim == nil, "needs whole rotary heads", "`rope_init`", "a plain base",
        "frequency_dim")
    }
    try require((1...1 << 20).contains(granule), "impossible granule", "`granule`", "1...\(1 << 20)", granule)
    for (option, share) in [("`delta_q`", queryEnergy), ("`delta_kv`", keyValueEnergy)] {
      try require(
        share > 0 && share <= 1, "impossible share of energy", option, "a number above 0 and at most 1", share)
    }
    let choosesAll = rankRule != .fixed && !fixedEnds
    if let kvRank {
      try require(
        (1...maxKVRank(base)).contains(kvRank), "is no rank of the stacked key and value matrix", "`kv_rank`",
        "1...\(maxKVRank(base))", kvRank)
    } else {
      try require(
        choosesAll, "is needed", "`kv_rank`", "a rank", "nothing", hint: "or `rank_rule` dynamic without `fixed_ends`")
    }
    if case .fixed(let rank) = queryRank {
      try require(
        (1...maxQueryRank(base)).contains(rank), "is no rank of the query matrix", "`q_rank`",
        "1...\(maxQueryRank(base))", rank)
    }
    if start == .random {
      try require(
        rankRule == .fixed, "a random start has no singular values", "`rank_rule`", "fixed", rankRule.rawValue)
      try require(weighting == .plain, "a random start factorises nothing", "`svd`", "plain", weighting.rawValue)
    }
    let layers = try self.layers.resolve(layerCount: base.layerCount)
    for layer in layers {
      try require(
        base.mixers[layer] == .attention, "is not an attention layer", "`layers`", "attention",
        "layer \(layer): \(base.mixers[layer].rawValue)")
    }
    for (what, isThere, key) in [
      ("norms over all heads at once have no place in latent attention", base.attention.qkNormSpansHeads, "olmo2"),
      ("a base's gates behind attention have no place here", base.attention.outputGate, "attn_output_gate"),
      (
        "capped scores are not implemented in latent attention", base.attention.scoreCap != nil,
        "attn_logit_softcapping"
      ),
      (
        "heads that turn in part have no place in latent attention", base.rope.rotatedShare != 1,
        "partial_rotary_factor"
      ),
    ] { try require(!isThere, what, "`model`", "a base without them", key) }
    let ropes = layers.map { base.attentionRope(layer: $0) }
    try require(
      ropes.allSatisfy { $0 == ropes.first }, "layers with and without a window turn by different ropes", "`layers`",
      "layers of one kind", "both", hint: "convert one kind, or those to other mixers")
    try require(base.latent == nil, "already has latent layers", "`model`", "an attention-only base", "kv_lora_rank")
    return layers
  }
}
