import Groundwork

/// MiniCPM3: latent attention in every layer behind dense feed-forwards, and constant factors on embedding, residual
/// sums and logits.
struct MiniCPM3: Family {
  let architecture = Architecture.miniCPM3
  let className = "MiniCPM3ForCausalLM"
  let isConvertible = false

  var names: TensorNames {
    var names = TensorNames()
    names.mixers = [.latentAttention: "self_attn"]
    return names
  }

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model)
    let layers = try layerCount(model)
    let hidden = try model.required("hidden_size", in: 1...(1 << 20))
    let heads = try model.required("num_attention_heads", in: 1...(1 << 20))
    var values = model.values
    for (key, number) in [("kv_lora_rank", 256), ("qk_nope_head_dim", 64), ("qk_rope_head_dim", 32)] {
      values[key] = model[key] ?? .int(number)
    }
    values["q_lora_rank"] = model.values["q_lora_rank"] ?? .int(768)
    values["v_head_dim"] = model["v_head_dim"] ?? .int(hidden / heads)
    values["rope_interleave"] = .bool(false)
    let filled = JSONObject(values: values, file: model.file)
    var config = try readCommonKeys(
      filled, headDim: filled.required("v_head_dim", in: 1...(1 << 20)),
      defaults: FamilyDefaults {
        $0.normEps = 1e-5
        $0.tiesHead = true
        $0.maxPosition = 32_768
      }, mixers: Array(repeating: .latentAttention, count: layers))
    config.latent = try LatentConfig(model: filled, config: config, isNative: true)
    config.block.embeddingMultiplier = try factor(model, "scale_emb", absent: 12, none: 1)
    config.block.residualMultiplier =
      try factor(model, "scale_depth", absent: 1.4, none: Double(layers).squareRoot()) / Double(layers).squareRoot()
    config.block.logitDivisor =
      Double(hidden) / (try factor(model, "dim_model_base", absent: 256, none: Double(hidden)))
    return config
  }

  private func factor(_ model: JSONObject, _ key: String, absent: Double, none: Double) throws -> Double {
    try model.positive(key) ?? (model.values[key] == nil ? absent : none)
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    var object = commonJSON(config)
    for key in ["head_dim", "rope_interleave", "embedding_multiplier", "residual_multiplier", "logits_scaling"] {
      object[key] = nil
    }
    object["scale_emb"] = .double(config.block.embeddingMultiplier)
    // The number of few digits, where that gives the same factor.
    let root = Double(config.layerCount).squareRoot()
    let depth = config.block.residualMultiplier * root
    let short = (depth * 1e9).rounded() / 1e9
    object["scale_depth"] = .double(short / root == config.block.residualMultiplier ? short : depth)
    object["dim_model_base"] = .int(Int((Double(config.hiddenSize) / config.block.logitDivisor).rounded()))
    return object
  }
}

extension Architecture {
  /// MiniCPM3 (`MiniCPM3`).
  public static let miniCPM3 = Architecture(rawValue: "minicpm3")
}
