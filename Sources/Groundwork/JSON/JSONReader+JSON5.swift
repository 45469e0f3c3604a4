/// What JSON5 adds between and around the values of JSON (spec.json5.org).
extension JSONReader {
  /// Past one comment or one blank that only JSON5 knows; false when something else comes next.
  mutating func skipComment() throws -> Bool {
    guard [UInt8(ascii: "/"), 0x0B, 0x0C, 0xC2, 0xE2, 0xEF].contains(bytes[position]) else { return false }
    func comes(_ sequence: [UInt8]) -> Bool { bytes[position...].starts(with: sequence) }
    if comes([UInt8(ascii: "/"), UInt8(ascii: "/")]) {
      let end = bytes[position...].firstIndex { $0 == 0x0A || $0 == 0x0D } ?? bytes.count
      if let bad = firstInvalidUTF8(position..<end) { throw malformed("a comment that is not UTF-8", at: bad) }
      position = end
      return true
    }
    if comes([UInt8(ascii: "/"), UInt8(ascii: "*")]) {
      let start = position
      position += 2
      while position < bytes.count, !comes([UInt8(ascii: "*"), UInt8(ascii: "/")]) { position += 1 }
      if position >= bytes.count { throw malformed("unterminated comment", at: start) }
      if let bad = firstInvalidUTF8(start..<position) { throw malformed("a comment that is not UTF-8", at: bad) }
      position += 2
      return true
    }
    // Vertical tab, form feed, no-break space, byte order mark, line and paragraph separator.
    for blank: [UInt8] in [
      [0x0B], [0x0C], [0xC2, 0xA0], [0xEF, 0xBB, 0xBF], [0xE2, 0x80, 0xA8], [0xE2, 0x80, 0xA9],
    ] where comes(blank) {
      position += blank.count
      return true
    }
    return false
  }

  /// The bytes of an unquoted key; nil when a quoted one comes next.
  mutating func identifier() throws -> Range<Int>? {
    func isPart(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
        UInt8(ascii: "$"), UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...:
        return true
      default: return false
      }
    }
    guard position < bytes.count, isPart(bytes[position]), !(0x30...0x39).contains(bytes[position]) else { return nil }
    let start = position
    while position < bytes.count, isPart(bytes[position]) { position += 1 }
    if let bad = firstInvalidUTF8(start..<position) { throw malformed("a key that is not UTF-8", at: bad) }
    return start..<position
  }

  /// The escapes that JSON does not have; `byte` stands behind the backslash and is past.
  mutating func escapeOfJSON5(_ byte: UInt8, into out: inout [UInt8]) throws {
    switch byte {
    case UInt8(ascii: "v"): out.append(0x0B)
    case UInt8(ascii: "x"): out.append(contentsOf: UTF8.encode(Unicode.Scalar(UInt8(try hexadecimal(digits: 2))))!)
    case UInt8(ascii: "0"): out.append(0)
    case UInt8(ascii: "1")...UInt8(ascii: "9"): throw malformed("unknown escape", at: position - 2)
    case 0x0A: break  // a line that goes on
    case 0x0D: if position < bytes.count, bytes[position] == 0x0A { position += 1 }
    case 0..<0x80: out.append(byte)
    default: position -= 1  // the character itself, of several bytes: the string goes on with it
    }
  }
}
