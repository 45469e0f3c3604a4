import Groundwork

/// SmolLM3: Llama with layers without positions among the others.
struct SmolLM3: Family {
  let architecture = Architecture.smolLM3
  let className = "SmolLM3ForCausalLM"

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model, except: ["sliding_window"])
    let layers = try layerCount(model)
    var config = try readCommonKeys(
      model,
      defaults: FamilyDefaults {
        $0.theta = 2_000_000
        $0.tiesHead = true
        $0.maxPosition = 32_768
      }, mixers: Array(repeating: .attention, count: layers))
    let interval = try model.int("no_rope_layer_interval", in: 1...4096) ?? 4
    let unrotated =
      try AttentionConfig.unrotatedLayers(model, layerCount: layers)
      ?? (0..<layers).filter { ($0 + 1) % interval == 0 }
    config.attention.unrotatedLayers = unrotated
    // As in transformers' masks the list of layers counts by itself; the flag makes one where there is none. (Its kernels for
    // flash attention ask the flag too.)
    if try model.bool("use_sliding_window") ?? false || model.values["layer_types"]?.array != nil {
      config.attention.windows = try windows(model, layerCount: layers, where: unrotated.contains)
    }
    return config
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    var object = commonJSON(config).merging(windowsJSON(config)) { $1 }
    // Where the key is absent the class takes an id that a smaller vocabulary does not have.
    object["pad_token_id"] = .null
    object["use_sliding_window"] = .bool(config.attention.windows != nil)
    object["no_rope_layers"] = config.attention.rotationFlags(layerCount: config.layerCount)
    return object
  }
}

extension Architecture {
  /// SmolLM3 (`SmolLM3`).
  public static let smolLM3 = Architecture(rawValue: "smollm3")
}
