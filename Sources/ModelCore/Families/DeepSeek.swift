import Autograd
import Groundwork

/// DeepSeek-V2 and V3: latent attention in every layer, experts behind some dense layers. The two differ in how
/// experts are chosen.
struct DeepSeek: Family {
  let architecture: Architecture
  let className: String
  let hasExperts = true
  private let isV3: Bool

  static let v2 = DeepSeek(architecture: .deepseekV2, className: "DeepseekV2ForCausalLM", isV3: false)
  static let v3 = DeepSeek(architecture: .deepseekV3, className: "DeepseekV3ForCausalLM", isV3: true)

  private init(architecture: Architecture, className: String, isV3: Bool) {
    self.architecture = architecture
    self.className = className
    self.isV3 = isV3
  }

  var names: TensorNames {
    var names = TensorNames()
    names.mixers = [.latentAttention: "self_attn"]
    return names
  }

  func architecture(attentionOnly config: ModelConfig) -> Architecture { .plain(config.attention) }

  /// V3's checkpoints hold layers for predicting further tokens.
  func ignores(_ name: String, of config: ModelConfig) -> Bool {
    isBufferOrTiedHead(name, of: config) || (isV3 && name.hasPrefix(names.layerPrefix(config.layerCount)))
  }

  func read(_ model: JSONObject) throws -> ModelConfig {
    try refuseUnsupported(model)
    let layers = try layerCount(model)
    var config = try readCommonKeys(
      model, headDim: try model.required("v_head_dim", in: 1...(1 << 20)),
      defaults: FamilyDefaults { $0.maxPosition = isV3 ? 4096 : 2048 },
      mixers: Array(repeating: .latentAttention, count: layers))
    config.latent = try LatentConfig(model: model, config: config, isNative: true)
    config.experts = try experts(model, layers)
    return config
  }

  func json(_ config: ModelConfig) -> [String: JSONValue] {
    var object = commonJSON(config)
    object["head_dim"] = .int(config.latent?.ropeHeadDim ?? config.headDim)
    guard let experts = config.experts else {
      // No layer has experts; typed readers want numbers all the same.
      object["first_k_dense_replace"] = .int(config.layerCount)
      for key in ["n_routed_experts", "n_shared_experts", "num_experts_per_tok", "n_group", "topk_group"] {
        object[key] = .int(1)
      }
      object["moe_intermediate_size"] = .int(config.intermediateSize)
      return object
    }
    let rule = experts.rule
    object["num_experts_per_tok"] = .int(experts.perToken)
    object["n_routed_experts"] = .int(experts.count)
    object["n_shared_experts"] = .int(experts.sharedWidth / experts.width)
    object["moe_intermediate_size"] = .int(experts.width)
    object["first_k_dense_replace"] = .int(experts.layers[0])
    object["moe_layer_freq"] = .int(interval(experts, config.layerCount) ?? 1)
    object["routed_scaling_factor"] = .double(rule.scale)
    object["norm_topk_prob"] = .bool(rule.isNormalized)
    object["scoring_func"] = .string(isV3 ? "sigmoid" : "softmax")
    object["topk_method"] = .string(isV3 ? "noaux_tc" : rule.groups > 1 ? "group_limited_greedy" : "greedy")
    object["n_group"] = .int(rule.groups)
    object["topk_group"] = .int(rule.keptGroups)
    return object
  }

  func validate(_ config: ModelConfig, _ check: ConfigCheck) throws {
    guard let experts = config.experts else { return }
    try check.require(
      interval(experts, config.layerCount) != nil, "moe_layer_freq", "evenly spaced layers", experts.layers,
      "layers with experts cannot be written down")
  }

  // MARK: Experts

  private func experts(_ model: JSONObject, _ layerCount: Int) throws -> ExpertConfig? {
    let most = 1...4096
    guard let count = try model.int("n_routed_experts", in: 0...most.upperBound), count > 0 else { return nil }
    let first = try model.int("first_k_dense_replace", in: 0...4096) ?? (isV3 ? 3 : 0)
    let every = try model.int("moe_layer_freq", in: most) ?? 1
    let layers = first < layerCount ? (first..<layerCount).filter { $0 % every == 0 } : []
    if layers.isEmpty { return nil }
    let wanted = isV3 ? "sigmoid" : "softmax"
    if let name = try model.string("scoring_func"), name != wanted {
      throw model.unsupported("scoring_func", "this score of experts (known for \(architecture.rawValue): \(wanted))")
    }
    let method = try model.string("topk_method")
    let methods = isV3 ? ["noaux_tc"] : ["greedy", "group_limited_greedy"]
    if let method, !methods.contains(method) {
      throw model.unsupported("topk_method", "this choice of experts (known: \(methods.joined(separator: ", ")))")
    }
    let isGrouped = isV3 || method == "group_limited_greedy"
    func isDefault(_ key: String) -> Bool { isV3 && model.values[key] == nil }
    let groups = isGrouped ? try model.int("n_group", in: most) ?? (isDefault("n_group") ? 8 : 1) : 1
    let kept =
      isGrouped ? try model.int("topk_group", in: most) ?? (isDefault("topk_group") ? min(4, groups) : groups) : 1
    let scale = try model.positive("routed_scaling_factor") ?? (isV3 ? 2.5 : 1)
    let normalized = try model.bool("norm_topk_prob") ?? isV3
    if !isV3 && normalized {
      throw model.unsupported(
        "norm_topk_prob", "dividing DeepSeek-V2's weights by their sum (its own code and Transformers disagree)")
    }
    let expertWidth = try model.required("moe_intermediate_size", in: 1...(1 << 20))
    return ExpertConfig(
      count: count, perToken: try model.required("num_experts_per_tok", in: most), width: expertWidth,
      sharedWidth: expertWidth * (try sharedExperts(model)), layers: layers,
      rule: isV3
        ? ExpertConfig.deepSeekV3(scale: scale, groups: groups, keptGroups: kept, normalized: normalized)
        : ExpertConfig.deepSeekV2(scale: scale, groups: groups, keptGroups: kept),
      hasCorrectionBias: isV3)
  }

  /// `n_shared_experts`; an explicit null is none.
  private func sharedExperts(_ model: JSONObject) throws -> Int {
    try model.int("n_shared_experts", in: 0...4096) ?? (model.values["n_shared_experts"] != nil ? 0 : isV3 ? 1 : 2)
  }

  /// `moe_layer_freq` that gives the layers with experts from the first one on; nil when none does.
  private func interval(_ experts: ExpertConfig, _ layerCount: Int) -> Int? {
    guard let first = experts.layers.first else { return nil }
    return (1...max(1, layerCount)).first { every in
      (first..<layerCount).filter { $0 % every == 0 } == experts.layers
    }
  }
}

extension Architecture {
  /// DeepSeek-V2 (`DeepSeek`).
  public static let deepseekV2 = Architecture(rawValue: "deepseek_v2")
  /// DeepSeek-V3 (`DeepSeek`).
  public static let deepseekV3 = Architecture(rawValue: "deepseek_v3")
}
