import Autograd

extension ModelConfig {
  /// The ladder with experts: small stand-ins of FarSkip's three models, 16 experts of width 96 (64 beside two shared
  /// ones).
  ///
  /// | model         | stands for       | attention                          | experts                                     |
  /// | nano-dsv2     | DeepSeek-V2-Lite | latent, rank d/4, direct queries   | softmax, top 2, 2 shared, first layer dense |
  /// | nano-qwen-moe | Qwen3-30B-A3B    | 8 queries a KV head, norms, 2 d wide | softmax, top 2 to the sum 1, none shared  |
  /// | nano-scout    | Llama-4-Scout    | every 4th layer without positions  | sigmoid on the input, top 1, 1 shared       |
  static let ladderWithExperts: [(name: String, config: ModelConfig)] = [
    (
      "nano-dsv2",
      withExperts(
        .deepseekV2, heads: 8, groups: 8, headDim: 16, feedForward: 256,
        ExpertConfig(
          count: 16, perToken: 2, width: 64, sharedWidth: 128, layers: Array(1..<8), rule: ExpertConfig.deepSeekV2())
      ) {
        $0.mixers = Array(repeating: .latentAttention, count: 8)
        $0.latent = LatentConfig(
          qRank: nil, kvRank: 32, nopeHeadDim: 16, ropeHeadDim: 8, valueHeadDim: 16, upProjectionHeads: 8,
          latentNorm: true, isNative: true)
      }
    ),
    (
      "nano-qwen-moe",
      withExperts(
        .qwen3MoE, heads: 16, groups: 2, headDim: 16, feedForward: 256,
        ExpertConfig(
          count: 16, perToken: 2, width: 96, layers: Array(0..<8),
          rule: RoutingRule(score: .softmax, isNormalized: true))
      ) { $0.attention.qkNorm = true }
    ),
    (
      "nano-scout",
      withExperts(
        .llama4, heads: 8, groups: 2, headDim: 16, feedForward: 256,
        ExpertConfig(
          count: 16, perToken: 1, width: 96, sharedWidth: 96, layers: Array(0..<8), rule: RoutingRule(score: .sigmoid),
          weighsInput: true, isStacked: true)
      ) {
        let rotated = (0..<8).filter { $0 % 4 != 3 }
        $0.attention = AttentionConfig(
          ropeInterleaved: true, unrotatedLayers: [3, 7], normsRotated: true, temperature: .init(floorScale: 512),
          chunks: .init(layers: rotated, size: 512))
      }
    ),
  ]

  private static func withExperts(
    _ architecture: Architecture, heads: Int, groups: Int, headDim: Int, feedForward: Int, _ experts: ExpertConfig,
    _ change: (inout ModelConfig) -> Void
  ) -> ModelConfig {
    var config = ModelConfig(
      architecture: architecture, hiddenSize: 128, layerCount: 8, attentionHeads: heads, keyValueHeads: groups,
      headDim: headDim, intermediateSize: feedForward, vocabularySize: 2048, rope: RopeConfig(theta: 10_000),
      maxPosition: 512, experts: experts)
    change(&config)
    return config
  }
}
