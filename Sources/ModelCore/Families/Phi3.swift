import Groundwork

/// Phi-3 and Phi-4: Llama whose q, k and v, and gate and up, are stored in one tensor each; a part of each head may
/// turn, by LongRoPE.
struct Phi3: Family {
  let architecture = Architecture.phi3
  let className = "Phi3ForCausalLM"
  let rotatesPartOfHeads = true

  var names: TensorNames {
    var names = TensorNames()
    let fused = "qkv_proj.weight"
    names.fusedMixers = [.attention: [.query: fused, .key: fused, .value: fused]]
    names.fusedGateUp = "gate_up_proj.weight"
    return names
  }

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model, except: ["sliding_window"])
    // The original context stands beside the rope's keys, where it counts more than among them.
    var values = model.values
    values[Self.originalKey] = values[Self.originalKey] ?? .int(4096)
    let layers = try layerCount(model)
    var config = try readCommonKeys(
      JSONObject(values: values, file: model.file),
      defaults: FamilyDefaults {
        $0.normEps = 1e-5
        $0.maxPosition = 4096
      }, mixers: Array(repeating: .attention, count: layers))
    config.attention.windows = try windows(model, layerCount: layers) { _ in true }
    // The class takes no notice of `layer_types`: a window is every layer's.
    if model["sliding_window"] != nil, config.attention.windows?.layers.count != layers {
      throw model.unsupported("layer_types", "windows in some layers only")
    }
    return config
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    var object = commonJSON(config).merging(windowsJSON(config)) { $1 }
    // Where the key is absent the class takes an id that a smaller vocabulary does not have.
    object["pad_token_id"] = .null
    if let original = config.rope.positionLimit { object[Self.originalKey] = .int(original) }
    return object
  }

  private static let originalKey = "original_max_position_embeddings"
}

extension Architecture {
  /// Phi-3 and Phi-4 (`Phi3`).
  public static let phi3 = Architecture(rawValue: "phi3")
}
