import Groundwork
import TokenData

/// A context and the continuations that are scored after it.
public struct ContinuationGroup: Sendable {
  /// At least one token: the beginning token opens every context.
  public var context: [Int32]
  /// At least one token each.
  public var continuations: [[Int32]]

  public init(context: [Int32], continuations: [[Int32]]) {
    self.context = context
    self.continuations = continuations
  }
}

extension Tokenizer {
  /// Splits `context + continuation` into the ids of both, the way lm-evaluation-harness does: spaces at the
  /// end of the context go to the continuation, the whole is encoded at once, and the context's own
  /// encoding says where to cut. The beginning token comes first.
  ///
  /// Where the last token of the context would swallow the whole continuation, the cut moves back to where
  /// both encodings agree, so that a continuation never is empty.
  public func split(context: String, continuation: String) -> (context: [Int32], continuation: [Int32]) {
    let kept = context.reversed().drop { $0.isWhitespace }.count
    let stem = String(context.prefix(kept))
    let start = documentStart
    let whole = encode(context + continuation)
    let head = encode(stem)
    if whole.count > head.count { return (start + head, Array(whole[head.count...])) }
    let common = min(zip(whole, head).prefix { $0 == $1 }.count, max(whole.count - 1, 0))
    return (start + whole[..<common], Array(whole[common...]))
  }
}

extension ContinuationGroup {
  /// One group per distinct context, in order, plus where each pair went.
  static func grouping(_ pairs: [(context: [Int32], continuation: [Int32])]) -> (
    groups: [ContinuationGroup], places: [(group: Int, index: Int)]
  ) {
    var groups: [ContinuationGroup] = []
    var places: [(group: Int, index: Int)] = []
    for pair in pairs {
      let known = groups.firstIndex { $0.context == pair.context }
      let index = known ?? groups.count
      if known == nil { groups.append(ContinuationGroup(context: pair.context, continuations: [])) }
      places.append((index, groups[index].continuations.count))
      groups[index].continuations.append(pair.continuation)
    }
    return (groups, places)
  }

  /// The group with the left end of its context cut off, where context and longest continuation exceed
  /// `limit` tokens (as the harness does).
  func fitting(_ limit: Int) -> ContinuationGroup {
    let longest = continuations.map(\.count).max() ?? 0
    let excess = context.count + longest - 1 - limit
    if excess <= 0 { return self }
    return ContinuationGroup(
      context: Array(context.suffix(max(1, context.count - excess))), continuations: continuations)
  }
}
