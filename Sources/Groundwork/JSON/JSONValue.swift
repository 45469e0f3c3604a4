import Foundation

/// A JSON document as a value: for configurations that are merged and checked before they are decoded.
///
/// A number written without point and exponent is an `.int`, any other a `.double`; the accessors `int` and `double`
/// take both where the value allows.
public enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])
}

extension JSONValue {
  /// Parses JSON, or JSON5 (comments, trailing commas, unquoted keys) when asked.
  /// - Parameters:
  ///   - dialect: what is accepted beyond JSON; `.nonFinite` for configurations that Python wrote
  ///   - file: the name in errors
  ///   - firstLine: the number of the first line, for errors in a piece of a larger file
  /// - Throws: one line that names the file, the line and the column
  public init(
    parsing data: Data, json5: Bool = false, dialect: JSONReader.Dialect = [], file: String, firstLine: Int = 1
  ) throws {
    let dialect = json5 ? dialect.union(.json5) : dialect
    self = try JSONReader.parse(data, file: file, dialect: dialect, firstLine: firstLine) { try $0.value() }
  }

  /// Parses a whole file, as `init(parsing:)`.
  public init(contentsOf url: URL, json5: Bool = false, dialect: JSONReader.Dialect = []) throws {
    try self.init(parsing: readFile(url), json5: json5, dialect: dialect, file: url.path)
  }

  /// This object with `other`'s keys laid over it, recursively; arrays and scalars are replaced.
  public func merging(_ other: JSONValue) -> JSONValue {
    guard case .object(let mine) = self, case .object(let theirs) = other else { return other }
    return .object(mine.merging(theirs) { $0.merging($1) })
  }

  // MARK: Access

  /// The value of an object's key; nil where it is missing and in everything that is no object.
  public subscript(key: String) -> JSONValue? {
    if case .object(let object) = self { return object[key] }
    return nil
  }
  /// The keys and values of an object.
  public var object: [String: JSONValue]? { if case .object(let v) = self { return v } else { return nil } }
  /// The elements of a list.
  public var array: [JSONValue]? { if case .array(let v) = self { return v } else { return nil } }
  /// A text.
  public var string: String? { if case .string(let v) = self { return v } else { return nil } }
  /// True or false; 1 and 0 are neither.
  public var bool: Bool? { if case .bool(let v) = self { return v } else { return nil } }
  /// A whole number, also one written as 4.0; nil where it does not fit 64 bits.
  public var int: Int? {
    switch self {
    case .int(let v): return v
    case .double(let v): return Int(exactly: v)
    default: return nil
    }
  }
  /// A number of either kind.
  public var double: Double? {
    switch self {
    case .int(let v): return Double(v)
    case .double(let v): return v
    default: return nil
    }
  }

  /// What the value is, in words for errors: a scalar as JSON, "a list" or "an object".
  public var kind: String {
    switch self {
    case .array: "a list"
    case .object: "an object"
    default: text()
    }
  }
}

// MARK: - Coding

extension JSONValue: Codable {
  public init(from decoder: Decoder) throws {
    if let box = try? decoder.container(keyedBy: Key.self) {
      var object: [String: JSONValue] = [:]
      for key in box.allKeys { object[key.stringValue] = try box.decode(JSONValue.self, forKey: key) }
      self = .object(object)
    } else if var box = try? decoder.unkeyedContainer() {
      var array: [JSONValue] = []
      while !box.isAtEnd { array.append(try box.decode(JSONValue.self)) }
      self = .array(array)
    } else {
      let box = try decoder.singleValueContainer()
      if box.decodeNil() {
        self = .null
      } else if let value = try? box.decode(Bool.self) {
        self = .bool(value)
      } else if let value = try? box.decode(Int.self) {
        self = .int(value)
      } else if let value = try? box.decode(Double.self) {
        self = .double(value)
      } else {
        self = .string(try box.decode(String.self))
      }
    }
  }

  public func encode(to encoder: Encoder) throws {
    var box = encoder.singleValueContainer()
    switch self {
    case .null: try box.encodeNil()
    case .bool(let value): try box.encode(value)
    case .int(let value): try box.encode(value)
    case .double(let value): try box.encode(value)
    case .string(let value): try box.encode(value)
    case .array(let value): try box.encode(value)
    case .object(let value): try box.encode(value)
    }
  }

  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}
