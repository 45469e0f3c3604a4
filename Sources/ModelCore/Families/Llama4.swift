import Autograd
import Groundwork

/// Llama-4's text models: attention in chunks beside layers without positions, and experts whose router weighs their
/// input.
struct Llama4: Family {
  let architecture = Architecture.llama4
  let className = "Llama4ForCausalLM"
  let hasExperts = true

  private static let chunked = "chunked_attention"

  var names: TensorNames {
    var names = TensorNames()
    names.feedForward = "feed_forward"
    names.router = "router.weight"
    names.sharedExpert = "shared_expert"
    return names
  }

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model)
    // Its layer types say where attention is chunked.
    let layers = try layerCount(model)
    var config = try readCommonKeys(
      model, feedForwardKey: "intermediate_size_mlp",
      defaults: FamilyDefaults {
        ($0.normEps, $0.theta, $0.maxPosition) = (1e-5, 500_000, 131_072)
      }, mixers: Array(repeating: .attention, count: layers))
    config.attention = try attention(model, layers)
    config.experts = try experts(model, layers)
    return config
  }

  private func attention(_ model: JSONObject, _ layerCount: Int) throws -> AttentionConfig {
    let interval = try model.int("no_rope_layer_interval", in: 1...4096) ?? 4
    let unrotated =
      try AttentionConfig.unrotatedLayers(model, layerCount: layerCount)
      ?? (0..<layerCount).filter { ($0 + 1) % interval == 0 }
    let rotated = (0..<layerCount).filter { !unrotated.contains($0) }
    var chunked = rotated
    if let types = try model.array("layer_types") {
      let names = types.compactMap(\.string)
      let known = [Self.chunked, MixerKind.attention.rawValue]
      guard names.count == layerCount, types.count == layerCount, names.allSatisfy({ known.contains($0) }) else {
        throw model.fail("layer_types", expected: "\(layerCount) of \(known.joined(separator: ", "))")
      }
      chunked = (0..<layerCount).filter { names[$0] == Self.chunked }
    }
    // An explicit null is none.
    let absent: Int? = model.values["attention_chunk_size"] == nil ? 8192 : nil
    let size = try model.int("attention_chunk_size", in: 1...(1 << 40)) ?? absent
    if size == nil, model["layer_types"] != nil, !chunked.isEmpty {
      throw model.fail("attention_chunk_size", expected: "a number of positions, since layers are \(Self.chunked)")
    }
    let isTuned = try model.bool("attn_temperature_tuning") ?? true
    return AttentionConfig(
      ropeInterleaved: true, unrotatedLayers: unrotated,
      normsRotated: try model.bool("use_qk_norm") ?? true,
      temperature: isTuned
        ? .init(
          floorScale: try model.int("floor_scale", in: 1...(1 << 40)) ?? 8192,
          slope: try model.double("attn_scale") ?? 0.1) : nil,
      chunks: chunked.isEmpty ? nil : size.map { AttentionConfig.Chunks(layers: chunked, size: $0) })
  }

  private func experts(_ model: JSONObject, _ layerCount: Int) throws -> ExpertConfig? {
    let most = 1...4096
    let step = try model.int("interleave_moe_layer_step", in: most) ?? 1
    let listed = try layerNumbers(model, "moe_layers", layerCount)
    let layers = listed?.sorted() ?? Array(stride(from: step - 1, to: layerCount, by: step))
    let expertWidth = try model.required("intermediate_size", in: 1...(1 << 20))
    let experts = ExpertConfig(
      count: try model.required("num_local_experts", in: most),
      perToken: try model.int("num_experts_per_tok", in: most) ?? 1, width: expertWidth, sharedWidth: expertWidth,
      layers: layers, rule: RoutingRule(score: .sigmoid), weighsInput: true, isStacked: true)
    return layers.isEmpty ? nil : experts
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    var object = commonJSON(config)
    let (attention, layers) = (config.attention, 0..<config.layerCount)
    object["no_rope_layers"] = attention.rotationFlags(layerCount: config.layerCount)
    object["layer_types"] = .array(
      layers.map {
        .string(attention.chunks?.layers.contains($0) == true ? Self.chunked : MixerKind.attention.rawValue)
      })
    object["attention_chunk_size"] = attention.chunks.map { .int($0.size) }
    object["use_qk_norm"] = .bool(attention.normsRotated)
    object["attn_temperature_tuning"] = .bool(attention.temperature != nil)
    if let temperature = attention.temperature {
      object["floor_scale"] = .int(temperature.floorScale)
      object["attn_scale"] = .double(temperature.slope)
    }
    if let experts = config.experts {
      object["num_experts_per_tok"] = .int(experts.perToken)
      object["num_local_experts"] = .int(experts.count)
      object["intermediate_size"] = .int(experts.width)
      object["intermediate_size_mlp"] = .int(config.intermediateSize)
      object["moe_layers"] = layerList(experts.layers)
    }
    return object
  }

  func validate(_ config: ModelConfig, _ check: ConfigCheck) throws {
    try check.require(config.experts != nil, "num_local_experts", "at least 1", 0, "Llama-4 has experts")
  }
}

extension Architecture {
  /// Llama-4's text models (`Llama4`).
  public static let llama4 = Architecture(rawValue: "llama4_text")
}
