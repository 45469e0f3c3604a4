import Foundation

extension JSONReader {
  // MARK: Strings

  /// Reads a text.
  public mutating func string() throws -> String {
    var text: [UInt8] = []
    try stringBytes(into: &text)
    return String(decoding: text, as: UTF8.self)
  }

  /// Appends the unescaped bytes of a string, which are valid UTF-8.
  public mutating func stringBytes(into out: inout [UInt8]) throws {
    try skipSpace()
    var quote = UInt8(ascii: "\"")
    if dialect.contains(.json5), position < bytes.count, bytes[position] == UInt8(ascii: "'") {
      quote = UInt8(ascii: "'")
    }
    try expect(quote)
    while true {
      var end = position
      var allBits: UInt8 = 0
      while end < bytes.count, bytes[end] != quote, bytes[end] != UInt8(ascii: "\\"), bytes[end] >= 0x20 {
        allBits |= bytes[end]
        end += 1
      }
      if allBits >= 0x80, let bad = firstInvalidUTF8(position..<end) {
        throw malformed("a string that is not UTF-8", at: bad)
      }
      out.append(contentsOf: bytes[position..<end])
      position = end
      guard position < bytes.count else { throw malformed("unterminated string") }
      if bytes[position] < 0x20 { throw malformed("control character in a string") }
      position += 1
      if bytes[position - 1] == quote { return }
      try escape(into: &out)
    }
  }

