import Autograd
import Groundwork

extension ModelConfig {
  /// Reads the experts of the families that have them; nil where every layer is dense.
  static func experts(_ model: ConfigObject, architecture: Architecture, layerCount: Int) throws -> ExpertConfig? {
    let experts: ExpertConfig?
    switch architecture {
    case .deepseekV2, .deepseekV3: experts = try deepSeekExperts(model, architecture, layerCount)
    case .qwen3MoE: experts = try qwen3Experts(model, layerCount)
    case .llama4: experts = try llama4Experts(model, layerCount)
    default: experts = nil
    }
    return experts?.layers.isEmpty == true ? nil : experts
  }

  private static let most = 1...4096
  private static let width = 1...(1 << 20)

  private static func deepSeekExperts(
    _ model: ConfigObject, _ architecture: Architecture, _ layerCount: Int
  ) throws -> ExpertConfig? {
    guard let count = try model.int("n_routed_experts", in: 0...most.upperBound), count > 0 else { return nil }
    let first = try model.int("first_k_dense_replace", in: 0...4096) ?? 0
    let every = try model.int("moe_layer_freq", in: most) ?? 1
    let layers = first < layerCount ? (first..<layerCount).filter { $0 % every == 0 } : []
    if layers.isEmpty { return nil }
    let isV3 = architecture == .deepseekV3
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
    let groups = isGrouped ? try model.int("n_group", in: most) ?? 1 : 1
    let kept = isGrouped ? try model.int("topk_group", in: most) ?? groups : 1
    let scale = try model.positive("routed_scaling_factor") ?? 1
    let normalized = try model.bool("norm_topk_prob") ?? isV3
    if !isV3 && normalized {
      throw model.unsupported(
        "norm_topk_prob", "dividing DeepSeek-V2's weights by their sum (its own code and Transformers disagree)")
    }
    let expertWidth = try model.required("moe_intermediate_size", in: width)
    return ExpertConfig(
      count: count, perToken: try model.required("num_experts_per_tok", in: most), width: expertWidth,
      sharedWidth: expertWidth * (try model.int("n_shared_experts", in: 0...most.upperBound) ?? 0), layers: layers,
      rule: isV3
        ? ExpertConfig.deepSeekV3(scale: scale, groups: groups, keptGroups: kept, normalized: normalized)
        : ExpertConfig.deepSeekV2(scale: scale, groups: groups, keptGroups: kept),
      hasCorrectionBias: isV3)
  }

  private static func qwen3Experts(_ model: ConfigObject, _ layerCount: Int) throws -> ExpertConfig? {
    let named = try model.int("num_experts", in: 0...most.upperBound)
    guard let count = try named ?? model.int("num_local_experts", in: 0...most.upperBound), count > 0 else {
      return nil
    }
    let step = try model.int("decoder_sparse_step", in: most) ?? 1
    let dense = try layerIndices(model, "mlp_only_layers", layerCount) ?? []
    return ExpertConfig(
      count: count, perToken: try model.required("num_experts_per_tok", in: most),
      width: try model.required("moe_intermediate_size", in: width),
      layers: (0..<layerCount).filter { !dense.contains($0) && ($0 + 1) % step == 0 },
      rule: RoutingRule(score: .softmax, isNormalized: try model.bool("norm_topk_prob") ?? false))
  }

  private static func llama4Experts(_ model: ConfigObject, _ layerCount: Int) throws -> ExpertConfig? {
    let step = try model.int("interleave_moe_layer_step", in: most) ?? 1
    let listed = try layerIndices(model, "moe_layers", layerCount)
    let expertWidth = try model.required("intermediate_size", in: width)
    return ExpertConfig(
      count: try model.required("num_local_experts", in: most),
      perToken: try model.int("num_experts_per_tok", in: most) ?? 1, width: expertWidth, sharedWidth: expertWidth,
      layers: listed?.sorted() ?? Array(stride(from: step - 1, to: layerCount, by: step)),
      rule: RoutingRule(score: .sigmoid), weighsInput: true)
  }

  static func layerIndices(_ model: ConfigObject, _ key: String, _ layerCount: Int) throws -> Set<Int>? {
    try model.array(key).map { list in
      Set(
        try list.map { value in
          guard let index = value.int, (0..<layerCount).contains(index) else {
            throw model.fail(key, expected: "layer indices in 0...\(layerCount - 1)")
          }
          return index
        })
    }
  }

