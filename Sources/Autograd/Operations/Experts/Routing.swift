import CKernels
import TensorCore

/// How a router turns logits into a choice of experts and their weights: one rule for DeepSeek-V2
/// and V3, Qwen3 and Llama-4.
public struct RoutingRule: Equatable, Sendable {
  /// What a score is made of: all logits of a token, or its own alone.
  public enum Score: String, Sendable { case softmax, sigmoid }
  /// What a group of experts is worth: its best expert (DeepSeek-V2) or the sum of its two best (DeepSeek-V3).
  public enum GroupScore: Sendable { case best, twoBest }

  /// How logits become scores.
  public var score: Score
  /// Experts stand in this many groups of neighbours, of which the best `keptGroups` are open.
  public var groups: Int
  /// Groups that stay open; see `groups`.
  public var keptGroups: Int
  /// What groups are compared by.
  public var groupScore: GroupScore
  /// The weights of a token's experts are divided by their sum.
  public var isNormalized: Bool
  /// What weights are multiplied by in the end.
  public var scale: Double

  /// The default groups leave all experts open.
  public init(
    score: Score, groups: Int = 1, keptGroups: Int = 1, groupScore: GroupScore = .best, isNormalized: Bool = false,
    scale: Double = 1
  ) {
    self.score = score
    self.groups = groups
    self.keptGroups = keptGroups
    self.groupScore = groupScore
    self.isNormalized = isNormalized
    self.scale = scale
  }

  var kernel: up_router {
    up_router(
      sigmoid: score == .sigmoid, normalized: isNormalized, sums_two: groupScore == .twoBest, groups: groups,
      kept: keptGroups, scale: Float(scale))
  }
}

/// Which experts each token goes to, and the order of all (token, slot) pairs by expert.
///
/// Slot j of token t has the number t * slots + j. Sorted by expert, and by number within an expert, slots are rows:
/// rows starts[e] ..< starts[e + 1] belong to expert e.
public struct ExpertChoice: Sendable {
  /// Experts of the layer.
  public let experts: Int
  /// Experts of a token.
  public let slots: Int
  /// [tokens * slots]: the expert of every slot.
  public let chosen: [Int32]
  /// [experts + 1]
  public let starts: [Int]
  /// [tokens * slots]: where a slot's row stands, and which slot a row is.
  public let rowOfSlot: [Int32]
  /// [tokens * slots]: the inverse of `rowOfSlot`.
  public let slotOfRow: [Int32]

  /// The order that follows from `chosen` [tokens * slots], numbers in 0..<experts.
  public init(chosen: [Int32], slots: Int, experts: Int) {
    self.experts = experts
    self.slots = slots
    self.chosen = chosen
    var starts = [Int64](repeating: 0, count: experts + 1)
    var rowOfSlot = [Int32](repeating: 0, count: chosen.count)
    var slotOfRow = rowOfSlot
    up_order_slots(chosen, chosen.count, experts, &starts, &rowOfSlot, &slotOfRow)
    self.starts = starts.map(Int.init)
    self.rowOfSlot = rowOfSlot
    self.slotOfRow = slotOfRow
  }

  /// Perfect balance, for benchmarks: slot j of token t goes to expert (t * slots + j) mod experts.
  public init(evenly tokens: Int, slots: Int, experts: Int) {
    self.init(chosen: (0..<tokens * slots).map { Int32($0 % experts) }, slots: slots, experts: experts)
  }

  /// Tokens that were routed.
  public var tokens: Int { chosen.count / slots }
  /// Slots that each expert got, [experts].
  public var loads: [Int] { (0..<experts).map { starts[$0 + 1] - starts[$0] } }
}

extension Tape {
  /// Routes tokens: weights [..., slots] of the chosen experts from logits [..., experts], in slots from the highest
  /// score down. Weights are differentiable, the choice is not.
  ///
  /// Load balance (Switch; DeepSeek-V2 section 2.2.3): with f_e the share of all slots that went to expert e and P_e
  /// the mean over tokens of expert e's score divided by the token's sum of scores,
  ///   balance = E sum_e f_e P_e,   1 when even, E when one expert gets everything.
  /// Its gradient, times `balanceWeight`, joins the logits' in the backward pass (f is a constant), so that it acts as
  /// if the loss held balanceWeight * balance; the seed of the backward pass must be the loss's own, 1.
  /// - Parameters:
  ///   - bias: [experts], added to scores for the choice alone (DeepSeek-V3's e_score_correction_bias); nil for none
  ///   - held: a choice made before, which stays; nil: the scores decide
  /// - Returns: `balance` is 0 unless asked for by a weight
  public func route(
    _ logits: Variable, _ rule: RoutingRule, slots: Int, bias: Tensor? = nil, balanceWeight: Float = 0,
    held: ExpertChoice? = nil
  ) -> (weights: Variable, choice: ExpertChoice, balance: Double) {
    let (tokens, experts) = (logits.rowCount, logits.width)
    precondition(slots <= experts && experts <= Int(up_most_experts))
    let scores = Tensor([tokens, experts])
    let weights = Tensor(logits.shape.dropLast() + [slots])
    var kernel = rule.kernel
    var chosen = held?.chosen ?? [Int32](repeating: 0, count: tokens * slots)
    up_route(
      logits.value.pointer, bias?.pointer, &kernel, tokens, experts, slots, held != nil, scores.pointer, &chosen,
      weights.pointer)
    let choice = held ?? ExpertChoice(chosen: chosen, slots: slots, experts: experts)
    let (balance, pull) = balanceWeight == 0 ? (0, nil) : balanceLoss(scores, choice, balanceWeight)
    let recorded = record(weights, inputs: [logits]) { dweights in
      let dlogits = Tensor(logits.shape)
      var kernel = rule.kernel
      up_route_backward(
        scores.pointer, choice.chosen, dweights.pointer, pull?.pointer, &kernel, tokens, experts, slots, dlogits.pointer
      )
      self.accumulate(dlogits, into: logits)
    }
    return (recorded, choice, balance)
  }

  /// E sum_e f_e P_e, and weight * E f_e / tokens, [experts]: its gradient with respect to a token's normalised scores.
  private func balanceLoss(_ scores: Tensor, _ choice: ExpertChoice, _ weight: Float) -> (Double, Tensor) {
    let (tokens, experts) = (choice.tokens, choice.experts)
    var means = [Double](repeating: 0, count: experts)
    for token in 0..<tokens {
      let row = scores.pointer + token * experts
      var sum: Float = 0
      for expert in 0..<experts { sum += row[expert] }
      for expert in 0..<experts { means[expert] += Double(row[expert] / sum) }
    }
    let shares = choice.loads.map { Double($0) / Double(max(1, choice.chosen.count)) }
    let balance = Double(experts) * zip(shares, means).reduce(0) { $0 + $1.0 * $1.1 } / Double(max(1, tokens))
    let pull = shares.map { weight * Float(Double(experts) * $0 / Double(max(1, tokens))) }
    return (balance, Tensor([experts], values: pull))
  }
}