  private mutating func escape(into out: inout [UInt8]) throws {
    guard position < bytes.count else { throw malformed("unterminated string") }
    position += 1
    switch bytes[position - 1] {
    case UInt8(ascii: "\""): out.append(UInt8(ascii: "\""))
    case UInt8(ascii: "\\"): out.append(UInt8(ascii: "\\"))
    case UInt8(ascii: "/"): out.append(UInt8(ascii: "/"))
    case UInt8(ascii: "b"): out.append(8)
    case UInt8(ascii: "f"): out.append(12)
    case UInt8(ascii: "n"): out.append(10)
    case UInt8(ascii: "r"): out.append(13)
    case UInt8(ascii: "t"): out.append(9)
    case UInt8(ascii: "u"):
      var code = try hexadecimal(digits: 4)
      if (0xD800..<0xDC00).contains(code) {
        guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
          bytes[position + 1] == UInt8(ascii: "u")
        else { throw malformed("half a surrogate pair") }
        position += 2
        let low = try hexadecimal(digits: 4)
        guard (0xDC00..<0xE000).contains(low) else { throw malformed("half a surrogate pair") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw malformed("half a surrogate pair") }
      out.append(contentsOf: UTF8.encode(scalar)!)
    case let other:
      guard dialect.contains(.json5) else { throw malformed("unknown escape", at: position - 2) }
      try escapeOfJSON5(other, into: &out)
    }
  }

  /// So many hexadecimal digits as a number.
  mutating func hexadecimal(digits: Int) throws -> UInt32 {
    guard position + digits <= bytes.count else { throw malformed("unterminated escape") }
    var value: UInt32 = 0
    for _ in 0..<digits {
      guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else { throw malformed("bad escape") }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  /// Offset of the first byte that is no part of well-formed UTF-8 (Unicode's table 3-7); nil when all are.
  func firstInvalidUTF8(_ range: Range<Int>) -> Int? {
    var offset = range.lowerBound
    while offset < range.upperBound {
      let length: Int
      var second: ClosedRange<UInt8> = 0x80...0xBF
      switch bytes[offset] {
      case 0x00...0x7F: length = 1
      case 0xC2...0xDF: length = 2
      case 0xE0: (length, second) = (3, 0xA0...0xBF)
      case 0xED: (length, second) = (3, 0x80...0x9F)
      case 0xE1...0xEF: length = 3
      case 0xF0: (length, second) = (4, 0x90...0xBF)
      case 0xF4: (length, second) = (4, 0x80...0x8F)
      case 0xF1...0xF3: length = 4
      default: return offset
      }
      guard offset + length <= range.upperBound else { return offset }
      if length > 1 {
        guard second.contains(bytes[offset + 1]),
          bytes[(offset + 2)..<(offset + length)].allSatisfy({ $0 & 0xC0 == 0x80 })
        else { return offset }
      }
      offset += length
    }
    return nil
  }

  // MARK: Numbers

  /// Reads a number: `.int` where it is written without point and exponent and fits, otherwise `.double` (of a whole
  /// number beyond 64 bits the nearest one). In JSON5 whole numbers are `.int` however they are written.
  /// - Throws: when it exceeds what a 64-bit float holds, such as 1e999
  public mutating func number() throws -> JSONValue {
    let start = try startOfNumber()
    if let special = try nonFiniteLiteral() { return .double(special) }
    if let hexadecimal = try hexadecimalNumber() { return .int(hexadecimal) }
    let isWhole = try scanNumber()
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isWhole, let value = Int(text) { return .int(value) }
    guard let value = Double(text), value.isFinite else {
      throw malformed("the number \(text.prefix(40)), which no 64-bit float can hold,", at: start)
    }
    if dialect.contains(.json5), let whole = Int(exactly: value) { return .int(whole) }
    return .double(value)
  }

  /// Reads a whole number that fits 64 bits.
  public mutating func integer() throws -> Int {
    guard try kind() == .number, case .int(let value) = try number() else {
      throw malformed("expected a whole number below 2^63")
    }
    return value
  }

  /// Reads a finite number, rounded once to 32 bits.
  public mutating func float() throws -> Float {
    guard try kind() == .number else { throw malformed("expected a number") }
    let start = position
    _ = try number()
    guard let value = Float(String(decoding: bytes[start..<position], as: UTF8.self)), value.isFinite else {
      throw malformed("expected a number that a 32-bit float can hold", at: start)
    }
    return value
  }

  private mutating func startOfNumber() throws -> Int {
    try skipSpace()
    let start = position
    if take(UInt8(ascii: "-")) || (dialect.contains(.json5) && take(UInt8(ascii: "+"))) {}
    return start
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  /// Past digits; how many.
  private mutating func digits() -> Int {
    let start = position
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
    return position - start
  }

  /// `number = [ "-" ] int [ frac ] [ exp ]` behind its sign; true without fraction and exponent.
  private mutating func scanNumber() throws -> Bool {
    let isJSON5 = dialect.contains(.json5)
    let leadingZero = position < bytes.count && bytes[position] == UInt8(ascii: "0")
    let whole = digits()
    if leadingZero && whole > 1 { throw malformed("a number with a leading zero") }
    var isWhole = true
    var fraction = 0
    if take(UInt8(ascii: ".")) {
      isWhole = false
      fraction = digits()
      if fraction == 0 && !(isJSON5 && whole > 0) { throw malformed("a number without digits behind its point") }
    }
    if whole == 0 && !(isJSON5 && fraction > 0) { throw malformed("expected a number, found \(found)") }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      isWhole = false
      if !take(UInt8(ascii: "-")) { _ = take(UInt8(ascii: "+")) }
      if digits() == 0 { throw malformed("a number without digits in its exponent") }
    }
    return isWhole
  }

  /// Infinity or NaN behind an optional sign, where the dialect has them.
  private mutating func nonFiniteLiteral() throws -> Double? {
    guard position < bytes.count else { return nil }
    let isNegative = position > 0 && bytes[position - 1] == UInt8(ascii: "-")
    switch bytes[position] {
    case UInt8(ascii: "I") where !dialect.isEmpty:
      try literal("Infinity")
      return isNegative ? -.infinity : .infinity
    case UInt8(ascii: "N") where !dialect.isEmpty:
      try literal("NaN")
      return .nan
    default: return nil
    }
  }

  /// `0x…` behind an optional sign, in JSON5.
  private mutating func hexadecimalNumber() throws -> Int? {
    guard dialect.contains(.json5), position + 1 < bytes.count, bytes[position] == UInt8(ascii: "0"),
      bytes[position + 1] | 0x20 == UInt8(ascii: "x")
    else { return nil }
    let isNegative = position > 0 && bytes[position - 1] == UInt8(ascii: "-")
    position += 2
    let start = position
    while position < bytes.count, Character(Unicode.Scalar(bytes[position])).isHexDigit { position += 1 }
    guard let value = Int(String(decoding: bytes[start..<position], as: UTF8.self), radix: 16) else {
      throw malformed("a hexadecimal number without digits, or beyond 64 bits,", at: start)
    }
    return isNegative ? -value : value
  }
}