  /// The keys of the experts, for merging into the model's object.
  func expertJSON() -> [String: JSONValue] {
    func list(_ layers: [Int]) -> JSONValue { .array(layers.map { .int($0) }) }
    guard let experts else {
      switch architecture {
      case .deepseekV2, .deepseekV3: return ["first_k_dense_replace": .int(layerCount), "n_routed_experts": .null]
      case .qwen3MoE: return ["num_experts": .int(0)]
      default: return [:]
      }
    }
    let rule = experts.rule
    var object: [String: JSONValue] = ["num_experts_per_tok": .int(experts.perToken)]
    switch architecture {
    case .deepseekV2, .deepseekV3:
      let isV3 = architecture == .deepseekV3
      object["n_routed_experts"] = .int(experts.count)
      object["n_shared_experts"] = .int(experts.sharedWidth / experts.width)
      object["moe_intermediate_size"] = .int(experts.width)
      object["first_k_dense_replace"] = .int(experts.layers[0])
      object["moe_layer_freq"] = .int(deepSeekInterval ?? 1)
      object["routed_scaling_factor"] = .double(rule.scale)
      object["norm_topk_prob"] = .bool(rule.isNormalized)
      object["scoring_func"] = .string(isV3 ? "sigmoid" : "softmax")
      object["topk_method"] = .string(isV3 ? "noaux_tc" : rule.groups > 1 ? "group_limited_greedy" : "greedy")
      object["n_group"] = .int(rule.groups)
      object["topk_group"] = .int(rule.keptGroups)
    case .qwen3MoE:
      object["num_experts"] = .int(experts.count)
      object["moe_intermediate_size"] = .int(experts.width)
      object["norm_topk_prob"] = .bool(rule.isNormalized)
      object["decoder_sparse_step"] = .int(1)
      object["mlp_only_layers"] = list((0..<layerCount).filter { !experts.isUsed(inLayer: $0) })
    case .llama4:
      object["num_local_experts"] = .int(experts.count)
      object["intermediate_size"] = .int(experts.width)
      object["intermediate_size_mlp"] = .int(intermediateSize)
      object["moe_layers"] = list(experts.layers)
    default: break
    }
    return object
  }

  /// `moe_layer_freq` that gives the layers with experts from the first one on; nil when none does.
  private var deepSeekInterval: Int? {
    guard let experts, let first = experts.layers.first else { return nil }
    return (1...max(1, layerCount)).first { every in
      (first..<layerCount).filter { $0 % every == 0 } == experts.layers
    }
  }

  /// Refuses impossible experts, naming the key.
  func validateExperts(require: (Bool, String, String, Any, String) throws -> Void) throws {
    let isMixture = architecture.isDeepSeek || architecture == .qwen3MoE || architecture == .llama4
    guard let experts else {
      try require(
        rewiredLayers.isEmpty, "farskip_connectivity", "a model with experts", architecture.rawValue,
        "a dense model has no collectives to hide")
      return try require(architecture != .llama4, "num_local_experts", "at least 1", 0, "Llama-4 has experts")
    }
    try require(
      isMixture, "num_experts", "none", experts.count,
      "\(architecture.rawValue) models with experts are not implemented")
    try require((1...4096).contains(experts.count), "n_routed_experts", "1...4096", experts.count, "out of range")
    let rule = experts.rule
    try require(
      rule.groups > 0 && experts.count % rule.groups == 0, "n_group", "a divisor of the \(experts.count) experts",
      rule.groups,
      "groups must be equal")
    try require(
      (1...rule.groups).contains(rule.keptGroups), "topk_group", "1...\(rule.groups)", rule.keptGroups, "out of range")
    let open = rule.keptGroups * (experts.count / rule.groups)
    try require(
      (1...open).contains(experts.perToken), "num_experts_per_tok", "1...\(open), the experts of the open groups",
      experts.perToken, "out of range")
    try require(
      rule.groupScore == .best || rule.groups == 1 || experts.count / rule.groups >= 2, "n_group",
      "at least 2 experts a group", rule.groups, "a group's score is the sum of its two best")
    try require(
      (1...(1 << 20)).contains(experts.width), "moe_intermediate_size", "1...\(1 << 20)", experts.width, "out of range")
    try require(
      experts.sharedWidth % experts.width == 0, "n_shared_experts", "whole experts of width \(experts.width)",
      experts.sharedWidth, "shared experts are as wide as routed ones")
    try require(
      Set(experts.layers).isSubset(of: 0..<layerCount) && experts.layers == experts.layers.sorted()
        && !experts.layers.isEmpty,
      "first_k_dense_replace, moe_layers, mlp_only_layers", "layers in 0...\(layerCount - 1)", experts.layers,
      "layers with experts out of range")
    if architecture.isDeepSeek {
      try require(
        deepSeekInterval != nil, "moe_layer_freq", "evenly spaced layers", experts.layers,
        "layers with experts cannot be written down")
    }
    try require(
      connectivities.isEmpty || connectivities.count == layerCount, "farskip_connectivity", "\(layerCount) entries",
      connectivities.count, "one connectivity per layer")
  }

  /// Reads `farskip_connectivity`; absent means standard everywhere.
  static func connectivities(_ model: ConfigObject, layerCount: Int) throws -> [Connectivity] {
    guard let list = try model.array("farskip_connectivity") else { return [] }
    let known = Connectivity.allCases.map(\.rawValue).joined(separator: ", ")
    let all = try list.map { value in
      guard let connectivity = value.string.flatMap(Connectivity.init) else {
        throw model.fail("farskip_connectivity", expected: "one of \(known) per layer")
      }
      return connectivity
    }
    guard all.count == layerCount else {
      throw UpcycleError(
        "\"farskip_connectivity\" does not fit num_hidden_layers", at: model.file, expected: "\(layerCount) entries",
        found: "\(all.count)")
    }
    return all.allSatisfy { $0 == .standard } ? [] : all
  }
}
