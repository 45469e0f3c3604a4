import Groundwork

extension ExpertConfig {
  /// Refuses impossible experts, naming the key.
  func validate(_ check: ConfigCheck, layerCount: Int) throws {
    try check.require((1...4096).contains(count), "n_routed_experts", "1...4096", count, "out of range")
    try check.require(
      rule.groups > 0 && count % rule.groups == 0, "n_group", "a divisor of the \(count) experts", rule.groups,
      "groups must be equal")
    try check.require(
      (1...rule.groups).contains(rule.keptGroups), "topk_group", "1...\(rule.groups)", rule.keptGroups, "out of range")
    let open = rule.keptGroups * (count / rule.groups)
    try check.require(
      (1...open).contains(perToken), "num_experts_per_tok", "1...\(open), the experts of the open groups", perToken,
      "out of range")
    try check.require(
      rule.groupScore == .best || rule.groups == 1 || count / rule.groups >= 2, "n_group",
      "at least 2 experts a group", rule.groups, "a group's score is the sum of its two best")
    try check.require(
      (1...(1 << 20)).contains(width), "moe_intermediate_size", "1...\(1 << 20)", width, "out of range")
    try check.require(
      sharedWidth % width == 0, "n_shared_experts", "whole experts of width \(width)", sharedWidth,
      "shared experts are as wide as routed ones")
    try check.require(
      Set(layers).isSubset(of: 0..<layerCount) && layers == layers.sorted() && !layers.isEmpty,
      "first_k_dense_replace, moe_layers, mlp_only_layers", "layers in 0...\(layerCount - 1)", layers,
      "layers with experts out of range")
  }
}
