import Foundation
import Groundwork

/// A value of a chat template, with Python's notions of truth, length, equality and text.
indirect enum TemplateValue {
  /// What a name or key without a value gives; its name is for errors.
  case undefined(String)
  case none
  case bool(Bool)
  case int(Int)
  /// A whole number of JSON beyond 64 bits, as it is written.
  case digits(String)
  case double(Double)
  case string(String)
  case list([TemplateValue])
  case dictionary(TemplateDictionary)
  /// Shared: a change is seen wherever the namespace is.
  case namespace(Namespace)
  case macro(TemplateMacro)
  /// A global function.
  case function(String)
  /// A method of a value, not called yet.
  case method(TemplateValue, String)

  final class Namespace {
    var values: TemplateDictionary
    init(_ values: TemplateDictionary) { self.values = values }
  }
}

/// Keys and values in the order they came. Keys are equal when their bytes are.
struct TemplateDictionary {
  private(set) var entries: [(key: String, value: TemplateValue)] = []
  /// Which message of a conversation this is; copies are the same one.
  fileprivate(set) var message: Int?

  init() {}
  init(_ entries: [(String, TemplateValue)]) { for (key, value) in entries { self[key] = value } }

  subscript(key: String) -> TemplateValue? {
    get { entries.first { same($0.key, key) }?.value }
    set {
      if let place = entries.firstIndex(where: { same($0.key, key) }) {
        if let newValue { entries[place].value = newValue } else { entries.remove(at: place) }
      } else if let newValue {
        entries.append((key, newValue))
      }
    }
  }

  var keys: [String] { entries.map(\.key) }
}

