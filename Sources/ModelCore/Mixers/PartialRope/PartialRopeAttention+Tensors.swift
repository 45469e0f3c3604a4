extension MixerRole {
  /// [R, D]
  public static let latentDown = MixerRole("kv_a_proj.weight")
  /// [G d_r, D]: rotated keys, head by head
  public static let ropeKey = MixerRole("k_rope_proj.weight")
}

extension MixerKind {
  /// Latent attention whose heads keep some rotary pairs each (MHA2MLA).
  public static let partialRopeAttention = MixerKind(rawValue: "partial_rope_attention")
}

// MARK: Tensors and accounting

extension PartialRopeAttention {
  public static var kind: MixerKind { .partialRopeAttention }
  public static var shortName: String { "partial RoPE" }
  /// The base's: q and o stay where they were.
  public static var moduleName: String { "self_attn" }

  /// Such as "kv rank 16, rope 2 of 8 in every head".
  public static func summary(_ config: ModelConfig) -> String? {
    config.partialRope.map { "kv rank \($0.kvRank), rope \($0.ropeHeadDim) of \(config.headDim) in every head" }
  }

  /// q, the latent's down-projection, the rotated keys', the up-projection, o.
  public static func tensors(_ config: ModelConfig, layer: Int) -> [MixerTensor] {
    guard let shape = config.partialRope else { return [] }
    let (width, head, groups) = (config.hiddenSize, config.headDim, config.keyValueHeads)
    let queries = config.attentionHeads * head
    return [
      MixerTensor(.query, [queries, width]), MixerTensor(.latentDown, [shape.kvRank, width]),
      MixerTensor(.ropeKey, [groups * shape.ropeHeadDim, width]),
      MixerTensor(.keyValueUp, [groups * (2 * head - shape.ropeHeadDim), shape.kvRank]),
      MixerTensor(.output, [width, queries], start: .residual),
    ]
  }

  /// A row holds [latent R | rotated keys of all heads G d_r].
  public static func cacheNeeds(_ config: ModelConfig, layer: Int) -> CacheNeeds {
    CacheNeeds(perToken: config.partialRope.map { $0.kvRank + config.keyValueHeads * $0.ropeHeadDim } ?? 0)
  }

  /// As attention's over whole sequences; decoding makes keys and values of every cached latent again.
  public static func costs(_ config: ModelConfig, layer: Int) -> MixerCosts {
    guard let shape = config.partialRope else { return MixerCosts(keptNumbersPerToken: 0) }
    let (heads, groups, width) = (config.attentionHeads, config.keyValueHeads, config.headDim)
    let up = groups * (2 * width - shape.ropeHeadDim)
    let rope = groups * shape.ropeHeadDim
    return MixerCosts(
      productsPerPosition: heads * 2 * width,
      // Keys and values are made again for every new token.
      productsPerCachedToken: heads * 2 * width + shape.kvRank * up,
      keptNumbersPerToken: heads * width + shape.kvRank + 2 * rope + up + groups * width + heads * (width + 1))
  }
}
