import Autograd
import Groundwork

/// Qwen3 with experts: softmax scores, none shared.
struct Qwen3MoE: Family {
  let architecture = Architecture.qwen3MoE
  let className = "Qwen3MoeForCausalLM"
  let usesWindowsUnlessSaid = false
  let hasExperts = true

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model)
    var config = try readCommonKeys(model, defaults: FamilyDefaults { $0.maxPosition = 32_768 })
    try refuseWindows(model, context: config.maxPosition)
    config.attention.qkNorm = true
    try readMixerShapes(model, into: &config)
    config.experts = try experts(model, config.layerCount)
    return config
  }

  /// Its windows are in every layer, whatever `max_window_layers` says; an explicit null is none.
  private func refuseWindows(_ model: JSONObject, context: Int) throws {
    guard try model.bool("use_sliding_window") ?? false else { return }
    let absent: Int? = model.values["sliding_window"] == nil ? 4096 : nil
    guard let size = try model.int("sliding_window", in: 1...(1 << 40)) ?? absent, size < context else { return }
    throw model.unsupported("use_sliding_window", "sliding-window attention")
  }

  private func experts(_ model: JSONObject, _ layerCount: Int) throws -> ExpertConfig? {
    let most = 1...4096
    let named = try model.int("num_experts", in: 0...most.upperBound)
    guard let count = try named ?? model.int("num_local_experts", in: 0...most.upperBound), count > 0 else {
      return nil
    }
    let step = try model.int("decoder_sparse_step", in: most) ?? 1
    let dense = try layerNumbers(model, "mlp_only_layers", layerCount) ?? []
    let layers = (0..<layerCount).filter { !dense.contains($0) && ($0 + 1) % step == 0 }
    if layers.isEmpty { return nil }
    return ExpertConfig(
      count: count, perToken: try model.required("num_experts_per_tok", in: most),
      width: try model.required("moe_intermediate_size", in: 1...(1 << 20)), layers: layers,
      rule: RoutingRule(score: .softmax, isNormalized: try model.bool("norm_topk_prob") ?? false))
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    var object = commonJSON(config)
    guard let experts = config.experts else {
      object["num_experts"] = .int(0)
      return object
    }
    object["num_experts"] = .int(experts.count)
    object["num_experts_per_tok"] = .int(experts.perToken)
    object["moe_intermediate_size"] = .int(experts.width)
    object["norm_topk_prob"] = .bool(experts.rule.isNormalized)
    object["decoder_sparse_step"] = .int(1)
    object["mlp_only_layers"] = layerList((0..<config.layerCount).filter { !experts.isUsed(inLayer: $0) })
    return object
  }
}

extension Architecture {
  /// Qwen3 with experts (`Qwen3MoE`).
  public static let qwen3MoE = Architecture(rawValue: "qwen3_moe")
}