/// Equality of bytes; Swift's own takes canonically equivalent texts for equal.
func same(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

extension TemplateValue {
  var isTrue: Bool {
    switch self {
    case .undefined, .none: return false
    case .bool(let value): return value
    case .int(let value): return value != 0
    case .digits: return true
    case .double(let value): return value != 0
    case .string(let text): return !text.isEmpty
    case .list(let items): return !items.isEmpty
    case .dictionary(let dictionary): return !dictionary.entries.isEmpty
    case .namespace, .macro, .function, .method: return true
    }
  }

  /// The same value as message `number` of a conversation.
  func asMessage(_ number: Int) -> TemplateValue {
    guard case .dictionary(var message) = self else { return self }
    message.message = number
    return .dictionary(message)
  }

  var isDefined: Bool { if case .undefined = self { return false } else { return true } }

  /// What Python calls the type.
  var typeName: String {
    switch self {
    case .undefined: return "undefined"
    case .none: return "none"
    case .bool: return "bool"
    case .int, .digits: return "int"
    case .double: return "float"
    case .string: return "string"
    case .list: return "list"
    case .dictionary: return "dict"
    case .namespace: return "namespace"
    case .macro, .function, .method: return "function"
    }
  }

  var number: Double? {
    switch self {
    case .bool(let value): return value ? 1 : 0
    case .int(let value): return Double(value)
    case .digits(let text): return Double(text)
    case .double(let value): return value
    default: return nil
    }
  }

  var integer: Int? {
    switch self {
    case .bool(let value): return value ? 1 : 0
    case .int(let value): return value
    default: return nil
    }
  }

  /// `==`.
  func equals(_ other: TemplateValue) -> Bool {
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let a), .string(let b)), (.digits(let a), .digits(let b)): return same(a, b)
    case (.list(let a), .list(let b)): return a.count == b.count && zip(a, b).allSatisfy { $0.equals($1) }
    case (.dictionary(let a), .dictionary(let b)):
      return a.entries.count == b.entries.count
        && a.entries.allSatisfy { entry in b[entry.key].map { entry.value.equals($0) } ?? false }
    case (.namespace(let a), .namespace(let b)): return a === b
    default:
      if let a = integer, let b = other.integer { return a == b }
      guard let a = number, let b = other.number else { return false }
      return a == b
    }
  }

  // MARK: Text

  /// `str(value)`, as `{{ value }}` prints it.
  var text: String {
    if case .string(let text) = self { return text }
    if case .undefined = self { return "" }
    return representation
  }

  /// `repr(value)`.
  private var representation: String {
    switch self {
    case .undefined: return "Undefined"
    case .none: return "None"
    case .bool(let value): return value ? "True" : "False"
    case .int(let value): return "\(value)"
    case .digits(let text): return text
    case .double(let value): return Self.text(value)
    case .string(let text): return Self.quoted(text)
    case .list(let items): return "[" + items.map(\.representation).joined(separator: ", ") + "]"
    case .dictionary(let dictionary):
      return "{"
        + dictionary.entries.map { "\(Self.quoted($0.key)): \($0.value.representation)" }
        .joined(separator: ", ") + "}"
    case .namespace: return "<Namespace>"
    case .macro(let macro): return "<Macro '\(macro.name)'>"
    case .function(let name), .method(_, let name): return "<function \(name)>"
    }
  }

  private static func text(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    return value.description
  }

  private static func quoted(_ text: String) -> String {
    let quote: Character = text.contains("'") && !text.contains("\"") ? "\"" : "'"
    var out = String(quote)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "'" where quote == "'": out += "\\'"
      default:
        if isPrintable(scalar) {
          out.unicodeScalars.append(scalar)
        } else {
          let value = scalar.value
          out += String(format: value < 0x100 ? "\\x%02x" : value < 0x10000 ? "\\u%04x" : "\\U%08x", value)
        }
      }
    }
    return out + String(quote)
  }

  /// `str.isprintable`.
  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: return false
    case .spaceSeparator: return scalar == " "
    default: return true
    }
  }

  // MARK: JSON

  /// How `json.dumps` writes.
  struct JSONStyle {
    /// Spaces a level, each entry on a line of its own; nil for one line.
    var indent: Int?
    /// Between items, and between a key and its value; nil for Python's.
    var separators: (item: String, key: String)?
    /// Everything beyond ASCII as \uXXXX.
    var isASCII = false
    var sortsKeys = false
  }

  /// `json.dumps(value)`; nil for what JSON does not have.
  func json(_ style: JSONStyle = JSONStyle(), level: Int = 0) -> String? {
    // As Python has it, fewer than none are none.
    let indent = style.indent.map { max(0, min($0, 1000)) }
    let (between, colon) = style.separators ?? (item: indent == nil ? ", " : ",", key: ": ")
    func list(_ items: [String], _ open: String, _ close: String) -> String {
      if items.isEmpty { return open + close }
      guard let indent else { return open + items.joined(separator: between) + close }
      let inner = "\n" + String(repeating: " ", count: indent * (level + 1))
      return open + inner + items.joined(separator: between + inner) + "\n"
        + String(repeating: " ", count: indent * level) + close
    }
    switch self {
    case .none: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .int(let value): return "\(value)"
    case .digits(let text): return text
    case .double(let value):
      return value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : Self.text(value)
    case .string(let text): return Self.json(text, isASCII: style.isASCII)
    case .list(let items):
      let texts = items.compactMap { $0.json(style, level: level + 1) }
      return texts.count == items.count ? list(texts, "[", "]") : nil
    case .dictionary(let dictionary):
      let entries = style.sortsKeys ? dictionary.entries.sorted { $0.key < $1.key } : dictionary.entries
      let texts = entries.compactMap { entry in
        entry.value.json(style, level: level + 1).map { Self.json(entry.key, isASCII: style.isASCII) + colon + $0 }
      }
      return texts.count == entries.count ? list(texts, "{", "}") : nil
    case .undefined, .namespace, .macro, .function, .method: return nil
    }
  }

  private static func json(_ text: String, isASCII: Bool) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "\u{8}": out += "\\b"
      case "\u{C}": out += "\\f"
      default:
        if scalar.value < 0x20 || isASCII && scalar.value > 0x7E {
          for unit in scalar.utf16 { out += String(format: "\\u%04x", unit) }
        } else {
          out.unicodeScalars.append(scalar)
        }
      }
    }
    return out + "\""
  }

  /// Reads a value from JSON, keys in their order; of two equal keys the last counts.
  /// - Parameter source: what the reader reads, where whole numbers beyond 64 bits shall keep their digits
  init(_ reader: inout JSONReader, source: UnsafeRawBufferPointer? = nil) throws {
    switch try reader.kind() {
    case .object:
      var dictionary = TemplateDictionary()
      try reader.object { reader, key in
        dictionary[String(decoding: key, as: UTF8.self)] = try TemplateValue(&reader, source: source)
      }
      self = .dictionary(dictionary)
    case .array:
      var items: [TemplateValue] = []
      try reader.array { items.append(try TemplateValue(&$0, source: source)) }
      self = .list(items)
    case .string: self = .string(try reader.string())
    case .number, .bool, .null:
      let start = reader.position
      switch try reader.value() {
      case .int(let value): self = .int(value)
      case .double(let value): self = Self.digits(of: source, in: start..<reader.position) ?? .double(value)
      case .bool(let value): self = .bool(value)
      default: self = .none
      }
    }
  }

  /// nil for a number with a point or an exponent.
  private static func digits(of source: UnsafeRawBufferPointer?, in range: Range<Int>) -> TemplateValue? {
    guard let written = source?[range], written.allSatisfy({ $0 == 0x2D || 0x30...0x39 ~= $0 }) else { return nil }
    return .digits(String(decoding: written, as: UTF8.self))
  }

  init(_ value: JSONValue) {
    switch value {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .int(let value): self = .int(value)
    case .double(let value): self = .double(value)
    case .string(let text): self = .string(text)
    case .array(let items): self = .list(items.map(TemplateValue.init))
    case .object(let object):
      self = .dictionary(
        TemplateDictionary(object.sorted { $0.key < $1.key }.map { ($0.key, TemplateValue($0.value)) }))
    }
  }
}
