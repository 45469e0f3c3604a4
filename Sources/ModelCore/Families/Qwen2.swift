import Groundwork

/// Qwen2 and Qwen2.5: Llama with biases on queries, keys and values.
struct Qwen2: Family {
  let architecture = Architecture.qwen2
  let className = "Qwen2ForCausalLM"
  let usesWindowsUnlessSaid = false

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model, except: ["attention_bias", "sliding_window"])
    var config = try readCommonKeys(
      model, defaults: FamilyDefaults { $0.maxPosition = 32_768 }, mixers: qwenMixers(model))
    config.attention.qkvBias = true
    config.attention.windows = try qwenWindows(model, layerCount: config.layerCount)
    try readMixerShapes(model, into: &config)
    return config
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] { commonJSON(config).merging(qwenWindowsJSON(config)) { $1 } }
}

/// Qwen's windows: asked for by `use_sliding_window`, in the layers from `max_window_layers` on.
extension Family {
  private func usesWindows(_ model: JSONObject) throws -> Bool {
    try model.bool("use_sliding_window") ?? false
      && (model.values["sliding_window"] == nil || model["sliding_window"] != nil)
  }

  /// Attention everywhere where `layer_types` says no more than which layers have windows.
  func qwenMixers(_ model: JSONObject) throws -> [MixerKind]? {
    try usesWindows(model) ? Array(repeating: .attention, count: layerCount(model)) : nil
  }

  func qwenWindows(_ model: JSONObject, layerCount: Int) throws -> AttentionConfig.Windows? {
    guard try usesWindows(model) else { return nil }
    let first = try model.int("max_window_layers", in: 0...4096) ?? 28
    return try windows(model, layerCount: layerCount, size: 4096) { $0 >= first }
  }

  func qwenWindowsJSON(_ config: ModelConfig) -> [String: JSONValue] {
    guard config.attention.windows != nil else { return [:] }
    return windowsJSON(config).merging(["use_sliding_window": .bool(true)]) { $1 }
  }
}

extension Architecture {
  /// Qwen2 and 2.5 (`Qwen2`).
  public static let qwen2 = Architecture(rawValue: "qwen2")
}
