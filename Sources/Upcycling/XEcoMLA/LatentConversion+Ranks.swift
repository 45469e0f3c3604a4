import Groundwork
import ModelCore
import TensorCore

/// The ranks that a conversion asks for where no rule chooses them.
struct FixedRanks {
  var q: Int
  var kv: Int
  /// What parity would have given, when the matrix has a smaller rank.
  var clampedFrom: Int?
}

extension LatentConversion: MixerReplacement {
  public static var kind: MixerKind { .latentAttention }
  /// Factorises layer by layer; refuses a weighting by covariances, which calibration text would have to give.
  public func converted(_ base: LanguageModel) throws -> LanguageModel { try convert(base: base, self).model }

  /// The converted model's shape, where no rule chooses ranks from the weights; refuses what cannot be done.
  public func config(base: ModelConfig) throws -> ModelConfig {
    precondition(rankRule == .fixed, "ranks chosen from the weights are not known before")
    let layers = try validate(base: base)
    return try base.withLatentAttention(latentConfig(base, ranks: [:], fixed: fixedRanks(base)), layers: layers)
  }

  /// Rounded up to the granule (the official code's treatment of its yaml ranks) and at most the matrices' ranks.
  func fixedRanks(_ base: ModelConfig) throws -> FixedRanks {
    func rounded(_ rank: Int) -> Int { (rank + granule - 1) / granule * granule }
    guard let kvRank else { return FixedRanks(q: 0, kv: 0, clampedFrom: nil) }
    let kv = min(rounded(kvRank), maxKVRank(base))
    let resolved = try queryRank.resolve(
      base: base, kvRank: kv, nopeHeadDim: nopeHeadDim, ropeHeadDim: ropeHeadDim,
      upProjectionHeads: upProjectionHeads(base), granule: granule)
    let wanted = queryRank == .auto ? resolved.rank : rounded(resolved.rank)
    let limit = maxQueryRank(base)
    return FixedRanks(
      q: min(wanted, limit), kv: kv, clampedFrom: resolved.clampedFrom ?? (resolved.rank > limit ? resolved.rank : nil))
  }

  /// What the rule chooses for one layer.
  func ranks(of factors: LatentFactors, layer: Int, base: ModelConfig, fixed: FixedRanks) -> (q: Int, kv: Int) {
    if fixedEnds && (layer == 0 || layer == base.layerCount - 1) { return (fixed.q, fixed.kv) }
    func choose(_ svd: TruncatedSVD, _ share: Double, _ fixed: Int) -> Int {
      rankRule.rank(
        singularValues: svd.singularValues, energy: svd.energy, share: share, fixed: fixed, granule: granule)
    }
    return (choose(factors.query, queryEnergy, fixed.q), choose(factors.keyValue, keyValueEnergy, fixed.kv))
  }

  /// The converted layers' shape.
  func latentConfig(_ base: ModelConfig, ranks: [Int: LatentConfig.Ranks], fixed: FixedRanks) -> LatentConfig {
    var latent = LatentConfig(
      qRank: fixed.q > 0 ? fixed.q : ranks.values.compactMap(\.q).max(),
      kvRank: fixed.kv > 0 ? fixed.kv : ranks.values.map(\.kv).max() ?? 1,
      nopeHeadDim: nopeHeadDim, ropeHeadDim: ropeHeadDim, valueHeadDim: base.headDim,
      upProjectionHeads: upProjectionHeads(base), latentNorm: latentNorm, ropeInterleaved: rope == .paper,
      qkNorm: base.attention.qkNorm, qkvBias: base.attention.qkvBias)
    latent.isPositionFree = isPositionFree ?? false
    latent.outputGate = outputGate ?? false
    latent.layerRanks = ranks.filter { $0.value != LatentConfig.Ranks(q: latent.qRank, kv: latent.kvRank) }
    let baseRope = base.attentionRope(layer: (try? layers.resolve(layerCount: base.layerCount))?.first ?? 0)
    switch rope {
    case .paper:
      if baseRope != base.rope { latent.rope = baseRope }
      latent.attentionScale = base.attention.scale.map {
        $0 * (Double(base.headDim) / Double(nopeHeadDim + ropeHeadDim)).squareRoot()
      }
      // The official code replaces Llama 3's rule by YaRN over the slice, cos and sin scaled with it.
      if case .llama3(let rule) = baseRope.scaling {
        latent.rope = RopeConfig(
          theta: baseRope.theta,
          scaling: .yarn(.init(factor: rule.factor, originalMaxPosition: rule.originalMaxPosition)))
      }
    case .aligned:
      latent.rope = baseRope
      latent.rope?.frequencyDim = base.headDim
      latent.attentionScale = base.attentionScale
    }
    return latent
  }
}
