import Groundwork

/// OLMo2: norms behind mixer and feed-forward instead of before them, and over all query and all key heads of a token.
struct OLMo2: Family {
  let architecture = Architecture.olmo2
  let className = "Olmo2ForCausalLM"

  var names: TensorNames {
    var names = TensorNames()
    names.mixerOutputNorm = "post_attention_layernorm.weight"
    return names
  }

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model)
    var config = try readCommonKeys(model, defaults: FamilyDefaults { $0.normEps = 1e-5 })
    config.block.norms = .after
    config.attention = AttentionConfig(qkNorm: true, qkNormSpansHeads: true)
    return config
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    var object = commonJSON(config)
    object["norm_placement"] = nil
    return object
  }
}

extension Architecture {
  /// OLMo2 (`OLMo2`).
  public static let olmo2 = Architecture(rawValue: "olmo2")
}
