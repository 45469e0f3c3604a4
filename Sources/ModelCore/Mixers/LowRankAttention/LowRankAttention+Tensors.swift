extension MixerRole {
  /// [sum of the groups' ranks, D]
  public static let keyDown = MixerRole("k_down_proj.weight")
  /// [sum of the groups' ranks, D]
  public static let valueDown = MixerRole("v_down_proj.weight")
  /// Of one group of heads, [heads K, rank]
  public static func keyUp(_ group: Int) -> MixerRole { MixerRole("k_up_proj.\(group).weight") }
  /// Of one group of heads, [heads K, rank]
  public static func valueUp(_ group: Int) -> MixerRole { MixerRole("v_up_proj.\(group).weight") }
}

extension MixerKind {
  /// Attention that caches low-rank latents of keys and of values, by group of heads (PALU).
  public static let lowRankAttention = MixerKind(rawValue: "low_rank_attention")
}

// MARK: Tensors and accounting

extension LowRankAttention {
  public static var kind: MixerKind { .lowRankAttention }
  public static var shortName: String { "low-rank" }
  /// The base's: q and o stay where they were.
  public static var moduleName: String { "self_attn" }

  /// Such as "2 groups of heads, ranks of keys 3 to 8, of values 5 to 8", over all layers.
  public static func summary(_ config: ModelConfig) -> String? {
    guard let all = config.lowRank?.layerRanks.values, let groups = all.first?.key.count else { return nil }
    func range(_ ranks: [Int]) -> String { "\(ranks.min() ?? 0) to \(ranks.max() ?? 0)" }
    return "\(groups) group\(groups == 1 ? "" : "s") of heads, ranks of keys \(range(all.flatMap(\.key))), of values "
      + range(all.flatMap(\.value))
  }

  static func ranks(_ config: ModelConfig, _ layer: Int) -> LowRankConfig.Ranks {
    config.lowRank?.layerRanks[layer] ?? LowRankConfig.Ranks(key: [], value: [])
  }

  /// q, both down-projections, the up-projections of keys by group, those of values, o.
  public static func tensors(_ config: ModelConfig, layer: Int) -> [MixerTensor] {
    let (ranks, width) = (ranks(config, layer), config.hiddenSize)
    let queries = config.attentionHeads * config.headDim
    let rows = config.keyValueHeads * config.headDim / max(1, ranks.key.count)
    return [
      MixerTensor(.query, [queries, width]), MixerTensor(.keyDown, [ranks.key.reduce(0, +), width]),
      MixerTensor(.valueDown, [ranks.value.reduce(0, +), width]),
    ] + ranks.key.enumerated().map { MixerTensor(.keyUp($0), [rows, $1]) }
      + ranks.value.enumerated().map { MixerTensor(.valueUp($0), [rows, $1]) }
      + [MixerTensor(.output, [width, queries], start: .residual)]
  }

  /// A row holds [key latents | value latents].
  public static func cacheNeeds(_ config: ModelConfig, layer: Int) -> CacheNeeds {
    CacheNeeds(perToken: ranks(config, layer).total)
  }

  /// As attention's over whole sequences; decoding makes keys and values of every cached row again.
  public static func costs(_ config: ModelConfig, layer: Int) -> MixerCosts {
    let (ranks, heads, width) = (ranks(config, layer), config.attentionHeads, config.headDim)
    let keyWidth = config.keyValueHeads * width
    return MixerCosts(
      productsPerPosition: heads * 2 * width,
      // Keys and values are made again for every new token.
      productsPerCachedToken: heads * 2 * width + ranks.total * keyWidth / max(1, ranks.key.count),
      keptNumbersPerToken: heads * width + ranks.total + 2 * keyWidth + heads * (width + 1))
  }
}
