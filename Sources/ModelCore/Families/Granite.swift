import Groundwork

/// Granite: Llama with constant factors on embedding, scores, residual sums and logits.
struct Granite: Family {
  let architecture = Architecture.granite
  let className = "GraniteForCausalLM"

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model, except: Set(Self.factorKeys))
    var config = try readCommonKeys(model)
    config.attention.scale = try model.positive("attention_multiplier") ?? 1
    return config
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    var object = commonJSON(config)
    object["attention_multiplier"] = .double(config.attentionScale)
    return object
  }
}

extension Architecture {
  /// Granite (`Granite`).
  public static let granite = Architecture(rawValue: "granite")
}
