import Groundwork

/// The published shape of a mixture-of-experts model, as far as work and messages follow from it.
public struct ModelShape: Equatable, Sendable {
  /// What projects queries, keys and values.
  public enum Attention: Equatable, Sendable {
    /// Multi-head latent attention; `queryRank` nil: queries straight from the model width.
    case latent(queryRank: Int?, kvRank: Int, nope: Int, rope: Int, value: Int)
    /// Grouped queries.
    case grouped(kvHeads: Int, headDim: Int)
  }

  /// As `--model` names it.
  public let name: String
  public let layers: Int
  /// Leading layers without experts.
  public let denseLayers: Int
  /// Model width d.
  public let width: Int
  public let heads: Int
  public let attention: Attention
  /// Whether attention has an output gate of its own projection (Instella).
  public let gatedAttention: Bool
  /// Routed experts E and those per token K.
  public let experts: Int
  public let expertsPerToken: Int
  public let sharedExperts: Int
  /// Feed-forward widths: of one expert, of all shared experts together, of a dense layer.
  public let expertWidth: Int
  public let sharedWidth: Int
  public let denseWidth: Int
  public let vocabulary: Int

  /// Blocks with experts.
  public var expertLayers: Int { layers - denseLayers }

  /// - Parameters:
  ///   - dense: leading layers without experts
  ///   - perToken: experts of a token
  ///   - shared: how many shared experts, `sharedWidth` wide together
  public init(
    _ name: String, layers: Int, dense: Int, width: Int, heads: Int, _ attention: Attention, gated: Bool = false,
    experts: Int, perToken: Int, shared: Int, expertWidth: Int, sharedWidth: Int, denseWidth: Int = 0, vocabulary: Int
  ) {
    self.name = name
    self.layers = layers
    denseLayers = dense
    self.width = width
    self.heads = heads
    self.attention = attention
    gatedAttention = gated
    self.experts = experts
    expertsPerToken = perToken
    sharedExperts = shared
    self.expertWidth = expertWidth
    self.sharedWidth = sharedWidth
    self.denseWidth = denseWidth
    self.vocabulary = vocabulary
  }
}

extension ModelShape {
  private static let deepSeekV3 = Attention.latent(queryRank: 1536, kvRank: 512, nope: 128, rope: 64, value: 128)
  private static let deepSeekLite = Attention.latent(queryRank: nil, kvRank: 512, nope: 128, rope: 64, value: 128)

  /// `experiments/farskip/published/model_configs.csv`, row by row.
  public static let published: [ModelShape] = [
    ModelShape(
      "deepseek-v2-lite", layers: 27, dense: 1, width: 2048, heads: 16, deepSeekLite, experts: 64, perToken: 6,
      shared: 2, expertWidth: 1408, sharedWidth: 2816, denseWidth: 10944, vocabulary: 102_400),
    ModelShape(
      "deepseek-v2", layers: 60, dense: 1, width: 5120, heads: 128, deepSeekV3, experts: 160, perToken: 6, shared: 2,
      expertWidth: 1536, sharedWidth: 3072, denseWidth: 12288, vocabulary: 102_400),
    ModelShape(
      "deepseek-v3", layers: 61, dense: 3, width: 7168, heads: 128, deepSeekV3, experts: 256, perToken: 8, shared: 1,
      expertWidth: 2048, sharedWidth: 2048, denseWidth: 18432, vocabulary: 129_280),
    // The paper's training model: six layers, all with experts (70.9 B parameters).
    ModelShape(
      "deepseek-v3-l6", layers: 6, dense: 0, width: 7168, heads: 128, deepSeekV3, experts: 256, perToken: 8, shared: 1,
      expertWidth: 2048, sharedWidth: 2048, vocabulary: 129_280),
    ModelShape(
      "moonlight-16b-a3b", layers: 27, dense: 1, width: 2048, heads: 16, deepSeekLite, experts: 64, perToken: 6,
      shared: 2, expertWidth: 1408, sharedWidth: 2816, denseWidth: 11264, vocabulary: 163_840),
    ModelShape(
      "instella-moe-16b-a3b", layers: 27, dense: 1, width: 2048, heads: 16,
      .latent(queryRank: nil, kvRank: 512, nope: 96, rope: 32, value: 128), gated: true, experts: 64, perToken: 6,
      shared: 2, expertWidth: 1408, sharedWidth: 2816, denseWidth: 10944, vocabulary: 128_896),
    ModelShape(
      "qwen3-30b-a3b", layers: 48, dense: 0, width: 2048, heads: 32, .grouped(kvHeads: 4, headDim: 128), experts: 128,
      perToken: 8, shared: 0, expertWidth: 768, sharedWidth: 0, vocabulary: 151_936),
    ModelShape(
      "llama-4-scout", layers: 48, dense: 0, width: 5120, heads: 40, .grouped(kvHeads: 8, headDim: 128), experts: 16,
      perToken: 1, shared: 1, expertWidth: 8192, sharedWidth: 8192, vocabulary: 202_048),
  ]

  /// The published shape of this name.
  /// - Throws: a usage error that lists the known names
  public static func named(_ name: String) throws -> ModelShape {
    guard let shape = published.first(where: { $0.name == name }) else {
      throw UpcycleError.usage(
        "no such model", field: "model", expected: published.map(\.name).joined(separator: ", "), found: name)
    }
    return shape
  }

  /// - Throws: where `ranks` share the experts unevenly, with the counts that do not
  public func requireExpertParallel(_ ranks: Int) throws {
    try require(ranks, divides: experts, "experts")
  }

  /// - Throws: where `ranks` share the attention's heads unevenly, with the counts that do not
  public func requireTensorParallel(_ ranks: Int) throws {
    try require(ranks, divides: heads, "heads")
  }

  private func require(_ ranks: Int, divides count: Int, _ what: String) throws {
    if ranks >= 1, count % ranks == 0 { return }
    let counts = (1...count).filter { $0 > 1 && count % $0 == 0 }.map(String.init).joined(separator: ", ")
    throw UpcycleError.usage(
      "does not divide the \(count) \(what) of \(name)", field: "gpus", expected: "one of \(counts)", found: "\(ranks)")
  }
}
