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
  /// Dense ones included.
  public let layers: Int
  /// Leading layers without experts.
  public let denseLayers: Int
  /// Model width d.
  public let width: Int
  /// Query heads.
  public let heads: Int
  /// The same in every layer.
  public let attention: Attention
  /// Whether attention has an output gate of its own projection (Instella).
  public let gatedAttention: Bool
  /// Routed experts E and those per token K.
  public let experts: Int
  /// K.
  public let expertsPerToken: Int
  /// Experts that every token goes to.
  public let sharedExperts: Int
  /// Feed-forward widths: of one expert, of all shared experts together, of a dense layer.
  public let expertWidth: Int
  /// Feed-forward width of all shared experts together.
  public let sharedWidth: Int
  /// Feed-forward width of a layer without experts.
  public let denseWidth: Int
  /// Tokens.
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
  /// - Throws: where `ranks` share the experts unevenly, with the counts that do not
  public func requireExpertParallel(_ ranks: Int) throws {
    try require(ranks, divides: experts, "experts")
  }

  /// - Throws: where `ranks` share the attention's heads unevenly, with the counts that do not
  func requireTensorParallel(_ ranks: Int) throws {
    try require(ranks, divides: heads, "heads")
  }

  private func require(_ ranks: Int, divides count: Int, _ what: String) throws {
    if ranks >= 1, count % ranks == 0 { return }
    let counts = (1...count).filter { $0 > 1 && count % $0 == 0 }.map(String.init).joined(separator: ", ")
    throw UpcycleError.usage(
      "does not divide the \(count) \(what) of \(name)", field: "gpus", expected: "one of \(counts)", found: "\(ranks)")
  }
}
