import Foundation

/// A JSON document as a value: for configurations that are merged and checked before they are decoded.
public enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])
}

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

  struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

extension JSONValue {
  /// Parses JSON, or JSON5 (comments, trailing commas, unquoted keys) when asked.
  public init(parsing data: Data, json5: Bool = false, file: String) throws {
    let decoder = JSONDecoder()
    decoder.allowsJSON5 = json5
    do { self = try decoder.decode(JSONValue.self, from: data) } catch {
      throw UpcycleError("is not valid \(json5 ? "JSON5" : "JSON")", at: file, found: Self.reason(error))
    }
  }

  public init(contentsOf url: URL, json5: Bool = false) throws {
    try self.init(parsing: readFile(url), json5: json5, file: url.path)
  }

  private static func reason(_ error: Error) -> String? {
    guard case DecodingError.dataCorrupted(let context) = error else { return nil }
    let debug = (context.underlyingError as NSError?)?.userInfo["NSDebugDescription"] as? String
    return debug ?? context.debugDescription
  }

  /// Canonical text: sorted keys, no spaces; the input of hashes. `pretty` for files people read.
  public func text(pretty: Bool = false) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting =
      pretty ? [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
  }

  /// This object with `other`'s keys laid over it, recursively; arrays and scalars are replaced.
  public func merging(_ other: JSONValue) -> JSONValue {
    guard case .object(let mine) = self, case .object(let theirs) = other else { return other }
    return .object(mine.merging(theirs) { $0.merging($1) })
  }

  public subscript(key: String) -> JSONValue? {
    if case .object(let object) = self { return object[key] }
    return nil
  }
  public var object: [String: JSONValue]? { if case .object(let v) = self { return v } else { return nil } }
  public var array: [JSONValue]? { if case .array(let v) = self { return v } else { return nil } }
  public var string: String? { if case .string(let v) = self { return v } else { return nil } }
  public var bool: Bool? { if case .bool(let v) = self { return v } else { return nil } }
  public var int: Int? {
    switch self {
    case .int(let v): return v
    case .double(let v): return Int(exactly: v)
    default: return nil
    }
  }
  public var double: Double? {
    switch self {
    case .int(let v): return Double(v)
    case .double(let v): return v
    default: return nil
    }
  }
}
