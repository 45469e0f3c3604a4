extension JSONValue {
  /// The value as JSON with sorted keys: in one line without blanks, the canonical text that hashes are made of, or
  /// `pretty`, two blanks a level, for files that people read.
  ///
  /// Numbers are written with the fewest digits that read back as the same 64-bit float. A whole `.double` is written
  /// as a whole number, so that equal numbers give equal text, unless `keepingFloats` asks for its point (1.0), which
  /// typed readers of configurations insist on. What is not finite is written as Python does (Infinity, NaN), and read
  /// back by those who allow it (`JSONReader.Dialect.nonFinite`).
  public func text(pretty: Bool = false, keepingFloats: Bool = false) -> String {
    var writer = Writer(pretty: pretty, keepingFloats: keepingFloats)
    writer.write(self)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  private struct Writer {
    let pretty: Bool
    let keepingFloats: Bool
    var bytes: [UInt8] = []
    private var depth = 0

    init(pretty: Bool, keepingFloats: Bool) {
      self.pretty = pretty
      self.keepingFloats = keepingFloats
    }

    mutating func write(_ value: JSONValue) {
      switch value {
      case .null: append("null")
      case .bool(let flag): append(flag ? "true" : "false")
      case .int(let number): append("\(number)")
      case .double(let number): append(text(number))
      case .string(let text): quote(text)
      case .array(let items):
        list("[", "]", items) { writer, item in writer.write(item) }
      case .object(let object):
        list("{", "}", object.sorted { $0.key < $1.key }) { writer, entry in
          writer.quote(entry.key)
          writer.append(writer.pretty ? " : " : ":")
          writer.write(entry.value)
        }
      }
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func newLine() {
      if !pretty { return }
      append("\n")
      for _ in 0..<depth { append("  ") }
    }

    private mutating func list<T>(_ opening: String, _ closing: String, _ items: [T], _ body: (inout Writer, T) -> Void)
    {
      append(opening)
      depth += 1
      for (index, item) in items.enumerated() {
        if index > 0 { append(",") }
        newLine()
        body(&self, item)
      }
      if items.isEmpty && pretty { append("\n") }
      depth -= 1
      newLine()
      append(closing)
    }

    private func text(_ number: Double) -> String {
      if number.isNaN { return "NaN" }
      if number.isInfinite { return number < 0 ? "-Infinity" : "Infinity" }
      let text = "\(number)"
      return text.hasSuffix(".0") && !keepingFloats ? String(text.dropLast(2)) : text
    }

    private mutating func quote(_ text: String) {
      append("\"")
      for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case 0x08: append("\\b")
        case 0x09: append("\\t")
        case 0x0A: append("\\n")
        case 0x0C: append("\\f")
        case 0x0D: append("\\r")
        case 0..<0x20: append("\\u00" + (byte < 16 ? "0" : "") + String(byte, radix: 16))
        default: bytes.append(byte)
        }
      }
      append("\"")
    }
  }
}
