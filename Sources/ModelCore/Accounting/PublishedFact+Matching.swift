extension PublishedFact {
  /// The rows that speak of exactly this shape, wrong ones included.
  public static func matching(_ config: ModelConfig) throws -> [PublishedFact] {
    try xecomla.filter { fact in
      let base = try ModelConfig.preset(fact.preset)
      guard base.hasAttentionShape(of: config.baseModel), base.vocabularySize == config.vocabularySize,
        base.intermediateSize == config.intermediateSize
      else { return false }
      guard let theirs = fact.latent, let ours = config.latent else { return fact.latent == nil && config.latent == nil }
      return theirs.kvRank == ours.kvRank && theirs.headDim == (ours.nopeHeadDim, ours.ropeHeadDim)
        && (theirs.qRank == nil || theirs.qRank == ours.qRank) && ours.layerRanks.isEmpty
        && (theirs.layers ?? Array(0..<config.layerCount)) == config.layers(of: .latentAttention)
    }
  }
}
