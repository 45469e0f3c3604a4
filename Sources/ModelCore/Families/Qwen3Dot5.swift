import Groundwork

/// Qwen3.5's dense text models: Qwen3-Next whose Gated DeltaNet keeps q, k and v in one matrix, and its gates apart.
struct Qwen3Dot5: Family {
  let architecture = Architecture.qwen3Dot5
  let className = "Qwen3_5ForCausalLM"
  let rotatesPartOfHeads = true
  let isConvertible = false

  var names: TensorNames {
    var names = TensorNames()
    names.mixers = [.gatedDeltaNet: "linear_attn"]
    names.mixerTensors = [
      .gatedDeltaNet: [
        .gate: "in_proj_z.weight", .decay: "in_proj_a.weight", .writing: "in_proj_b.weight", .headNorm: "norm.weight",
        .output: "out_proj.weight",
      ]
    ]
    let (matrix, taps) = ("in_proj_qkv.weight", "conv1d.weight")
    names.fusedMixers = [
      .gatedDeltaNet: [
        .query: matrix, .key: matrix, .value: matrix, .queryConvolution: taps, .keyConvolution: taps,
        .valueConvolution: taps,
      ]
    ]
    return names
  }

  /// Layers that predict further tokens, which we do not have.
  func ignores(_ name: String, of config: ModelConfig) -> Bool {
    isBufferOrTiedHead(name, of: config) || name.hasPrefix("mtp.")
  }

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model)
    let mixers = try layersByInterval(model, layerCount: layerCount(model))
    var config = try readCommonKeys(
      model,
      defaults: FamilyDefaults {
        $0.headDim = 256
        $0.rotatedShare = 0.25
        $0.maxPosition = 32_768
      }, mixers: mixers)
    config.normOffset = 1
    config.attention = AttentionConfig(qkNorm: true, outputGate: true)
    config.delta = try DeltaConfig(model: model, normEps: config.rmsNormEps)
    return config
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    var object = commonJSON(config)
    object["layer_types"] = layerTypesJSON(config)
    return object
  }
}

extension Architecture {
  /// Qwen3.5's dense text models (`Qwen3Dot5`).
  public static let qwen3Dot5 = Architecture(rawValue: "qwen3_5_text")
}
