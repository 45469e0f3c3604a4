import Groundwork

/// Why a template cannot be read or rendered, and where.
struct TemplateError: Error {
  var what: String
  var line: Int
}

/// A template as stretches of text and tags, white space treated as transformers sets Jinja up: the line break behind a
/// block tag goes (`trim_blocks`), spaces in front of one on its line go (`lstrip_blocks`), `-` strips all white space
/// on its side, `+` none. Templates over documents keep all white space but what signs strip (`keepsBlanks`).
struct TemplateLexer {
  enum Token: Equatable {
    case name(String)
    case string(String)
    case int(Int)
    case double(Double)
    case symbol(String)
  }

  struct Located {
    var token: Token
    var line: Int
  }

  enum Part {
    case text(String)
    case output([Located], line: Int)
    case block([Located], line: Int)
  }

  private let source: [UInt8]
  private var index = 0
  private var line = 1
  private var parts: [Part] = []
  /// Text since the last tag.
  private var text: [UInt8] = []
  private var stripsNext = false
  private var dropsBreak = false
  private let keepsBlanks: Bool

  static func parts(of source: String, keepsBlanks: Bool = false) throws -> [Part] {
    var lexer = TemplateLexer(source, keepsBlanks: keepsBlanks)
    return try lexer.run()
  }

  private init(_ source: String, keepsBlanks: Bool) {
    var bytes = Array(source.replacing("\r\n", with: "\n").utf8)
    // Jinja drops one line break at the end.
    if bytes.last == 0x0A, !keepsBlanks { bytes.removeLast() }
    self.source = bytes
    self.keepsBlanks = keepsBlanks
  }

  private func starts(_ text: String, at offset: Int = 0) -> Bool {
    source[min(index + offset, source.count)...].starts(with: text.utf8)
  }

  private mutating func run() throws -> [Part] {
    while index < source.count {
      if starts("{#") {
        let start = line
        openTag(isOutput: false)
        while index < source.count, !starts("#}") { advance() }
        if index >= source.count { throw TemplateError(what: "a comment without #}", line: start) }
        let strips = source[index - 1] == UInt8(ascii: "-")
        index += 2
        closeTag(strips: strips, trims: true)
      } else if starts("{{") {
        let start = line
        let tokens = try tag(isOutput: true, close: "}}")
        parts.append(.output(tokens, line: start))
      } else if starts("{%") {
        let start = line
        let tokens = try tag(isOutput: false, close: "%}")
        if tokens.count == 1, tokens[0].token == .name("raw") {
          try raw()
        } else {
          parts.append(.block(tokens, line: start))
        }
      } else {
        takeText()
      }
    }
    flushText()
    return parts
  }

  private mutating func advance() {
    if source[index] == 0x0A { line += 1 }
    index += 1
  }

