import Autograd

extension ModelConfig {
  /// The models of FarSkip-Collective by their public configs.
  static let publishedWithExperts: [(name: String, config: ModelConfig)] = [
    (
      "deepseek-v2-lite",
      deepSeek(
        .deepseekV2, hidden: 2048, layers: 27, heads: 16, feedForward: 10_944, vocabulary: 102_400, qRank: nil,
        ExpertConfig(
          count: 64, perToken: 6, width: 1408, sharedWidth: 2816, layers: Array(1..<27), rule: ExpertConfig.deepSeekV2()
        ),
        mscale: 0.707)
    ),
    (
      "deepseek-v2",
      deepSeek(
        .deepseekV2, hidden: 5120, layers: 60, heads: 128, feedForward: 12_288, vocabulary: 102_400, qRank: 1536,
        ExpertConfig(
          count: 160, perToken: 6, width: 1536, sharedWidth: 3072, layers: Array(1..<60),
          rule: ExpertConfig.deepSeekV2(scale: 16, groups: 8, keptGroups: 3)), mscale: 0.707)
    ),
    (
      "deepseek-v3",
      deepSeek(
        .deepseekV3, hidden: 7168, layers: 61, heads: 128, feedForward: 18_432, vocabulary: 129_280, qRank: 1536,
        ExpertConfig(
          count: 256, perToken: 8, width: 2048, sharedWidth: 2048, layers: Array(3..<61),
          rule: ExpertConfig.deepSeekV3(scale: 2.5, groups: 8, keptGroups: 4), hasCorrectionBias: true), mscale: 1)
    ),
    (
      "qwen3-30b-a3b",
      ModelConfig(
        architecture: .qwen3MoE, hiddenSize: 2048, layerCount: 48, attentionHeads: 32, keyValueHeads: 4, headDim: 128,
        intermediateSize: 6144, vocabularySize: 151_936, rmsNormEps: 1e-6,
        attention: AttentionConfig(qkNorm: true),
        rope: RopeConfig(theta: 1_000_000),
        maxPosition: 40_960, bosTokenId: 151_643, eosTokenIds: [151_645],
        experts: ExpertConfig(
          count: 128, perToken: 8, width: 768, layers: Array(0..<48),
          rule: RoutingRule(score: .softmax, isNormalized: true)))
    ),
    (
      "llama-4-scout",
      ModelConfig(
        architecture: .llama4, hiddenSize: 5120, layerCount: 48, attentionHeads: 40, keyValueHeads: 8, headDim: 128,
        intermediateSize: 16_384, vocabularySize: 202_048,
        attention: AttentionConfig(
          ropeInterleaved: true, unrotatedLayers: Array(stride(from: 3, to: 48, by: 4)), normsRotated: true,
          temperature: .init(), chunks: .init(layers: (0..<48).filter { $0 % 4 != 3 }, size: 8192)),
        rope: RopeConfig(
          theta: 500_000,
          scaling: .llama3(.init(factor: 16, lowFrequencyFactor: 1, highFrequencyFactor: 1, originalMaxPosition: 8192))),
        maxPosition: 10_485_760,
        experts: ExpertConfig(
          count: 16, perToken: 1, width: 8192, sharedWidth: 8192, layers: Array(0..<48),
          rule: RoutingRule(score: .sigmoid),
          weighsInput: true, isStacked: true))
    ),
  ]

  private static func deepSeek(
    _ architecture: Architecture, hidden: Int, layers: Int, heads: Int, feedForward: Int, vocabulary: Int, qRank: Int?,
    _ experts: ExpertConfig, mscale: Double
  ) -> ModelConfig {
    ModelConfig(
      architecture: architecture, hiddenSize: hidden, layerCount: layers, attentionHeads: heads, keyValueHeads: heads,
      headDim: 128, intermediateSize: feedForward, vocabularySize: vocabulary, rmsNormEps: 1e-6,
      rope: RopeConfig(
        theta: 10_000,
        scaling: .yarn(.init(factor: 40, originalMaxPosition: 4096, mscale: mscale, mscaleAllDim: mscale))),
      maxPosition: 163_840, mixers: Array(repeating: .latentAttention, count: layers),
      shapes: [
        LatentConfig(
          qRank: qRank, kvRank: 512, nopeHeadDim: 128, ropeHeadDim: 64, valueHeadDim: 128, upProjectionHeads: heads,
          latentNorm: true, isNative: true)
      ],
      experts: experts)
  }
}
