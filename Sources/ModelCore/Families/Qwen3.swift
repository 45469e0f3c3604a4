import Groundwork

/// Qwen3: Llama with RMS norms over each query and key head.
struct Qwen3: Family {
  let architecture = Architecture.qwen3
  let className = "Qwen3ForCausalLM"
  let usesWindowsUnlessSaid = false

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model, except: ["sliding_window"])
    var config = try readCommonKeys(
      model,
      defaults: FamilyDefaults {
        $0.headDim = 128
        $0.maxPosition = 32_768
      }, mixers: qwenMixers(model))
    config.attention.qkNorm = true
    config.attention.windows = try qwenWindows(model, layerCount: config.layerCount)
    try readMixerShapes(model, into: &config)
    return config
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] { commonJSON(config).merging(qwenWindowsJSON(config)) { $1 } }
}

extension Architecture {
  /// Qwen3 (`Qwen3`).
  public static let qwen3 = Architecture(rawValue: "qwen3")
}
