import CUTF8proc
import Foundation

/// A token of the vocabulary that stands for no ordinary text, such as `<|eos|>`.
public struct AddedToken: Sendable, Equatable {
  /// Its place in the vocabulary.
  public var id: Int32
  /// As it is spelled.
  public var text: String
  /// False for tokens of tokenizer.json that are matched in any text, also ordinary text.
  public var isSpecial: Bool
  /// Also takes the white space on its left.
  public var stripsLeft: Bool
  /// Also takes the white space on its right.
  public var stripsRight: Bool
  /// Matches only where no letter, digit or mark touches it.
  public var isSingleWord: Bool
  /// Looked for after the text was normalised, and normalised itself.
  public var isNormalized: Bool

  init(
    id: Int32, text: String, isSpecial: Bool = true, stripsLeft: Bool = false, stripsRight: Bool = false,
    isSingleWord: Bool = false, isNormalized: Bool = false
  ) {
    self.id = id
    self.text = text
    self.isSpecial = isSpecial
    self.stripsLeft = stripsLeft
    self.stripsRight = stripsRight
    self.isSingleWord = isSingleWord
    self.isNormalized = isNormalized
  }

  /// The four flags as letters; empty for a token without any.
  var flags: String {
    (stripsLeft ? "l" : "") + (stripsRight ? "r" : "") + (isSingleWord ? "w" : "") + (isNormalized ? "n" : "")
  }
}

/// Finds added tokens in text: leftmost, longest first.
struct AddedTokenMatcher: Sendable {
  private let tokens: [AddedToken]
  private let spellings: ByteStringTable
  /// For each first byte, the lengths of the tokens that start with it, longest first.
  private let lengths: [[Int]]
  private let starts: [Bool]
  /// The first byte of all tokens, where they have one in common.
  private let onlyStart: UInt8?
  private let hasOnlySpecials: Bool

  /// - Parameter spelling: the bytes that are looked for; by default the token's text.
  init(_ tokens: [AddedToken], spelling: (AddedToken) -> [UInt8] = { Array($0.text.utf8) }) {
    var spellings = ByteStringTable(capacity: tokens.count)
    var found = [Set<Int>](repeating: [], count: 256)
    var kept: [AddedToken] = []
    for token in tokens {
      let text = spelling(token)
      guard let first = text.first else { continue }
      spellings.append(text)
      kept.append(token)
      found[Int(first)].insert(text.count)
    }
    self.tokens = kept
    self.spellings = spellings
    lengths = found.map { $0.sorted(by: >) }
    starts = found.map { !$0.isEmpty }
    onlyStart = starts.filter { $0 }.count == 1 ? starts.firstIndex(of: true).map { UInt8($0) } : nil
    hasOnlySpecials = kept.allSatisfy(\.isSpecial)
  }

  /// Calls `body` with each stretch of text between tokens (never empty) and each token's id, in order.
  /// - Parameter specials: false leaves special tokens spelled in the text to be text.
  func split(
    _ text: UnsafeBufferPointer<UInt8>, specials: Bool, _ body: (_ range: Range<Int>, _ token: Int32?) -> Void
  ) {
    var done = 0
    var index = hasOnlySpecials && !specials || tokens.isEmpty ? text.count : 0
    while true {
      index = nextStart(text, from: index)
      if index == text.count { break }
      guard let (token, length) = match(text, at: index) else {
        index += 1
        continue
      }
      var (start, stop) = (index, index + length)
      index = stop
      if token.isSpecial && !specials { continue }
      if token.isSingleWord, Self.touchesWord(text, start, stop) { continue }
      if token.stripsLeft { start = max(Self.spaceStart(text, from: done, before: start), done) }
      if token.stripsRight { stop = Self.spaceEnd(text, from: stop) }
      // White space that a token takes still counts for the tokens behind it, as in `tokenizers`: one that begins in it
      // is found, and text goes on at its end; but one that strips left and finds nothing left is not.
      if start >= stop { continue }
      if start > done { body(done..<start, nil) }
      body(start..<stop, token.id)
      done = stop
    }
    if done < text.count { body(done..<text.count, nil) }
  }

  private func nextStart(_ text: UnsafeBufferPointer<UInt8>, from index: Int) -> Int {
    if index >= text.count { return text.count }
    if let onlyStart {
      guard let found = memchr(text.baseAddress! + index, Int32(onlyStart), text.count - index) else {
        return text.count
      }
      return UnsafeRawPointer(found) - UnsafeRawPointer(text.baseAddress!)
    }
    var index = index
    while index < text.count, !starts[Int(text[index])] { index += 1 }
    return index
  }

  private func match(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> (token: AddedToken, length: Int)? {
    let candidates = lengths[Int(text[index])]
    for length in candidates where index + length <= text.count {
      let part = UnsafeRawBufferPointer(start: text.baseAddress! + index, count: length)
      if let number = spellings.find(part) { return (tokens[number], length) }
    }
    return nil
  }

  // MARK: What touches a token

  private static func touchesWord(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ stop: Int) -> Bool {
    let bytes = text.baseAddress!
    if start > 0 {
      let before = ScalarClassifier.previous(bytes, start: 0, end: start)
      if isWord(bytes, before, text.count) { return true }
    }
    return stop < text.count && isWord(bytes, stop, text.count)
  }

  /// `\w` as Unicode defines it: alphabetic, marks, decimal digits, connectors, joiners.
  private static func isWord(_ text: UnsafePointer<UInt8>, _ index: Int, _ end: Int) -> Bool {
    let length = ScalarClassifier.sequenceLength(text, at: index, end: end)
    guard length > 0,
      let scalar = Unicode.Scalar(ScalarClassifier.value(text, at: index, length: length))
    else { return false }
    if scalar.properties.isAlphabetic || scalar.properties.isJoinControl { return true }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return false
    }
  }

  private static func spaceStart(_ text: UnsafeBufferPointer<UInt8>, from least: Int, before start: Int) -> Int {
    var start = start
    while start > least {
      let previous = ScalarClassifier.previous(text.baseAddress!, start: least, end: start)
      if !isSpace(text, previous) { break }
      start = previous
    }
    return start
  }

  private static func spaceEnd(_ text: UnsafeBufferPointer<UInt8>, from stop: Int) -> Int {
    var stop = stop
    while stop < text.count, isSpace(text, stop) {
      stop += ScalarClassifier.sequenceLength(text.baseAddress!, at: stop, end: text.count)
    }
    return stop
  }

  private static func isSpace(_ text: UnsafeBufferPointer<UInt8>, _ index: Int) -> Bool {
    let length = ScalarClassifier.sequenceLength(text.baseAddress!, at: index, end: text.count)
    return length > 0
      && ScalarSet.isSpace(ScalarClassifier.value(text.baseAddress!, at: index, length: length))
  }
}
