import ModelCore
import Published

extension ModelShape {
  /// The published models, in the order of `experiments/farskip/published/model_configs.csv`.
  public static let published: [ModelShape] = ModelConfig.publishedWithExperts.map(published)

  /// One of them.
  /// - Precondition: the name is one of `ModelConfig.publishedWithExperts`
  public static func published(_ name: String) -> ModelShape {
    guard let config = try? ModelConfig.preset(name), let shape = ModelShape(config, named: name) else {
      preconditionFailure("no published model with experts is called \(name)")
    }
    return shape
  }

  /// nil where no layer has experts. Layers count as having the first layer's kind of attention.
  public init?(_ config: ModelConfig, named name: String) {
    guard let experts = config.experts else { return nil }
    let latent = config.mixers[0] == .latentAttention ? config.latent : nil
    let dense = config.layerCount - experts.layers.count
    let attention: Attention =
      latent.map {
        .latent(
          queryRank: $0.qRank, kvRank: $0.kvRank, nope: $0.nopeHeadDim, rope: $0.ropeHeadDim, value: $0.valueHeadDim)
      } ?? .grouped(kvHeads: config.keyValueHeads, headDim: config.headDim)
    self.init(
      name, layers: config.layerCount, dense: dense, width: config.hiddenSize, heads: config.attentionHeads, attention,
      gated: latent?.outputGate ?? false, experts: experts.count, perToken: experts.perToken,
      shared: experts.sharedWidth / experts.width, expertWidth: experts.width, sharedWidth: experts.sharedWidth,
      denseWidth: dense > 0 ? config.intermediateSize : 0, vocabulary: config.vocabularySize)
  }
}
