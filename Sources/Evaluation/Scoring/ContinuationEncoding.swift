import Groundwork
import TokenData

/// A context and the continuations that are scored after it.
public struct ContinuationGroup: Sendable {
  /// At least one token: what the tokenizer puts in front of a text, and the text.
  public var context: [Int32]
  /// At least one token each.
  public var continuations: [[Int32]]

  /// Nothing stands between the context and a continuation.
  public init(context: [Int32], continuations: [[Int32]]) {
    self.context = context
    self.continuations = continuations
  }
}

extension Tokenizer {
  /// Splits `context + continuation` into the ids of both, the way lm-evaluation-harness does: Python's white space
  /// at the end of the context goes to the continuation, the whole is encoded at once, and the context's own
  /// encoding says where to cut. What the tokenizer puts in front of a text comes first; the beginning or
  /// end token stands in only where nothing else would precede the continuation. Special tokens are parsed.
  ///
  /// Where the last token of the context would swallow the whole continuation, the cut moves back to where
  /// both encodings agree, so that a continuation never is empty.
  /// - Parameter isComplete: the context holds its own beginning token, as chat templates write it.
  public func split(context: String, continuation: String, isComplete: Bool = false) -> (
    context: [Int32], continuation: [Int32]
  ) {
    let stem = pythonRightStripped(context)
    let start = isComplete ? [] : documentStart
    let whole = encode(context + continuation, parsingSpecials: true)
    let head = encode(stem, parsingSpecials: true)
    let agreeing = min(zip(whole, head).prefix { $0 == $1 }.count, max(whole.count - 1, 0))
    let cut = whole.count > head.count ? head.count : agreeing
    let ids = whole.count > head.count ? head : Array(whole[..<cut])
    return (start.isEmpty && ids.isEmpty ? emptyStart : start + ids, Array(whole[cut...]))
  }
}

extension ContinuationGroup {
  /// One group per distinct context, in order, plus where each pair went.
  public static func grouping(_ pairs: [(context: [Int32], continuation: [Int32])]) -> (
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

  /// The context without its left end, where it exceeds `limit` tokens together with all but the last token of the
  /// continuation, which is only predicted. Cut for each continuation by itself, as the harness does:
  /// `(context + continuation)[-(limit + 1):]`.
  func context(before continuation: [Int32], limit: Int) -> [Int32] {
    Array(context.suffix(max(1, limit - continuation.count + 1)))
  }
}
