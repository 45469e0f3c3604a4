import Groundwork

/// Qwen3: Llama with RMS norms over each query and key head.
struct Qwen3: Family {
  let architecture = Architecture.qwen3
  let className = "Qwen3ForCausalLM"
  let usesWindowsUnlessSaid = false

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model)
    var config = try readCommonKeys(model, defaultHeadDim: 128)
    config.attention.qkNorm = true
    try readMixerShapes(model, into: &config)
    return config
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] { commonJSON(config) }
}

extension Architecture {
  /// Qwen3 (`Qwen3`).
  public static let qwen3 = Architecture(rawValue: "qwen3")
}
