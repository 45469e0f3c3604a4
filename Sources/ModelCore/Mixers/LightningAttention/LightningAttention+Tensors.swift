extension MixerRole {
  /// [H K, D], the output's sigmoid gate
  public static let sigmoidGate = MixerRole("z_proj.weight")
}

extension MixerKind {
  /// Lightning Attention: a state that forgets at a constant rate, read by rotated queries.
  public static let lightningAttention = MixerKind(rawValue: "lightning-attn")
}

// MARK: Tensors and accounting

extension LightningAttention {
  public static var kind: MixerKind { .lightningAttention }
  public static var shortName: String { "Lightning" }
  public static var moduleName: String { "lightning" }
  public static var isLinear: Bool { true }

  /// Such as "16 heads, state 128 x 128".
  public static func summary(_ config: ModelConfig) -> String? {
    config.lightning.map { "\($0.heads) heads, state \($0.headDim) x \($0.headDim)" }
  }

  /// q, k, v and the gate, norms of queries and keys, the output's norm, o.
  public static func tensors(_ config: ModelConfig, layer: Int) -> [MixerTensor] {
    guard let lightning = config.lightning else { return [] }
    let matrix = [lightning.width, config.hiddenSize]
    return [MixerRole.query, .key, .value, .sigmoidGate].map { MixerTensor($0, matrix) } + [
      MixerTensor(.queryNorm, [lightning.headDim], start: config.normStart),
      MixerTensor(.keyNorm, [lightning.headDim], start: config.normStart),
      MixerTensor(.headNorm, [lightning.width], start: .constant(1)),
      MixerTensor(.output, [config.hiddenSize, lightning.width], start: .residual),
    ]
  }

  /// No rows: S [H, K, K].
  public static func cacheNeeds(_ config: ModelConfig, layer: Int) -> CacheNeeds {
    CacheNeeds(recurrent: config.lightning?.recurrentNumbers ?? 0)
  }

  /// 2 H K^2 products a token, to write S and to read it. Of S a copy at every chunk's beginning is kept.
  public static func costs(_ config: ModelConfig, layer: Int) -> MixerCosts {
    guard let lightning = config.lightning else { return MixerCosts(keptNumbersPerToken: 0) }
    // Projections, norms of q and k, the scaled q, the state's output, its norm, the gated output.
    return MixerCosts(
      productsPerToken: 2 * lightning.recurrentNumbers,
      keptNumbersPerToken: 10 * lightning.width + 2 * lightning.heads + 1
        + lightning.recurrentNumbers / lightning.chunk)
  }
}
