import Autograd
import ModelCore

/// Small models, most of them with experts.
enum TinyFamilies {
  static let vocabulary = 13

  /// No experts.
  static let dense = ModelConfig(
    hiddenSize: 16, layerCount: 3, attentionHeads: 4, keyValueHeads: 2, headDim: 4, intermediateSize: 24,
    vocabularySize: vocabulary, tieWordEmbeddings: true)

  /// Families that differ in what travels: shared experts and latent attention; stacked experts weighed at their input.
  static func all(_ connectivity: Connectivity) throws -> [(name: String, config: ModelConfig)] {
    var deepseek = ModelConfig(
      architecture: .deepseekV2, hiddenSize: 16, layerCount: 4, attentionHeads: 4, keyValueHeads: 2, headDim: 5,
      intermediateSize: 12, vocabularySize: vocabulary, rope: RopeConfig(theta: 50),
      experts: ExpertConfig(
        count: 8, perToken: 2, width: 8, sharedWidth: 8, layers: [1, 2, 3], rule: ExpertConfig.deepSeekV2(scale: 1.5)))
    deepseek.mixers = Array(repeating: .latentAttention, count: 4)
    deepseek.latent = LatentConfig(
      qRank: nil, kvRank: 6, nopeHeadDim: 3, ropeHeadDim: 4, valueHeadDim: 5, upProjectionHeads: 4, latentNorm: true,
      isNative: true)
    var qwen = ModelConfig(
      architecture: .qwen3MoE, hiddenSize: 16, layerCount: 3, attentionHeads: 4, keyValueHeads: 2, headDim: 4,
      intermediateSize: 12, vocabularySize: vocabulary, rope: RopeConfig(theta: 50),
      experts: ExpertConfig(
        count: 4, perToken: 2, width: 8, layers: [0, 1, 2], rule: RoutingRule(score: .softmax, isNormalized: true)))
    qwen.attention.qkNorm = true
    var scout = ModelConfig(
      architecture: .llama4, hiddenSize: 16, layerCount: 3, attentionHeads: 4, keyValueHeads: 2, headDim: 4,
      intermediateSize: 12, vocabularySize: vocabulary, rope: RopeConfig(theta: 50),
      experts: ExpertConfig(
        count: 4, perToken: 1, width: 8, sharedWidth: 8, layers: [0, 1, 2], rule: RoutingRule(score: .sigmoid),
        weighsInput: true, isStacked: true))
    scout.attention = AttentionConfig(
      ropeInterleaved: true, unrotatedLayers: [1], normsRotated: true, temperature: .init(floorScale: 3, slope: 0.5),
      chunks: .init(layers: [2], size: 16))
    return try [("deepseek", deepseek), ("qwen", qwen), ("scout", scout)].map { name, config in
      (name, connectivity == .standard ? config : try config.connecting(Array(0..<config.layerCount), as: connectivity))
    }
  }
}
