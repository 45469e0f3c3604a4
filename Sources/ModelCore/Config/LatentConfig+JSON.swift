import Groundwork

extension LatentConfig {
  private static let width = 1...(1 << 20)

  /// Reads the MLA keys of a DeepSeek or hybrid config.
  init(model: ConfigObject, architecture: Architecture, config: ModelConfig) throws {
    let width = Self.width
    let isDeepSeek = architecture.isDeepSeek
    qRank = try model.int("q_lora_rank", in: width)
    kvRank = try model.required("kv_lora_rank", in: width)
    ropeHeadDim = try model.required("qk_rope_head_dim", in: width)
    nopeHeadDim = try model.required("qk_nope_head_dim", in: 0...width.upperBound)
    valueHeadDim = try model.int("v_head_dim", in: width) ?? config.headDim
    let fullHeads = try model.bool("use_full_kv_head") ?? true
    upProjectionHeads = isDeepSeek || fullHeads ? config.attentionHeads : config.keyValueHeads
    latentNorm = try model.bool("use_lora_layer_norm") ?? isDeepSeek
    latentNormEps = try model.positive("latent_norm_eps") ?? 1e-6
    ropeInterleaved = try model.bool("rope_interleave") ?? true
    qkNorm = try model.bool("mla_qk_norm") ?? false
    isPositionFree = try model.bool("mla_position_free") ?? false
    outputGate = try model.bool("mla_output_gate") ?? false
    attentionScale = try model.positive("mla_attention_scale")
    rope = try model.object("mla_rope_parameters").map {
      try RopeConfig(parameters: $0, theta: config.rope.theta, maxPosition: config.maxPosition)
    }
    layerRanks = try Self.layerRanks(model, defaultQ: qRank, defaultKV: kvRank, layerCount: config.layerCount)
  }

  private static func layerRanks(
    _ model: ConfigObject, defaultQ: Int?, defaultKV: Int, layerCount: Int
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
    if config.architecture.isDeepSeek { return object }
    object["use_full_kv_head"] = .bool(upProjectionHeads == config.attentionHeads)
    object["use_lora_layer_norm"] = .bool(latentNorm)
    object["latent_norm_eps"] = .double(latentNormEps)
    object["mla_qk_norm"] = .bool(qkNorm)
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