  // MARK: Text and white space

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || 9...13 ~= byte }

  private static let wideSpaces: Set<[UInt8]> = {
    let scalars = (UInt32(0x80)...0x3000).filter { ScalarSet.isSpace($0) }.compactMap { Unicode.Scalar($0) }
    return Set(scalars.map { Array(String($0).utf8) })
  }()

  /// Bytes of the white space at a place, of what Python takes for such; 0 for other text.
  private static func spaceLength(_ text: [UInt8], at index: Int) -> Int {
    let byte = text[index]
    if byte < 0x80 { return isSpace(byte) || 0x1C...0x1F ~= byte ? 1 : 0 }
    return (2...3).first { index + $0 <= text.count && wideSpaces.contains(Array(text[index..<index + $0])) } ?? 0
  }

  /// Goes past white space behind a tag that strips it; false where there is none.
  private mutating func skipStripped() -> Bool {
    let length = stripsNext ? Self.spaceLength(source, at: index) : 0
    for _ in 0..<length { advance() }
    stripsNext = length > 0
    return length > 0
  }

  private mutating func stripEnd() {
    while let length = (1...3).first(where: { length in
      length <= text.count && Self.spaceLength(text, at: text.count - length) == length
    }) { text.removeLast(length) }
  }

  /// Whether the text from a place on is white space alone.
  private func isBlank(from start: Int) -> Bool {
    var place = start
    while place < text.count {
      let length = Self.spaceLength(text, at: place)
      if length == 0 { return false }
      place += length
    }
    return true
  }

  private mutating func takeText() {
    if skipStripped() { return }
    if dropsBreak {
      dropsBreak = false
      if source[index] == 0x0A { return advance() }
    }
    text.append(source[index])
    advance()
  }

  private mutating func flushText() {
    if !text.isEmpty { parts.append(.text(String(decoding: text, as: UTF8.self))) }
    text = []
  }

  /// Goes past the opening of a tag, with its sign, and strips the text before it.
  private mutating func openTag(isOutput: Bool) {
    let sign = index + 2 < source.count ? source[index + 2] : 0
    if sign == UInt8(ascii: "-") {
      stripEnd()
    } else if !isOutput, !keepsBlanks, sign != UInt8(ascii: "+") {
      let start = text.lastIndex(of: 0x0A).map { $0 + 1 } ?? (isAtLineStart ? 0 : nil)
      if let start, isBlank(from: start) { text.removeSubrange(start...) }
    }
    flushText()
    index += 2
    if sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { index += 1 }
    stripsNext = false
    dropsBreak = false
  }

  /// True when the text since the last tag begins at the start of a line.
  private var isAtLineStart: Bool {
    let start = index - text.count
    return start == 0 || source[start - 1] == 0x0A
  }

  private mutating func closeTag(strips: Bool, trims: Bool) {
    stripsNext = strips
    dropsBreak = trims && !strips && !keepsBlanks
  }

  private mutating func raw() throws {
    let start = line
    var body: [UInt8] = []
    while index < source.count {
      if starts("{%") {
        let (place, at, kept) = (index, line, parts.count)
        text = body
        if let tokens = try? tag(isOutput: false, close: "%}"), tokens.count == 1, tokens[0].token == .name("endraw") {
          return
        }
        (index, line) = (place, at)
        parts.removeSubrange(kept...)
        text = []
      }
      if skipStripped() { continue }
      if dropsBreak, source[index] == 0x0A {
        dropsBreak = false
        advance()
        continue
      }
      dropsBreak = false
      body.append(source[index])
      advance()
    }
    throw TemplateError(what: "raw without endraw", line: start)
  }

  // MARK: Tags

  private mutating func tag(isOutput: Bool, close: String) throws -> [Located] {
    let start = line
    openTag(isOutput: isOutput)
    var tokens: [Located] = []
    var depth = 0
    while true {
      while index < source.count, Self.isSpace(source[index]) { advance() }
      if index >= source.count { throw TemplateError(what: "a tag without \(close)", line: start) }
      if depth == 0 {
        if starts(close) {
          index += 2
          closeTag(strips: false, trims: !isOutput)
          return tokens
        }
        let sign = source[index]
        if sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+"), starts(close, at: 1) {
          index += 3
          closeTag(strips: sign == UInt8(ascii: "-"), trims: false)
          return tokens
        }
      }
      let located = Located(token: try token(), line: line)
      switch located.token {
      case .symbol("("), .symbol("["), .symbol("{"): depth += 1
      case .symbol(")"), .symbol("]"), .symbol("}"): depth = max(0, depth - 1)
      default: break
      }
      tokens.append(located)
    }
  }

  private mutating func token() throws -> Token {
    let byte = source[index]
    switch byte {
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return .string(try string(quote: byte))
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
      let start = index
      while index < source.count, Self.isWord(source[index]) { index += 1 }
      return .name(String(decoding: source[start..<index], as: UTF8.self))
    default:
      for symbol in ["**", "//", "==", "!=", "<=", ">="] where starts(symbol) {
        index += 2
        return .symbol(symbol)
      }
      guard "+-*/%~<>=()[]{}.,:|!".utf8.contains(byte) else {
        throw TemplateError(what: "an unexpected character '\(Character(Unicode.Scalar(byte)))'", line: line)
      }
      index += 1
      return .symbol(String(Character(Unicode.Scalar(byte))))
    }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "_") || 0x30...0x39 ~= byte || 0x41...0x5A ~= byte || 0x61...0x7A ~= byte
  }

  private mutating func number() throws -> Token {
    let start = index
    var isDouble = false
    while index < source.count {
      let byte = source[index]
      if byte == UInt8(ascii: ".") {
        guard !isDouble, index + 1 < source.count, 0x30...0x39 ~= source[index + 1] else { break }
        isDouble = true
      } else if !(0x30...0x39 ~= byte || byte == UInt8(ascii: "_")) {
        break
      }
      index += 1
    }
    // Without a digit an `e` begins a name.
    if starts("e") || starts("E") {
      let digits = index + (starts("+", at: 1) || starts("-", at: 1) ? 2 : 1)
      if digits < source.count, 0x30...0x39 ~= source[digits] {
        isDouble = true
        index = digits
        while index < source.count, 0x30...0x39 ~= source[index] || source[index] == UInt8(ascii: "_") { index += 1 }
      }
    }
    let text = String(decoding: source[start..<index].filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
    if isDouble, let value = Double(text) { return .double(value) }
    guard let value = Int(text) else { throw TemplateError(what: "a number that is too large: \(text)", line: line) }
    return .int(value)
  }

  private mutating func string(quote: UInt8) throws -> String {
    let start = line
    var out: [UInt8] = []
    index += 1
    while index < source.count, source[index] != quote {
      if source[index] != UInt8(ascii: "\\") {
        out.append(source[index])
        advance()
        continue
      }
      guard index + 1 < source.count else { break }
      index += 1
      let escaped = source[index]
      advance()
      switch escaped {
      case UInt8(ascii: "n"): out.append(10)
      case UInt8(ascii: "r"): out.append(13)
      case UInt8(ascii: "t"): out.append(9)
      case UInt8(ascii: "b"): out.append(8)
      case UInt8(ascii: "f"): out.append(12)
      case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): out.append(escaped)
      case 10: break
      case UInt8(ascii: "x"), UInt8(ascii: "u"), UInt8(ascii: "U"):
        let length = escaped == UInt8(ascii: "x") ? 2 : escaped == UInt8(ascii: "u") ? 4 : 8
        let digits = String(decoding: source[index..<min(index + length, source.count)], as: UTF8.self)
        guard digits.utf8.count == length, let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value)
        else {
          throw TemplateError(what: "an unknown escape in a text", line: line)
        }
        out += Array(String(Character(scalar)).utf8)
        index += length
      default: out += [UInt8(ascii: "\\"), escaped]
      }
    }
    if index >= source.count { throw TemplateError(what: "a text without its closing quote", line: start) }
    index += 1
    return String(decoding: out, as: UTF8.self)
  }
}
