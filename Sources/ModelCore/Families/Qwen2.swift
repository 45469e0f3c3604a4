import Groundwork

/// Qwen2 and Qwen2.5: Llama with biases on queries, keys and values.
struct Qwen2: Family {
  let architecture = Architecture.qwen2
  let className = "Qwen2ForCausalLM"
  let usesWindowsUnlessSaid = false

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model, except: ["attention_bias"])
    var config = try readCommonKeys(model)
    config.attention.qkvBias = true
    try readMixerShapes(model, into: &config)
    return config
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] { commonJSON(config) }
}

extension Architecture {
  /// Qwen2 and 2.5 (`Qwen2`).
  public static let qwen2 = Architecture(rawValue: "qwen2")
}
