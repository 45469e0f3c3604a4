import ModelCore

extension PublishedFact {
  /// The rows that speak of exactly this shape, wrong ones included.
  public static func matching(_ config: ModelConfig) throws -> [PublishedFact] {
    if config.recurrentNumbers > 0 {
      let tensors = config.tensors
      let names = try HyLoModel.all.map(\.name).filter { try ModelConfig.preset($0).tensors == tensors }
      return hylo.filter { names.contains($0.preset) }
    }
    return try xecomla.filter { fact in
      let base = try ModelConfig.preset(fact.preset)
      guard base.hasAttentionShape(of: config.baseModel), base.vocabularySize == config.vocabularySize,
        base.intermediateSize == config.intermediateSize
      else { return false }
      guard let theirs = fact.latent, let ours = config.latent else {
        return fact.latent == nil && config.latent == nil
      }
      return theirs.kvRank == ours.kvRank && theirs.headDim == (ours.nopeHeadDim, ours.ropeHeadDim)
        && (theirs.qRank == nil || theirs.qRank == ours.qRank) && ours.layerRanks.isEmpty
        && (theirs.layers ?? Array(0..<config.layerCount)) == config.layers(of: .latentAttention)
    }
  }
}
