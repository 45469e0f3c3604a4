import Groundwork

extension MixerRole {
  /// [H K, D], or [H 2 K, D] with gates: of each head its query, then its gate
  public static let query = MixerRole("q_proj.weight")
  /// [G K, D]
  public static let key = MixerRole("k_proj.weight")
  /// [G K, D]
  public static let value = MixerRole("v_proj.weight")
  /// As many as `query` has rows.
  public static let queryBias = MixerRole("q_proj.bias")
  /// [G K]
  public static let keyBias = MixerRole("k_proj.bias")
  /// [G K]
  public static let valueBias = MixerRole("v_proj.bias")
  /// [D]
  public static let outputBias = MixerRole("o_proj.bias")
  /// [K], over every query head, or [H K]
  public static let queryNorm = MixerRole("q_norm.weight")
  /// [K], over every key head, or [G K]
  public static let keyNorm = MixerRole("k_norm.weight")
}

extension MixerKind {
  /// Grouped-query attention with its own query, key and value projections.
  public static let attention = MixerKind(rawValue: "full_attention")
}

// MARK: Tensors and accounting

extension Attention {
  public static var kind: MixerKind { .attention }
  public static var shortName: String { "attention" }
  public static var moduleName: String { "self_attn" }
  public static var dividesByHeads: Bool { true }

  /// q, k and v, each before its bias, norms of queries and keys, o behind its bias.
  public static func tensors(_ config: ModelConfig, layer: Int) -> [MixerTensor] {
    let (traits, width) = (config.attention, config.hiddenSize)
    let (queryWidth, keyWidth) = (config.attentionQueryWidth, config.keyValueHeads * config.headDim)
    var all: [MixerTensor] = []
    for (weight, bias, rows) in [
      (MixerRole.query, MixerRole.queryBias, queryWidth), (.key, .keyBias, keyWidth), (.value, .valueBias, keyWidth),
    ] {
      all.append(MixerTensor(weight, [rows, width]))
      if traits.qkvBias { all.append(MixerTensor(bias, [rows], start: .constant(0))) }
    }
    if traits.qkNorm {
      let spans = traits.qkNormSpansHeads
      for (role, heads) in [(MixerRole.queryNorm, config.attentionHeads), (.keyNorm, config.keyValueHeads)] {
        all.append(MixerTensor(role, [config.headDim * (spans ? heads : 1)], start: config.normStart))
      }
    }
    if traits.outputBias { all.append(MixerTensor(.outputBias, [width], start: .constant(0))) }
    return all + [MixerTensor(.output, [width, config.attentionHeads * config.headDim], start: .residual)]
  }

  /// A row holds [keys (G K) | values (G K)]. With a window only the rows stay that the next tokens may see.
  public static func cacheNeeds(_ config: ModelConfig, layer: Int) -> CacheNeeds {
    CacheNeeds(
      perToken: 2 * config.keyValueHeads * config.headDim,
      mostTokens: config.attentionWindow(layer: layer).map { $0 - 1 + BoundedAttention.piece(window: $0) })
  }

  /// All key/value heads; none where tokens see chunks or a window only, which forget by themselves, or scores are capped.
  public static func evictableHeads(_ config: ModelConfig, layer: Int) -> Int? {
    let traits = config.attention
    let sees = traits.chunks?.layers.contains(layer) != true && config.attentionWindow(layer: layer) == nil
    return sees && traits.scoreCap == nil ? config.keyValueHeads : nil
  }

  /// Scores and sums of values, 2 H K products for a position that is seen. Kept are projections, normed heads, and the
  /// outputs with a log-sum each; with gates these three times.
  public static func costs(_ config: ModelConfig, layer: Int) -> MixerCosts {
    let (traits, heads, width) = (config.attention, config.attentionHeads, config.headDim)
    let projected = config.attentionQueryWidth + 2 * config.keyValueHeads * width
    let normed = traits.qkNorm ? (heads + config.keyValueHeads) * width : 0
    return MixerCosts(
      productsPerPosition: heads * 2 * width, productsPerCachedToken: heads * 2 * width,
      keptNumbersPerToken: projected + normed + heads * (width + 1) * (traits.outputGate ? 3 : 1))
  }
}
