import Groundwork

/// Mistral: Llama whose layers may see a window of the past.
struct Mistral: Family {
  let architecture = Architecture.mistral
  let className = "MistralForCausalLM"

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model, except: ["sliding_window"])
    let layers = try layerCount(model)
    var config = try readCommonKeys(
      model, defaults: FamilyDefaults { $0.maxPosition = 131_072 }, mixers: Array(repeating: .attention, count: layers))
    config.attention.windows = try windows(model, layerCount: layers, size: 4096) { _ in true }
    return config
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    var object = commonJSON(config).merging(windowsJSON(config)) { $1 }
    if config.attention.windows.map({ $0.layers.count == config.layerCount }) ?? true { object["layer_types"] = nil }
    return object
  }
}

extension Architecture {
  /// Mistral (`Mistral`).
  public static let mistral = Architecture(rawValue: "mistral")
}
