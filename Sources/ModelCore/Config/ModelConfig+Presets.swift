import Groundwork

extension ModelConfig {
  /// The names `preset(_:)` knows, published models first.
  public static var presetNames: [String] { presets.map(\.name) }

  /// A published shape, a model of the ladder, or a benchmark shape by name.
  public static func preset(_ name: String) throws -> ModelConfig {
    guard let preset = presets.first(where: { $0.name == name.lowercased() }) else {
      throw UpcycleError.usage(
        "unknown preset \"\(name)\"", expected: "one of \(presetNames.joined(separator: ", "))")
    }
    return preset.config
  }

  private static let presets: [(name: String, config: ModelConfig)] =
    published + publishedWithExperts + hylo + ladder + ladderWithExperts + bench

  private static func llama3(_ factor: Double) -> RopeConfig {
    RopeConfig(theta: 500_000, scaling: .llama3(.init(factor: factor, originalMaxPosition: 8192)))
  }

  /// Numbers of the public configs.
  private static let published: [(name: String, config: ModelConfig)] = [
    (
      "llama-3.2-1b",
      ModelConfig(
        hiddenSize: 2048, layerCount: 16, attentionHeads: 32, keyValueHeads: 8, headDim: 64, intermediateSize: 8192,
        vocabularySize: 128_256, tieWordEmbeddings: true, rope: llama3(32), maxPosition: 131_072,
        bosTokenId: 128_000, eosTokenIds: [128_001, 128_008, 128_009])
    ),
    (
      "llama-3.2-3b",
      ModelConfig(
        hiddenSize: 3072, layerCount: 28, attentionHeads: 24, keyValueHeads: 8, headDim: 128, intermediateSize: 8192,
        vocabularySize: 128_256, tieWordEmbeddings: true, rope: llama3(32), maxPosition: 131_072,
        bosTokenId: 128_000, eosTokenIds: [128_001, 128_008, 128_009])
    ),
    (
      "llama-3.1-8b",
      ModelConfig(
        hiddenSize: 4096, layerCount: 32, attentionHeads: 32, keyValueHeads: 8, headDim: 128, intermediateSize: 14_336,
        vocabularySize: 128_256, rope: llama3(8), maxPosition: 131_072,
        bosTokenId: 128_000, eosTokenIds: [128_001, 128_008, 128_009])
    ),
    ("smollm-135m", smolLM(hidden: 576, layers: 30, heads: 9, kvHeads: 3, feedForward: 1536)),
    ("smollm-360m", smolLM(hidden: 960, layers: 32, heads: 15, kvHeads: 5, feedForward: 2560)),
    ("smollm-1.7b", smolLM(hidden: 2048, layers: 24, heads: 32, kvHeads: 32, feedForward: 8192)),
    ("qwen2.5-0.5b", qwen2(hidden: 896, layers: 24, heads: 14, feedForward: 4864, context: 32_768)),
    ("qwen2.5-1.5b", qwen2(hidden: 1536, layers: 28, heads: 12, feedForward: 8960, context: 131_072)),
    (
      "qwen3-1.7b",
      ModelConfig(
        architecture: .qwen3, hiddenSize: 2048, layerCount: 28, attentionHeads: 16, keyValueHeads: 8, headDim: 128,
        intermediateSize: 6144, vocabularySize: 151_936, tieWordEmbeddings: true, rmsNormEps: 1e-6,
        attention: AttentionConfig(qkNorm: true), rope: RopeConfig(theta: 1_000_000), maxPosition: 40_960, bosTokenId: 151_643, eosTokenIds: [151_645])
    ),
  ]

  private static let hylo: [(name: String, config: ModelConfig)] = HyLoModel.all.map { model in
    (model.name, model.config(base: published.first { $0.name == model.base }!.config))
  }

  private static func smolLM(hidden: Int, layers: Int, heads: Int, kvHeads: Int, feedForward: Int) -> ModelConfig {
    ModelConfig(
      hiddenSize: hidden, layerCount: layers, attentionHeads: heads, keyValueHeads: kvHeads, headDim: 64,
      intermediateSize: feedForward, vocabularySize: 49_152, tieWordEmbeddings: true, rope: RopeConfig(theta: 10_000),
      maxPosition: 2048, bosTokenId: 1, eosTokenIds: [2])
  }

  private static func qwen2(hidden: Int, layers: Int, heads: Int, feedForward: Int, context: Int) -> ModelConfig {
    ModelConfig(
      architecture: .qwen2, hiddenSize: hidden, layerCount: layers, attentionHeads: heads, keyValueHeads: 2,
      intermediateSize: feedForward, vocabularySize: 151_936, tieWordEmbeddings: true, rmsNormEps: 1e-6,
      attention: AttentionConfig(qkvBias: true), rope: RopeConfig(theta: 1_000_000), maxPosition: context, bosTokenId: 151_643, eosTokenIds: [151_645])
  }

  /// The ladder: small stand-ins whose attention numbers are exact fractions of the real models.
  private static let ladder: [(name: String, config: ModelConfig)] = [
    ("nano-1b", nano(hidden: 128, layers: 16, heads: 16, headDim: 8, feedForward: 256, tied: true)),
    ("nano-3b", nano(hidden: 192, layers: 14, heads: 24, headDim: 8, feedForward: 448, tied: true)),
    ("nano-8b", nano(hidden: 256, layers: 8, heads: 16, headDim: 16, feedForward: 640, tied: false)),
    ("nano-qwen", nano(hidden: 128, layers: 16, heads: 16, headDim: 8, feedForward: 256, tied: true, hasNorms: true)),
    ("nano-smol", nano(hidden: 128, layers: 12, heads: 8, headDim: 16, feedForward: 256, tied: true)),
  ]

  private static func nano(
    hidden: Int, layers: Int, heads: Int, headDim: Int, feedForward: Int, tied: Bool, hasNorms: Bool = false
  ) -> ModelConfig {
    ModelConfig(
      architecture: hasNorms ? .qwen3 : .llama, hiddenSize: hidden, layerCount: layers, attentionHeads: heads,
      keyValueHeads: 8,
      headDim: headDim, intermediateSize: feedForward, vocabularySize: 2048, tieWordEmbeddings: tied,
      attention: AttentionConfig(qkNorm: hasNorms), rope: RopeConfig(theta: 10_000), maxPosition: 512)
  }

  /// The shapes that `bench` measures.
  private static let bench: [(name: String, config: ModelConfig)] = [
    (
      "llama-d256",
      ModelConfig(
        hiddenSize: 256, layerCount: 8, attentionHeads: 8, keyValueHeads: 4, headDim: 32, intermediateSize: 688,
        vocabularySize: 4096, maxPosition: 512)
    ),
    // The student of the tables of memory: short, so that whole logits weigh as much as activations do in the paper.
    ("memory-d128", nano(hidden: 128, layers: 8, heads: 8, headDim: 16, feedForward: 256, tied: true)),
    ("llama-d128", nano(hidden: 128, layers: 16, heads: 16, headDim: 8, feedForward: 256, tied: true)),
  ]
}
