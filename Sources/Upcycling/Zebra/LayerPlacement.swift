import Groundwork

/// Which layers of a hybrid are latent attention, chosen from one sensitivity score per layer.
///
/// SMART (Zebra-Llama, arXiv 2505.17272, section 3.3) scores a layer by how much the divergence from the
/// teacher falls when the all-Mamba2 model gets this one layer as latent attention,
/// s_i = KL(teacher || Mamba2) - KL(teacher || Mamba2 with layer i latent), and then searches a placement. The
/// official repository holds neither step; this is the first public implementation. From the published scores
/// (Table 10) it gives every published placement of the 1B model (Table 8) and every total (Table 4).
public struct LayerPlacement: Equatable, Sendable {
  /// How layers are chosen.
  public enum Strategy: String, CaseIterable, Codable, Sendable {
    /// The paper's: both ends by score, near-uniform gaps, the largest sum.
    case smart
    /// The same ends and gaps with the smallest sum: how much the sum matters within the paper's rule (Table 4's
    /// "Possible middle").
    case smartLeast = "smart-least"
    /// 0, L/N, 2L/N, …: the paper's "Uniform #1".
    case uniformFirst = "uniform-first"
    /// L/N - 1, 2L/N - 1, …, L - 1: the paper's "Uniform #2".
    case uniformLast = "uniform-last"
    /// The N highest scores wherever they lie: the paper's "Max score".
    case maxScore = "max-score"
    /// One layer after another, always the one that lowers the divergence most beside those already chosen.
    /// It is measured on the two students (`greedyLayers`); fixed scores do not change with the choice, so on
    /// them it ends where `maxScore` does.
    case greedy
  }

  /// Who chose.
  public let strategy: Strategy
  /// Ascending, from 0.
  public let layers: [Int]
  /// Sum of their scores.
  public let total: Double
  /// How the list breaks SMART's own rule; empty when it obeys.
  public let violations: [String]

  /// - Parameters:
  ///   - count: N, in 1...L
  ///   - scores: L finite numbers, larger where latent attention helps more
  /// - Throws: a usage error for an impossible count or a score that is not a number.
  public init(_ strategy: Strategy, count: Int, scores: [Double]) throws {
    guard (1...max(1, scores.count)).contains(count), !scores.isEmpty else {
      throw UpcycleError.usage(
        "impossible number of latent layers", at: "`count`",
        expected: "1 to \(scores.count), the layers that have scores",
        found: "\(count)")
    }
    if let layer = scores.firstIndex(where: { !$0.isFinite }) {
      throw UpcycleError.usage(
        "a score is not a number", at: "layer \(layer)", expected: "a finite number", found: "\(scores[layer])")
    }
    self.strategy = strategy
    switch strategy {
    case .smart: layers = Self.smartLayers(count: count, scores: scores)
    case .smartLeast: layers = Self.smartLayers(count: count, scores: scores, sign: -1)
    case .uniformFirst: layers = (0..<count).map { $0 * scores.count / count }
    case .uniformLast: layers = (1...count).map { $0 * scores.count / count - 1 }
    case .maxScore, .greedy:
      layers = scores.indices.sorted { (-scores[$0], $0) < (-scores[$1], $1) }.prefix(count).sorted()
    }
    total = layers.reduce(0) { $0 + scores[$1] }
    violations = PlacementRule(layerCount: scores.count, count: count).violations(of: layers, scores: scores)
  }

  /// A list that a strategy found by other means, held against the same scores.
  public init(_ strategy: Strategy, layers: [Int], scores: [Double]) {
    self.strategy = strategy
    self.layers = layers.sorted()
    total = layers.reduce(0) { $0 + scores[$1] }
    violations = PlacementRule(layerCount: scores.count, count: layers.count).violations(
      of: self.layers, scores: scores)
  }

  /// The placement that obeys the rule and has the largest sum (with the sign -1 the smallest); the lowest layers of
  /// equals.
  ///
  /// All gaps are `short` or `short + 1`, and how many are long is fixed by the ends. So the k-th layer lies at
  /// first + k (short + 1) + c after c long gaps, and the best rest of the list depends on (k, c) alone:
  /// N x (long + 1) states stand for all C(N - 1, long) placements that the paper enumerates.
  private static func smartLayers(count: Int, scores: [Double], sign: Double = 1) -> [Int] {
    let rule = PlacementRule(layerCount: scores.count, count: count)
    let first = PlacementRule.highest(in: rule.firstWindow, scores)
    guard count > 1 else { return [first] }
    let last = PlacementRule.highest(in: rule.lastWindow, scores)
    let step = rule.gapBounds(first: first, last: last).lowerBound + 1
    let long = last - first - (count - 1) * step

    // rest[k][c]: the largest sum (times the sign) over layers k..., the k-th after c long gaps; -infinity if it cannot
    // end at `last`.
    var rest = Array(repeating: Array(repeating: -Double.infinity, count: long + 2), count: count)
    rest[count - 1][long] = sign * scores[last]
    for k in (0..<count - 1).reversed() {
      for c in 0...min(k, long) {
        rest[k][c] = sign * scores[first + k * step + c] + max(rest[k + 1][c], rest[k + 1][c + 1])
      }
    }
    var layers = [first]
    var c = 0
    for k in 1..<count {
      if rest[k][c] < rest[k][c + 1] { c += 1 }
      layers.append(first + k * step + c)
    }
    return layers
  }
}
