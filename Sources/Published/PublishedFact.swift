import ModelCore

/// One exact number that X-EcoMLA or HyLo (papers, model cards, repository) prints about a shape, beside what the
/// shape gives. Where the two differ the paper errs or its text leaves the shape out, and `note` says how. The numbers
/// stand in the tables below `experiments`.
public struct PublishedFact: Sendable {
  /// What the number counts; the raw value is how tables and reports call it.
  public enum Quantity: String, Sendable {
    case kvPercent = "KV %"
    case billionParameters = "parameters, 1e9"
    case millionAttentionParameters = "attention parameters per layer, 1e6"
    case parityQueryRank = "parity q rank"
    case parameters
    case kvReduction = "KV reduction, %"
    case millionLinearParameters = "parameters per linear layer, 1e6"
    case thousandConvolutionParameters = "convolution parameters per linear layer, 1e3"
  }

  /// The model it speaks of, as `ModelConfig.preset` knows it.
  public var preset: String
  /// nil: the preset as it is.
  public var latent: Latent?
  /// What was counted.
  public var quantity: Quantity
  /// As printed, so that its digits say how exact it is; nil: not printed, ours stands alone.
  public var published: String?
  /// Where it stands: a table, the text, a model card.
  public var place: String
  /// What is to be said about it.
  public var note: String?

  /// The latent shape of a row; `layers` nil: every layer.
  public struct Latent: Sendable {
    /// R_kv
    public var kvRank: Int
    /// R_q; nil: not said.
    public var qRank: Int?
    /// D_qk and d_r.
    public var headDim: (nope: Int, rope: Int)
    /// Nil: every layer.
    public var layers: [Int]?
  }

  /// The model that the row speaks of.
  public func config() throws -> ModelConfig {
    let base = try ModelConfig.preset(preset)
    guard let latent else { return base }
    return try base.withLatentAttention(
      LatentConfig(
        qRank: latent.qRank, kvRank: latent.kvRank, nopeHeadDim: latent.headDim.nope, ropeHeadDim: latent.headDim.rope,
        valueHeadDim: base.headDim, upProjectionHeads: base.attentionHeads), layers: latent.layers)
  }

  /// The number, computed from the shape.
  public func computed() throws -> Double {
    let config = try config()
    switch quantity {
    case .kvPercent: return config.kvPercent
    case .billionParameters: return Double(config.parameterCount) / 1e9
    case .millionAttentionParameters: return Double(config.mixerParameterCount(layer: 0)) / 1e6
    case .parameters: return Double(config.parameterCount)
    case .kvReduction: return 100 - config.kvPercent
    case .millionLinearParameters: return Double(linear(config).reduce(0) { $0 + $1.count }) / 1e6
    case .thousandConvolutionParameters:
      return Double(linear(config).filter { $0.shape.count == 3 }.reduce(0) { $0 + $1.count }) / 1e3
    case .parityQueryRank:
      guard let latent else { return 0 }
      return try ModelConfig.preset(preset).parityQueryRank(
        kvRank: latent.kvRank, nopeHeadDim: latent.headDim.nope, ropeHeadDim: latent.headDim.rope)
    }
  }

  /// The tensors of the first layer that keeps a state.
  private func linear(_ config: ModelConfig) -> [TensorSpec] {
    config.mixers.indices.first { config.recurrentNumbers(layer: $0) > 0 }.map { config.mixerTensors($0) } ?? []
  }

  /// Whether the printed digits are a rounding (to either side at a tie) of the computed number; of parity ranks, which
  /// must not exceed it, the whole part.
  public func agrees() throws -> Bool {
    guard let published, let value = Double(published) else { return true }
    if quantity == .parityQueryRank { return try computed().rounded(.down) == value }
    let decimals = published.split(separator: ".").dropFirst().first?.count ?? 0
    var unit = 1.0
    for _ in 0..<decimals { unit /= 10 }
    return abs(try computed() - value) <= unit / 2 + 1e-9
  }
}
