import Groundwork

/// Qwen3-Next: Gated DeltaNet and gated attention in turn, norms whose weights are differences from 1, a part of each
/// head rotated. Its experts are not implemented, only dense feed-forwards.
struct Qwen3Next: Family {
  let architecture = Architecture.qwen3Next
  let className = "Qwen3NextForCausalLM"
  let rotatesPartOfHeads = true
  let isConvertible = false

  var names: TensorNames {
    var names = TensorNames()
    names.mixers = [.gatedDeltaNet: "linear_attn"]
    names.mixerTensors = [.gatedDeltaNet: [.output: "out_proj.weight", .headNorm: "norm.weight"]]
    return names
  }

  func read(_ model: JSONObject) throws -> ModelConfig {
    let layers = try layerCount(model)
    let dense = Set(try (model.array("mlp_only_layers") ?? []).compactMap(\.int))
    try refuseUnsupported(model, except: dense.isSuperset(of: 0..<layers) ? ["num_experts"] : [])
    let mixers = try layersByInterval(model, layerCount: layers)
    var config = try readCommonKeys(
      model,
      defaults: FamilyDefaults {
        $0.rotatedShare = 0.25
        $0.headDim = 256
        $0.maxPosition = 32_768
      }, mixers: mixers)
    config.normOffset = 1
    config.attention = AttentionConfig(qkNorm: true, outputGate: try model.bool("attn_output_gate") ?? true)
    config.delta = try DeltaConfig(model: model, normEps: config.rmsNormEps, isFused: true)
    return config
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    var object = commonJSON(config)
    object["layer_types"] = layerTypesJSON(config)
    object["attn_output_gate"] = .bool(config.attention.outputGate)
    object["num_experts"] = .int(0)
    object["mlp_only_layers"] = layerList(Array(0..<config.layerCount))
    return object
  }
}

extension Architecture {
  /// Qwen3-Next (`Qwen3Next`).
  public static let qwen3Next = Architecture(rawValue: "qwen3_next")
}
