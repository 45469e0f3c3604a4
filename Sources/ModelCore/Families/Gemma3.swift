import Groundwork

/// Gemma 3's text models: Gemma 2 with norms over query and key heads in place of the caps, and a rope of their own in
/// the layers with windows, five of every six.
struct Gemma3: Family {
  let architecture = Architecture.gemma3
  let className = "Gemma3ForCausalLM"

  var names: TensorNames { .gemma }

  func read(_ model: JSONObject) throws -> ModelConfig {
    let every = try model.int("sliding_window_pattern", in: 1...4096) ?? 6
    var config = try readGemma(model, context: 131_072) { ($0 + 1) % every != 0 }
    config.attention.qkNorm = true
    // The class reads the key and does not compute it.
    if model["attn_logit_softcapping"] != nil {
      throw model.unsupported("attn_logit_softcapping", "a soft cap on Gemma 3's scores")
    }
    config.rope = try RopeConfig(model: ropeKeys(model), maxPosition: config.maxPosition, theta: 1_000_000)
    if config.attention.windows != nil {
      let own = try model.object("rope_parameters")?.object(Self.windowedKey)
      let theta = try model.positive("rope_local_base_freq") ?? 10_000
      config.attention.windows?.rope = try RopeConfig(
        parameters: own ?? JSONObject(values: [:], file: model.file), theta: theta, maxPosition: config.maxPosition)
    }
    return config
  }

  /// `rope_scaling` belongs to the layers without windows and leaves their base frequency alone.
  private func ropeKeys(_ model: JSONObject) throws -> JSONObject {
    let types = [MixerKind.attention.rawValue, Self.windowedKey]
    if let parameters = try model.object("rope_parameters"), !parameters.values.isEmpty,
      !types.contains(where: { parameters[$0] != nil })
    {
      throw model.fail("rope_parameters", expected: "an object for each of \(types.joined(separator: " and "))")
    }
    guard let scaling = try model.object("rope_scaling") else { return model }
    var values = model.values
    let own = try model.object("rope_parameters")?.object(MixerKind.attention.rawValue)?.values ?? [:]
    values["rope_parameters"] = .object(own.merging(scaling.values) { $1 })
    values["rope_scaling"] = nil
    return JSONObject(values: values, file: model.file)
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    var object = gemmaJSON(config)
    let windowed = config.attention.windows?.rope ?? RopeConfig()
    object["rope_parameters"] = .object([
      MixerKind.attention.rawValue: config.rope.json, Self.windowedKey: windowed.json,
    ])
    return object
  }

  private static let windowedKey = "sliding_attention"
}

extension Architecture {
  /// Gemma 3's text models (`Gemma3`).
  public static let gemma3 = Architecture(rawValue: "gemma3_text")
}
