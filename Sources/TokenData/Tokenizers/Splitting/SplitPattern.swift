import Foundation

/// How text is cut into words before byte-level BPE: the three published regular expressions, each as a
/// hand-written scanner that reproduces the leftmost-first alternation and the backtracking of `\s+(?!\S)`.
public enum SplitPattern: String, Sendable, CaseIterable {
  /// GPT-2: `'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
  case gpt2
  /// Llama-3: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
  case llama3
  /// Qwen: Llama-3's with `\p{N}`, every digit a word of its own.
  case qwen
  /// SmolLM: every `\p{N}` alone, then GPT-2's pattern on what stands between.
  case gpt2SingleDigits

  /// The regular expression as tokenizer.json spells it.
  var regularExpression: String {
    switch self {
    case .gpt2, .gpt2SingleDigits:
      return #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    case .llama3: return Self.modern.replacingOccurrences(of: "NUMBER", with: #"\p{N}{1,3}"#)
    case .qwen: return Self.modern.replacingOccurrences(of: "NUMBER", with: #"\p{N}"#)
    }
  }

  private static let modern =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|NUMBER| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  /// The end of the word that starts at `start`; `start < end`, and the result is in `start + 1...end`.
  func wordEnd(_ text: UnsafePointer<UInt8>, from start: Int, end: Int) -> Int {
    let scanner = WordScanner(text: text, end: end)
    switch self {
    case .gpt2: return scanner.gpt2(start)
    case .llama3: return scanner.modern(start, digits: 3)
    case .qwen: return scanner.modern(start, digits: 1)
    case .gpt2SingleDigits:
      let first = scanner.scalar(start)
      if first.kind == .number { return start + first.length }
      return scanner.bounded(by: scanner.run(start) { $0 != .number }).gpt2(start)
    }
  }
}

private struct WordScanner {
  let text: UnsafePointer<UInt8>
  let end: Int
  private let classes = ScalarClassifier.shared

  init(text: UnsafePointer<UInt8>, end: Int) {
    self.text = text
    self.end = end
  }

  func bounded(by limit: Int) -> WordScanner { WordScanner(text: text, end: limit) }

  @inline(__always)
  func scalar(_ index: Int) -> (kind: UnicodeClass, length: Int) { classes.scalar(text, at: index, end: end) }

  /// The end of the longest run of scalars that satisfy `member`, from `start`.
  @inline(__always)
  func run(_ start: Int, _ member: (UnicodeClass) -> Bool) -> Int {
    var index = start
    while index < end {
      let next = scalar(index)
      if !member(next.kind) { break }
      index += next.length
    }
    return index
  }

  // MARK: The patterns

  func gpt2(_ start: Int) -> Int {
    if text[start] == UInt8(ascii: "'"), let stop = contraction(start, ignoringCase: false) { return stop }
    let body = text[start] == 0x20 && start + 1 < end ? start + 1 : start
    let first = scalar(body).kind
    switch first {
    case .letter, .number, .other: return run(body) { $0 == first }
    case .space, .newline: return whitespace(start)
    }
  }

  func modern(_ start: Int, digits: Int) -> Int {
    if text[start] == UInt8(ascii: "'"), let stop = contraction(start, ignoringCase: true) { return stop }
    let first = scalar(start)
    let second = start + first.length
    switch first.kind {
    case .letter: return run(second) { $0 == .letter }
    case .number:
      var index = second
      for _ in 1..<digits where index < end {
        let next = scalar(index)
        if next.kind != .number { break }
        index += next.length
      }
      return index
    case .other, .space:
      if second < end, scalar(second).kind == .letter { return run(second) { $0 == .letter } }
      if first.kind == .other { return run(run(start) { $0 == .other }) { $0 == .newline } }
      if text[start] == 0x20, second < end, scalar(second).kind == .other {
        return run(run(second) { $0 == .other }) { $0 == .newline }
      }
    case .newline: break
    }
    return lastNewline(start) ?? whitespace(start)
  }

  // MARK: Their parts

  /// `'s 't 'm 'd 're 've 'll`; with `(?i:` also upper case and U+017F, the long s.
  private func contraction(_ start: Int, ignoringCase: Bool) -> Int? {
    guard start + 1 < end else { return nil }
    let fold: UInt8 = ignoringCase ? 0x20 : 0
    let first = text[start + 1]
    switch first | (isUpper(first) ? fold : 0) {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
    case 0xC5 where ignoringCase && start + 2 < end && text[start + 2] == 0xBF: return start + 3
    default: break
    }
    guard start + 2 < end else { return nil }
    let second = text[start + 2]
    switch (first | (isUpper(first) ? fold : 0), second | (isUpper(second) ? fold : 0)) {
    case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
      (UInt8(ascii: "l"), UInt8(ascii: "l")):
      return start + 3
    default: return nil
    }
  }

  private func isUpper(_ byte: UInt8) -> Bool { 0x41...0x5A ~= byte }

  /// `\s+(?!\S)|\s+`: the whole run at the end of the text, else all but its last scalar, at least one.
  private func whitespace(_ start: Int) -> Int {
    var index = start
    var last = start
    while index < end {
      let next = scalar(index)
      if !next.kind.isWhitespace { break }
      last = index
      index += next.length
    }
    return index == end || last == start ? index : last
  }

  /// `\s*[\r\n]+`: through the last line break of the white-space run at `start`.
  private func lastNewline(_ start: Int) -> Int? {
    var index = start
    var stop: Int?
    while index < end {
      let next = scalar(index)
      if !next.kind.isWhitespace { break }
      index += next.length
      if next.kind == .newline { stop = index }
    }
    return stop
  }
}
