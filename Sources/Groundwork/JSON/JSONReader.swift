import Foundation

/// A pull parser over JSON bytes (RFC 8259): the one reader of every JSON file in the house.
///
/// A vocabulary of 128,000 entries streams through it in tens of milliseconds without a tree, and memory grows only
/// with what the caller keeps. Text must be UTF-8, a byte order mark is skipped, and nesting deeper than
/// `maximumDepth` is refused, so that no input overflows the stack. Of a key that stands twice in an object the caller
/// sees both; `value()` keeps the last, as Python does. Errors are one line with file, line and column.
public struct JSONReader {
  /// What is accepted beyond RFC 8259.
  public struct Dialect: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// `Infinity`, `-Infinity` and `NaN`, which Python writes into published configurations.
    public static let nonFinite = Dialect(rawValue: 1)
    /// JSON5, for files that people write: comments, trailing commas, unquoted keys, single quotes, hexadecimal
    /// numbers. As in JavaScript 1.0 and 1e3 are whole numbers there. Escapes in unquoted keys are not read.
    public static let json5 = Dialect(rawValue: 2)
  }

  /// Objects and lists within each other, at most.
  public static let maximumDepth = 128

  let bytes: UnsafeRawBufferPointer
  let dialect: Dialect
  /// Bytes read so far.
  public internal(set) var position = 0
  private let file: String
  private let what: String
  private let firstLine: Int
  private var depth = 0

  /// Parses `data` with `body`; anything but white space behind the value is an error.
  /// - Parameters:
  ///   - file: the name in errors
  ///   - dialect: what else is accepted
  ///   - what: what the bytes should be, for errors; JSON or JSON5 when nil
  ///   - firstLine: the number of the first line, for errors in a piece of a larger file
  /// - Throws: `UpcycleError` where the bytes are no JSON, and whatever `body` throws
  public static func parse<T>(
    _ data: Data, file: String, dialect: Dialect = [], what: String? = nil, firstLine: Int = 1,
    _ body: (inout JSONReader) throws -> T
  ) throws -> T {
    try data.withUnsafeBytes {
      try parse($0, file: file, dialect: dialect, what: what, firstLine: firstLine, body)
    }
  }

  /// The same for bytes in memory that outlive the call.
  public static func parse<T>(
    _ bytes: UnsafeRawBufferPointer, file: String, dialect: Dialect = [], what: String? = nil, firstLine: Int = 1,
    _ body: (inout JSONReader) throws -> T
  ) throws -> T {
    var reader = JSONReader(bytes, file: file, dialect: dialect, what: what, firstLine: firstLine)
    let value = try body(&reader)
    try reader.skipSpace()
    if reader.position != bytes.count { throw reader.malformed("text behind the end of the value") }
    return value
  }

  private init(_ bytes: UnsafeRawBufferPointer, file: String, dialect: Dialect, what: String?, firstLine: Int) {
    self.bytes = bytes
    self.file = file
    self.dialect = dialect
    self.what = what ?? (dialect.contains(.json5) ? "JSON5" : "JSON")
    self.firstLine = firstLine
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  /// An error about the byte at `offset` (where the reader stands when nil), with its line and column.
  public func malformed(_ reason: String, at offset: Int? = nil) -> UpcycleError {
    let before = bytes[..<min(offset ?? position, bytes.count)]
    let line = before.reduce(0) { $1 == 0x0A ? $0 + 1 : $0 }
    let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? (bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0)
    // Characters, not bytes: continuation bytes of UTF-8 do not count.
    let column = bytes[min(lineStart, before.endIndex)..<before.endIndex].reduce(1) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 }
    return UpcycleError("is not valid \(what): \(reason) at line \(firstLine + line), column \(column)", at: file)
  }

  // MARK: Structure

  /// What a value is, before it is read.
  public enum Kind: Sendable { case object, array, string, number, bool, null }

  /// The kind of the next value.
  public mutating func kind() throws -> Kind {
    try skipSpace()
    guard position < bytes.count else { throw malformed("unexpected end") }
    switch bytes[position] {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "'") where dialect.contains(.json5): return .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
    case UInt8(ascii: "n"): return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    case UInt8(ascii: "+"), UInt8(ascii: "."):
      if dialect.contains(.json5) { return .number }
    case UInt8(ascii: "I"), UInt8(ascii: "N"):
      if !dialect.isEmpty { return .number }
    default: break
    }
    throw malformed("unexpected \(found)")
  }

  /// Reads an object; `body` sees each key and must read or skip its value. The key's bytes are passed
  /// unescaped, since vocabulary keys need no `String`.
  public mutating func object(_ body: (inout JSONReader, [UInt8]) throws -> Void) throws {
    try enter(UInt8(ascii: "{"))
    defer { depth -= 1 }
    if try leave(UInt8(ascii: "}")) { return }
    var key: [UInt8] = []
    repeat {
      try skipSpace()
      key.removeAll(keepingCapacity: true)
      if dialect.contains(.json5), let name = try identifier() {
        key.append(contentsOf: bytes[name])
      } else {
        try stringBytes(into: &key)
      }
      try expect(UInt8(ascii: ":"))
      try body(&self, key)
    } while try goesOn(until: UInt8(ascii: "}"))
  }

  /// Reads a list; `body` must read or skip each element.
  public mutating func array(_ body: (inout JSONReader) throws -> Void) throws {
    try enter(UInt8(ascii: "["))
    defer { depth -= 1 }
    if try leave(UInt8(ascii: "]")) { return }
    repeat { try body(&self) } while try goesOn(until: UInt8(ascii: "]"))
  }

  /// Skips one value of any kind, checking it.
  public mutating func skip() throws {
    switch try kind() {
    case .object: try object { reader, _ in try reader.skip() }
    case .array: try array { try $0.skip() }
    case .string:
      var ignored: [UInt8] = []
      try stringBytes(into: &ignored)
    case .number: _ = try number()
    case .bool: _ = try bool()
    case .null: try literal("null")
    }
  }

  /// Reads one value as a tree. Of a key that stands twice the last value counts.
  public mutating func value() throws -> JSONValue {
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
    case .number: return try number()
    case .bool: return .bool(try bool())
    case .null:
      try literal("null")
      return .null
    }
  }

  /// Reads `true` or `false`.
  public mutating func bool() throws -> Bool {
    try skipSpace()
    if position < bytes.count, bytes[position] == UInt8(ascii: "t") {
      try literal("true")
      return true
    }
    try literal("false")
    return false
  }

  // MARK: Tokens

  /// The next byte in words.
  var found: String {
    guard position < bytes.count else { return "end" }
    let byte = bytes[position]
    return (0x21..<0x7F).contains(byte) ? "'\(Character(Unicode.Scalar(byte)))'" : "character"
  }

  private mutating func enter(_ byte: UInt8) throws {
    try expect(byte)
    depth += 1
    if depth > Self.maximumDepth { throw malformed("nesting deeper than \(Self.maximumDepth)") }
  }

  /// True, and past it, when the next character closes the structure.
  private mutating func leave(_ byte: UInt8) throws -> Bool {
    try skipSpace()
    guard position < bytes.count else { throw malformed("unexpected end") }
    if bytes[position] != byte { return false }
    position += 1
    return true
  }

  /// Behind an element: past the comma and true, or past the closing character and false.
  private mutating func goesOn(until closing: UInt8) throws -> Bool {
    if try leave(closing) { return false }
    try expect(UInt8(ascii: ","))
    if dialect.contains(.json5) { return try !leave(closing) }
    return true
  }

  mutating func expect(_ byte: UInt8) throws {
    try skipSpace()
    guard position < bytes.count, bytes[position] == byte else {
      throw malformed("expected '\(Character(Unicode.Scalar(byte)))', found \(found)")
    }
    position += 1
  }

  mutating func literal(_ word: StaticString) throws {
    try skipSpace()
    let matches = word.withUTF8Buffer { text in
      position + text.count <= bytes.count && zip(bytes[position..<position + text.count], text).allSatisfy(==)
    }
    if !matches { throw malformed("expected '\(word)'") }
    position += word.utf8CodeUnitCount
  }

  @inline(__always) mutating func skipSpace() throws {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default:
        if dialect.contains(.json5), try skipComment() { continue }
        return
      }
    }
  }
}
