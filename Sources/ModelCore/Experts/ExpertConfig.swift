import Autograd

/// The experts of a model (mixture of experts), the same in every layer that has them.
///
/// An expert is a SwiGLU of width F: E(u) = W_down (silu(W_gate u) * (W_up u)). Every token goes to K of E experts:
///   r = sum over its experts of g E(u),   s = Shared(u)
/// or, where the input is weighed (Llama-4), r = sum of E(g u).
public struct ExpertConfig: Equatable, Sendable {
  /// E, routed experts (`n_routed_experts`, `num_experts` or `num_local_experts`).
  public var count: Int
  /// K, experts of a token (`num_experts_per_tok`).
  public var perToken: Int
  /// F, width of a routed expert (`moe_intermediate_size`; Llama-4's `intermediate_size`).
  public var width: Int
  /// Width of the shared experts together, which every token goes to; 0 for none.
  public var sharedWidth: Int
  /// Layers that have experts, ascending; the others have a dense feed-forward.
  public var layers: [Int]
  /// How the router scores, groups and weighs experts.
  public var rule: RoutingRule
  /// A bias [E] on the scores that decides the choice alone (`e_score_correction_bias`; DeepSeek-V3).
  public var hasCorrectionBias: Bool
  /// The router's weight multiplies an expert's input instead of its output (Llama-4).
  public var weighsInput: Bool
  /// All experts of a layer lie in one tensor, inputs first (Llama-4); else each has three matrices of its own.
  public var isStacked: Bool

  /// Unless said otherwise there are no shared experts and no correction bias, weights multiply outputs, and every
  /// expert has its own matrices.
  /// - Parameter layers: ascending
  public init(
    count: Int, perToken: Int, width: Int, sharedWidth: Int = 0, layers: [Int], rule: RoutingRule,
    hasCorrectionBias: Bool = false, weighsInput: Bool = false,
    isStacked: Bool = false
  ) {
    self.count = count
    self.perToken = perToken
    self.width = width
    self.sharedWidth = sharedWidth
    self.layers = layers
    self.rule = rule
    self.hasCorrectionBias = hasCorrectionBias
    self.weighsInput = weighsInput
    self.isStacked = isStacked
  }

  /// DeepSeek-V2's router: softmax, weights as they are; groups by their best expert.
  public static func deepSeekV2(scale: Double = 1, groups: Int = 1, keptGroups: Int = 1) -> RoutingRule {
    RoutingRule(score: .softmax, groups: groups, keptGroups: keptGroups, groupScore: .best, scale: scale)
  }

  /// DeepSeek-V3's: sigmoids, groups by their two best, weights to the sum `scale`.
  public static func deepSeekV3(scale: Double = 1, groups: Int = 1, keptGroups: Int = 1, normalized: Bool = true)
    -> RoutingRule
  {
    RoutingRule(
      score: .sigmoid, groups: groups, keptGroups: keptGroups, groupScore: .twoBest, isNormalized: normalized,
      scale: scale)
  }

  /// Whether `layer` has experts.
  public func isUsed(inLayer layer: Int) -> Bool { layers.contains(layer) }

  /// Numbers of one routed expert's weights.
  func expertParameters(hiddenSize: Int) -> Int { 3 * hiddenSize * width }
}
