import Foundation
import Groundwork

/// Two models on the same items: pairing removes the items' own variance.
public struct PairedComparison: Codable, Equatable, Sendable {
  /// Items that both were scored on.
  public var items: Int
  /// Mean of the second's points minus the first's (1 or 0 where an item is right or wrong), with the standard error of
  /// the paired differences.
  public var difference: Estimate
  /// Items that only the first got right, or more of.
  public var onlyFirst: Int
  /// Items that only the second got right, or more of.
  public var onlySecond: Int
  /// Two-sided exact sign test over those items (McNemar).
  public var pValue: Double

  enum CodingKeys: String, CodingKey {
    case items = "n"
    case difference
    case onlyFirst = "only_first"
    case onlySecond = "only_second"
    case pValue = "p_value"
  }

  /// - Parameters: results of both models, matched by task and id.
  /// - Throws: when they share no item, or an item of one is another question of the same id.
  public init(_ first: [ItemResult], _ second: [ItemResult]) throws {
    func key(_ item: ItemResult) -> String { "\(item.task)\u{0}\(item.id)" }
    let known = Dictionary(second.map { (key($0), $0) }) { $1 }
    let pairs = try first.compactMap { item -> (Double, Double)? in
      guard let other = known[key(item)] else { return nil }
      guard item.canBeTheQuestion(of: other) else {
        throw UpcycleError(
          "the two evaluations asked different questions", at: "task \(item.task), item \(item.id)",
          expected: item.question, found: other.question,
          hint: "score both with the same `seed`, `set` and `world`, or the same file of items")
      }
      return (item.points, other.points)
    }
    if pairs.isEmpty { throw UpcycleError("the two evaluations share no item") }
    items = pairs.count
    difference = Estimate(pairs.map { $1 - $0 })
    onlyFirst = pairs.count { $0 > $1 }
    onlySecond = pairs.count { $0 < $1 }
    pValue = Self.signTest(onlyFirst, onlySecond)
  }

  /// P(at least as lopsided a split | fair coin), both sides.
  static func signTest(_ a: Int, _ b: Int) -> Double {
    let n = a + b
    var tail = 0.0
    for k in 0...min(a, b) {
      tail += exp(lgamma(Double(n + 1)) - lgamma(Double(k + 1)) - lgamma(Double(n - k + 1)) - Double(n) * log(2))
    }
    return min(1, 2 * tail)
  }
}

extension ItemResult {
  /// Whether what is kept of the two questions is the same; reports of before keep less, of generated answers nothing.
  fileprivate func canBeTheQuestion(of other: ItemResult) -> Bool {
    func agree<T: Equatable>(_ a: T?, _ b: T?) -> Bool { a == nil || b == nil || a == b }
    return agree(answer, other.answer) && agree(endingBytes, other.endingBytes)
      && agree(questionHash, other.questionHash)
  }

  /// What is kept of the question, for errors.
  fileprivate var question: String {
    let choices = answer.map { "answer \($0) of choices of \(endingBytes.map { "\($0)" } ?? "unknown") bytes, " }
    return (choices ?? "") + "text of hash \(questionHash ?? "unknown")"
  }
}
