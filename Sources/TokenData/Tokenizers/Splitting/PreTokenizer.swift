/// How a text is cut into the words that merges do not cross: the `pre_tokenizer` of a tokenizer.json.
enum PreTokenizer: Sendable {
  /// One of the patterns with a scanner of its own.
  case pattern(SplitPattern)
  /// One split after the other, each on the words of the one before; none keeps the text whole.
  case splits([Split])

  struct Split: Sendable {
    /// What becomes of the text that the expression matches.
    enum Behavior: String, Sendable {
      case removed = "Removed"
      case isolated = "Isolated"
      case mergedWithPrevious = "MergedWithPrevious"
      case mergedWithNext = "MergedWithNext"
      case contiguous = "Contiguous"
    }

    enum Matcher: Sendable {
      case pattern(SplitPattern)
      case expression(SplitExpression)
      case text([UInt8])
    }

    var matcher: Matcher
    var behavior: Behavior
    /// What does not match is what matches.
    var isInverted = false
  }

  /// In a few words; part of a tokenizer's fingerprint, so that the patterns' names stay.
  var summary: String {
    switch self {
    case .pattern(let pattern): return pattern.rawValue
    case .splits(let splits):
      if splits.isEmpty { return "whole" }
      return splits.map { split in
        let what: String
        switch split.matcher {
        case .pattern(let pattern): what = pattern.rawValue
        case .expression(let expression): what = expression.source
        case .text(let text): what = "\(text)"
        }
        return "\(what) \(split.behavior.rawValue)\(split.isInverted ? " inverted" : "")"
      }.joined(separator: ", ")
    }
  }

  /// Calls `body` with the start and end of each word, in order.
  @inline(__always)
  func forEachWord(_ text: UnsafePointer<UInt8>, count: Int, _ body: (Int, Int) -> Void) {
    switch self {
    case .pattern(let pattern):
      var start = 0
      while start < count {
        let end = pattern.wordEnd(text, from: start, end: count)
        body(start, end)
        start = end
      }
    case .splits(let splits):
      if count > 0 { Self.cut(text, 0, count, splits[...], body) }
    }
  }

  private static func cut(
    _ text: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ splits: ArraySlice<Split>, _ body: (Int, Int) -> Void
  ) {
    guard let split = splits.first else { return body(start, end) }
    split.forEachPiece(text + start, count: end - start) {
      cut(text, start + $0, start + $1, splits.dropFirst(), body)
    }
  }
}

extension PreTokenizer.Split {
  /// Calls `body` with the pieces of a text.
  func forEachPiece(_ text: UnsafePointer<UInt8>, count: Int, _ body: (Int, Int) -> Void) {
    // The piece being put together, and whether the last stretch matched.
    var (start, end) = (0, 0)
    var lastMatched = false
    forEachStretch(text, count: count) { from, to, matches in
      let matches = matches != isInverted
      let joins: Bool
      switch behavior {
      case .removed:
        if !matches { body(from, to) }
        return
      case .isolated: joins = false
      case .contiguous: joins = matches == lastMatched
      case .mergedWithPrevious: joins = matches && !lastMatched
      case .mergedWithNext: joins = lastMatched && !matches
      }
      if !joins || end == 0 {
        if end > start { body(start, end) }
        start = from
      }
      end = to
      lastMatched = matches
    }
    if end > start { body(start, end) }
  }

  /// Calls `body` with matches and what lies between them, in order; together they are the text.
  private func forEachStretch(
    _ text: UnsafePointer<UInt8>, count: Int, _ body: (_ from: Int, _ to: Int, _ matches: Bool) -> Void
  ) {
    var done = 0
    var index = 0
    while index < count {
      let stop: Int
      switch matcher {
      case .pattern(let pattern): stop = pattern.wordEnd(text, from: index, end: count)
      case .expression(let expression): stop = expression.match(text, from: index, end: count)
      case .text(let wanted):
        let isHere = index + wanted.count <= count && wanted.indices.allSatisfy { text[index + $0] == wanted[$0] }
        stop = isHere ? index + wanted.count : -1
      }
      if stop <= index {
        index += max(ScalarClassifier.sequenceLength(text, at: index, end: count), 1)
        continue
      }
      if index > done { body(done, index, false) }
      body(index, stop, true)
      index = stop
      done = stop
    }
    if done < count { body(done, count, false) }
  }
}
