import Groundwork

extension LatentConfig {
  private static let width = 1...(1 << 20)

  /// Reads the MLA keys.
  /// - Parameter isNative: as in DeepSeek's own models, where the up-projection makes all heads and latents are normed
  init(model: JSONObject, config: ModelConfig, isNative: Bool = false) throws {
    let width = Self.width
    self.isNative = isNative
    // Our exports write 0 for queries without a latent.
    qRank = try model.int("q_lora_rank", in: isNative ? width : 0...width.upperBound).flatMap { $0 == 0 ? nil : $0 }
    kvRank = try model.required("kv_lora_rank", in: width)
    ropeHeadDim = try model.required("qk_rope_head_dim", in: width)
    nopeHeadDim = try model.required("qk_nope_head_dim", in: 0...width.upperBound)
    valueHeadDim = try model.int("v_head_dim", in: width) ?? config.headDim
    let fullHeads = try model.bool("use_full_kv_head") ?? true
    upProjectionHeads = isNative || fullHeads ? config.attentionHeads : config.keyValueHeads
    latentNorm = try model.bool("use_lora_layer_norm") ?? isNative
    latentNormEps = try model.positive("latent_norm_eps") ?? 1e-6
    ropeInterleaved = try model.bool("rope_interleave") ?? true
    qkNorm = try model.bool("mla_qk_norm") ?? false
    qkvBias = try model.bool("mla_qkv_bias") ?? false
    isPositionFree = try model.bool("mla_position_free") ?? false
    outputGate = try model.bool("mla_output_gate") ?? false
    attentionScale = try model.positive("mla_attention_scale")
    rope = try model.object("mla_rope_parameters").map {
      try RopeConfig(parameters: $0, theta: config.rope.theta, maxPosition: config.maxPosition)
    }
    layerRanks = try Self.layerRanks(model, defaultQ: qRank, defaultKV: kvRank, layerCount: config.layerCount)
  }

  private static func layerRanks(
    _ model: JSONObject, defaultQ: Int?, defaultKV: Int, layerCount: Int
  ) throws -> [Int: Ranks] {
    guard let list = try model.object("layer_rank_list") else { return [:] }
    var ranks: [Int: Ranks] = [:]
    for key in list.values.keys.sorted() {
      guard let layer = Int(key), (0..<layerCount).contains(layer) else {
        throw UpcycleError(
          "layer index out of range in \"layer_rank_list\"", at: model.file, expected: "0...\(layerCount - 1)",
          found: key)
      }
      guard let entry = try list.object(key) else { continue }
      let q = try entry.int("q_rank", in: width) ?? entry.int("q_lora_rank", in: width) ?? defaultQ
      let kv = try entry.int("kv_rank", in: width) ?? entry.int("kv_lora_rank", in: width) ?? defaultKV
      ranks[layer] = Ranks(q: q, kv: kv)
    }
    return ranks
  }

  /// The MLA keys, for merging into the model's object.
  func json(config: ModelConfig) -> [String: JSONValue] {
    var object: [String: JSONValue] = [
      "q_lora_rank": qRank.map { .int($0) } ?? .null,
      "kv_lora_rank": .int(kvRank),
      "qk_nope_head_dim": .int(nopeHeadDim),
      "qk_rope_head_dim": .int(ropeHeadDim),
      "v_head_dim": .int(valueHeadDim),
      "rope_interleave": .bool(ropeInterleaved),
    ]
    if outputGate { object["mla_output_gate"] = .bool(true) }
    if isNative { return object }
    object["use_full_kv_head"] = .bool(upProjectionHeads == config.attentionHeads)
    object["use_lora_layer_norm"] = .bool(latentNorm)
    object["latent_norm_eps"] = .double(latentNormEps)
    object["mla_qk_norm"] = .bool(qkNorm)
    if qkvBias { object["mla_qkv_bias"] = .bool(true) }
    if isPositionFree { object["mla_position_free"] = .bool(true) }
    object["mla_attention_scale"] = attentionScale.map { .double($0) }
    object["mla_rope_parameters"] = rope?.json
    if !layerRanks.isEmpty {
      object["layer_rank_list"] = .object(
        Dictionary(
          uniqueKeysWithValues: layerRanks.map { layer, ranks in
            var entry: [String: JSONValue] = ["kv_rank": .int(ranks.kv)]
            entry["q_rank"] = ranks.q.map { .int($0) }
            return (String(layer), .object(entry))
          }))
    }
    return object
  }
}

extension LatentAttention {
  /// DeepSeek's keys of MLA, and those of converted models.
  /// - Throws: failures that name a key which is missing or out of range
  public static func read(_ model: JSONObject, into config: inout ModelConfig) throws {
    config.latent = try LatentConfig(model: model, config: config)
  }

  /// The same keys; those of converted models are left out for native ones, but for `mla_output_gate`.
  public static func json(_ config: ModelConfig) -> [String: JSONValue] { config.latent?.json(config: config) ?? [:] }

  /// - Throws: names the key of a width that does not fit a head, and of a rank above that of the matrix that it is of
  public static func validate(_ config: ModelConfig, _ check: ConfigCheck) throws {
    let latent = try check.shape(config.latent, "kv_lora_rank", of: kind)
    let (rope, head) = (latent.ropeHeadDim, config.headDim)
    try check.rope(config.latentRope, dim: rope)
    try check.require(
      rope > 0 && rope % 2 == 0, "qk_rope_head_dim", "an even number", rope, "rotary pairs need two dimensions each")
    try check.require(latent.nopeHeadDim >= 0, "qk_nope_head_dim", "at least 0", latent.nopeHeadDim, "out of range")
    try check.require(latent.valueHeadDim > 0, "v_head_dim", "at least 1", latent.valueHeadDim, "out of range")
    try check.require(
      latent.upProjectionHeads == config.attentionHeads || latent.upProjectionHeads == config.keyValueHeads,
      "use_full_kv_head", "\(config.attentionHeads) or \(config.keyValueHeads) heads", latent.upProjectionHeads,
      "unknown number of up-projected heads")
    if !latent.isNative {
      try check.require(rope <= head, "qk_rope_head_dim", "at most head_dim (\(head))", rope, "wider than the head")
      try check.require(
        latent.nopeHeadDim <= head, "qk_nope_head_dim", "at most head_dim (\(head))", latent.nopeHeadDim,
        "wider than the head")
    }
    for layer in latent.layerRanks.keys.sorted() {
      try check.require(
        (0..<config.layerCount).contains(layer), "layer_rank_list", "0...\(config.layerCount - 1)", layer,
        "layer index out of range")
    }
    for layer in config.layers(of: kind) {
      let ranks = latent.ranks(layer: layer)
      try check.require(
        (1...config.maxKVRank).contains(ranks.kv), "kv_lora_rank",
        "1...\(config.maxKVRank), the rank of the stacked key and value matrix", ranks.kv,
        "rank of layer \(layer) out of range")
      if let q = ranks.q {
        try check.require(
          (1...config.maxQueryRank).contains(q), "q_lora_rank",
          "1...\(config.maxQueryRank), the rank of the query matrix", q, "rank of layer \(layer) out of range")
      }
    }
  }
}
