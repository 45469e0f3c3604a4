extension MixerRole {
  /// [r_q, D]; absent with direct queries, which are `query` [H (nope + rope), D]
  public static let queryDown = MixerRole("q_a_proj.weight")
  /// [r_q]
  public static let queryLatentNorm = MixerRole("q_a_layernorm.weight")
  /// [H (nope + rope), r_q]: of each head [nope | rope]
  public static let queryUp = MixerRole("q_b_proj.weight")
  /// [r_kv + rope, D]: latent, then the shared rope key
  public static let keyValueDown = MixerRole("kv_a_proj_with_mqa.weight")
  /// [r_kv]
  public static let keyValueLatentNorm = MixerRole("kv_a_layernorm.weight")
  /// [G (nope + V), r_kv]: of each head [nope key | value]
  public static let keyValueUp = MixerRole("kv_b_proj.weight")
  /// As many as `queryUp` has rows.
  public static let queryUpBias = MixerRole("q_b_proj.bias")
  /// [r_kv + rope]
  public static let keyValueDownBias = MixerRole("kv_a_proj_with_mqa.bias")
  /// [G (nope + V)]
  public static let keyValueUpBias = MixerRole("kv_b_proj.bias")
  /// [H V, D]
  public static let outputGate = MixerRole("gate_proj.weight")
}

extension MixerKind {
  /// Multi-head latent attention: one small latent per token stands for all keys and values.
  public static let latentAttention = MixerKind(rawValue: "latent_attention")
}

// MARK: Tensors and accounting

extension LatentAttention {
  public static var kind: MixerKind { .latentAttention }
  public static var shortName: String { "MLA" }
  /// As in the papers' own checkpoints.
  public static var moduleName: String { "mla" }
  public static var reportName: String { "latent" }

  /// Such as "kv rank 128, q rank 1344, rope 32, nope 32".
  public static func summary(_ config: ModelConfig) -> String? {
    config.latent.map {
      "kv rank \($0.kvRank), q rank \($0.qRank.map(String.init) ?? "direct"), rope \($0.ropeHeadDim), "
        + "nope \($0.nopeHeadDim)"
    }
  }

  public static var dividesByHeads: Bool { true }

  /// The query's two matrices, or its one, the down-projection [latent | rope key], the up-projection, norms of heads,
  /// the gate, o; biases and norms of latents behind the matrix that they belong to.
  public static func tensors(_ config: ModelConfig, layer: Int) -> [MixerTensor] {
    guard let latent = config.latent else { return [] }
    let (ranks, width) = (latent.ranks(layer: layer), config.hiddenSize)
    func norm(_ role: MixerRole, _ width: Int) -> MixerTensor { MixerTensor(role, [width], start: .constant(1)) }
    let queryWidth = config.attentionHeads * latent.queryKeyHeadDim
    var all: [MixerTensor] = []
    func bias(_ role: MixerRole, _ width: Int) {
      if latent.qkvBias { all.append(MixerTensor(role, [width], start: .constant(0))) }
    }
    if let q = ranks.q {
      all.append(MixerTensor(.queryDown, [q, width]))
      if latent.latentNorm { all.append(norm(.queryLatentNorm, q)) }
      all.append(MixerTensor(.queryUp, [queryWidth, q]))
      bias(.queryUpBias, queryWidth)
    } else {
      all.append(MixerTensor(.query, [queryWidth, width]))
      bias(.queryBias, queryWidth)
    }
    all.append(MixerTensor(.keyValueDown, [ranks.kv + latent.ropeHeadDim, width]))
    bias(.keyValueDownBias, ranks.kv + latent.ropeHeadDim)
    if latent.latentNorm { all.append(norm(.keyValueLatentNorm, ranks.kv)) }
    let upWidth = latent.upProjectionHeads * (latent.nopeHeadDim + latent.valueHeadDim)
    all.append(MixerTensor(.keyValueUp, [upWidth, ranks.kv]))
    bias(.keyValueUpBias, upWidth)
    if latent.qkNorm { all += [.queryNorm, .keyNorm].map { norm($0, latent.queryKeyHeadDim) } }
    let mixed = config.attentionHeads * latent.valueHeadDim
    if latent.outputGate { all.append(MixerTensor(.outputGate, [mixed, width])) }
    return all + [MixerTensor(.output, [width, mixed], start: .residual)]
  }

  /// A row holds [latent r_kv | rope key]: the true compressed cache.
  public static func cacheNeeds(_ config: ModelConfig, layer: Int) -> CacheNeeds {
    guard let latent = config.latent else { return CacheNeeds() }
    return CacheNeeds(perToken: latent.ranks(layer: layer).kv + latent.ropeHeadDim)
  }

  /// Over whole sequences H (nope + rope + V) products for a position that is seen; absorbed decoding has
  /// H (2 R + rope) for a cached token.
  public static func costs(_ config: ModelConfig, layer: Int) -> MixerCosts {
    guard let latent = config.latent else { return MixerCosts(keptNumbersPerToken: 0) }
    let (ranks, heads) = (latent.ranks(layer: layer), config.attentionHeads)
    let queries = heads * latent.queryKeyHeadDim
    let keys = latent.upProjectionHeads * latent.queryKeyHeadDim
    let down = (ranks.q ?? 0) + ranks.kv + 2 * latent.ropeHeadDim
    let norms = (latent.latentNorm ? 2 * ((ranks.q ?? 0) + ranks.kv) : 0) + (latent.qkNorm ? queries + keys : 0)
    let up = queries + keys + latent.upProjectionHeads * (latent.nopeHeadDim + latent.valueHeadDim)
    let mixed = heads * latent.valueHeadDim
    return MixerCosts(
      productsPerPosition: heads * (latent.queryKeyHeadDim + latent.valueHeadDim),
      // Absorbed: scores over the whole row, a sum over the latent.
      productsPerCachedToken: heads * (2 * ranks.kv + latent.ropeHeadDim),
      keptNumbersPerToken: down + norms + up + mixed * (latent.outputGate ? 3 : 1) + heads)
  }
}
