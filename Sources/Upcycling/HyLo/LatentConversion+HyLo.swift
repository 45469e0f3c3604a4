import ModelCore
import Published

extension LatentConversion {
  /// The shape of HyLo's latent attention for a base, and its start: the published one where HyLo has
  /// a model of that base; else r_kv an eighth of the stacked keys and values, r_q 21/32 of the queries, as the
  /// published 1B and 1.7B models, and half of each head rotated.
  public static func hylo(_ base: ModelConfig, seed: UInt64 = 0) -> LatentConversion {
    let half = base.halfRotated
    let published = HyLoModel.latent(replacing: base)
    return LatentConversion(
      kvRank: published?.kvRank ?? max(1, base.maxKVRank / 8),
      queryRank: .fixed(published?.qRank ?? max(1, base.maxQueryRank * 21 / 32)),
      nopeHeadDim: published?.nopeHeadDim ?? half.nope, ropeHeadDim: published?.ropeHeadDim ?? half.rope,
      sharesUpProjection: true, seed: seed)
  }
}
