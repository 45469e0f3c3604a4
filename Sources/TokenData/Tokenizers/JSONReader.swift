import Foundation
import Groundwork

/// A pull parser over JSON bytes, for tokenizer files: a vocabulary of 128,000 entries streams through
/// it in tens of milliseconds without a tree, memory grows only with what the caller keeps, and nesting
/// deeper than `maximumDepth` is refused.
struct JSONReader {
  static let maximumDepth = 128

  private let bytes: UnsafeRawBufferPointer
  private let file: String
  private(set) var position = 0
  private var depth = 0

  /// Parses `data` with `body`; anything but white space behind the value is an error.
  static func parse<T>(_ data: Data, file: String, _ body: (inout JSONReader) throws -> T) throws -> T {
    try data.withUnsafeBytes { raw in
      var reader = JSONReader(bytes: raw, file: file)
      let value = try body(&reader)
      reader.skipSpace()
      if reader.position != raw.count { throw reader.malformed("text behind the end of the JSON value") }
      return value
    }
  }

  private init(bytes: UnsafeRawBufferPointer, file: String) {
    self.bytes = bytes
    self.file = file
  }

  func malformed(_ reason: String) -> UpcycleError {
    UpcycleError("is not valid JSON: \(reason) at byte \(position)", at: file)
  }

  // MARK: Structure

  enum Kind { case object, array, string, number, bool, null }

  /// The kind of the next value.
  mutating func kind() throws -> Kind {
    skipSpace()
    guard position < bytes.count else { throw malformed("unexpected end") }
    switch bytes[position] {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
    case UInt8(ascii: "n"): return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    default: throw malformed("unexpected character")
    }
  }

  /// Reads an object; `body` sees each key and must read or skip its value. The key's bytes are passed
  /// unescaped, since vocabulary keys need no `String`.
  mutating func object(_ body: (inout JSONReader, [UInt8]) throws -> Void) throws {
    try enter(UInt8(ascii: "{"))
    defer { depth -= 1 }
    if try leave(UInt8(ascii: "}")) { return }
    var key: [UInt8] = []
    while true {
      skipSpace()
      key.removeAll(keepingCapacity: true)
      try stringBytes(into: &key)
      try expect(UInt8(ascii: ":"))
      try body(&self, key)
      if try leave(UInt8(ascii: "}")) { return }
      try expect(UInt8(ascii: ","))
    }
  }

  mutating func array(_ body: (inout JSONReader) throws -> Void) throws {
    try enter(UInt8(ascii: "["))
    defer { depth -= 1 }
    if try leave(UInt8(ascii: "]")) { return }
    while true {
      try body(&self)
      if try leave(UInt8(ascii: "]")) { return }
      try expect(UInt8(ascii: ","))
    }
  }

  /// Skips one value of any kind.
  mutating func skip() throws {
    switch try kind() {
    case .object: try object { reader, _ in try reader.skip() }
    case .array: try array { try $0.skip() }
    case .string:
      var ignored: [UInt8] = []
      try stringBytes(into: &ignored)
    case .number: _ = try numberText()
    case .bool: _ = try bool()
    case .null: try literal("null")
    }
  }

  /// Reads one value as a tree; for the small parts of a file.
  mutating func value() throws -> JSONValue {
    switch try kind() {
    case .object:
      var object: [String: JSONValue] = [:]
      try self.object { reader, key in object[String(decoding: key, as: UTF8.self)] = try reader.value() }
      return .object(object)
    case .array:
      var array: [JSONValue] = []
      try self.array { array.append(try $0.value()) }
      return .array(array)
    case .string: return .string(try string())
    case .number:
      let text = try numberText()
      if let int = Int(text) { return .int(int) }
      guard let double = Double(text) else { throw malformed("not a number") }
      return .double(double)
    case .bool: return .bool(try bool())
    case .null:
      try literal("null")
      return .null
    }
  }

  // MARK: Scalars

  mutating func string() throws -> String {
    var text: [UInt8] = []
    try stringBytes(into: &text)
    return String(decoding: text, as: UTF8.self)
  }

  mutating func integer() throws -> Int {
    guard try kind() == .number, let value = Int(try numberText()) else {
      throw malformed("expected an integer")
    }
    return value
  }

  mutating func float() throws -> Float {
    guard try kind() == .number, let value = Float(try numberText()), value.isFinite else {
      throw malformed("expected a finite number")
    }
    return value
  }

  mutating func bool() throws -> Bool {
    skipSpace()
    if position < bytes.count, bytes[position] == UInt8(ascii: "t") {
      try literal("true")
      return true
    }
    try literal("false")
    return false
  }

  /// Appends the unescaped bytes of a string; raw bytes are copied as they are, so that they must be
  /// checked as UTF-8 where that matters.
  mutating func stringBytes(into out: inout [UInt8]) throws {
    try expect(UInt8(ascii: "\""))
    while true {
      var end = position
      while end < bytes.count, bytes[end] != UInt8(ascii: "\""), bytes[end] != UInt8(ascii: "\\"),
        bytes[end] >= 0x20
      {
        end += 1
      }
      out.append(contentsOf: bytes[position..<end])
      position = end
      guard position < bytes.count else { throw malformed("unterminated string") }
      if bytes[position] < 0x20 { throw malformed("control character in a string") }
      position += 1
      if bytes[position - 1] == UInt8(ascii: "\"") { return }
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
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code) {
        guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
          bytes[position + 1] == UInt8(ascii: "u")
        else { throw malformed("half a surrogate pair") }
        position += 2
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw malformed("half a surrogate pair") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw malformed("half a surrogate pair") }
      out.append(contentsOf: Character(scalar).utf8)
    default: throw malformed("unknown escape")
    }
  }

  private mutating func hexadecimal() throws -> UInt32 {
    guard position + 4 <= bytes.count else { throw malformed("unterminated escape") }
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
        throw malformed("bad escape")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  private mutating func numberText() throws -> String {
    skipSpace()
    let start = position
    while position < bytes.count, isNumberByte(bytes[position]) { position += 1 }
    if start == position { throw malformed("expected a number") }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private func isNumberByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
      UInt8(ascii: "e"), UInt8(ascii: "E"):
      return true
    default: return false
    }
  }

  // MARK: Tokens

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  private mutating func enter(_ byte: UInt8) throws {
    try expect(byte)
    depth += 1
    if depth > Self.maximumDepth { throw malformed("nested deeper than \(Self.maximumDepth)") }
  }

  /// True, and past it, when the next character closes the structure.
  private mutating func leave(_ byte: UInt8) throws -> Bool {
    skipSpace()
    guard position < bytes.count else { throw malformed("unexpected end") }
    if bytes[position] != byte { return false }
    position += 1
    return true
  }

  private mutating func expect(_ byte: UInt8) throws {
    skipSpace()
    guard position < bytes.count, bytes[position] == byte else {
      throw malformed("expected '\(Character(Unicode.Scalar(byte)))'")
    }
    position += 1
  }

  private mutating func literal(_ word: StaticString) throws {
    skipSpace()
    let matches = word.withUTF8Buffer { text in
      position + text.count <= bytes.count
        && zip(bytes[position..<position + text.count], text).allSatisfy(==)
    }
    if !matches { throw malformed("expected '\(word)'") }
    position += word.utf8CodeUnitCount
  }
}
