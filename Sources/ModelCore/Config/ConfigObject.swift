import Groundwork

/// Typed access to one JSON object of a configuration; every error names the file, the key, what was
/// expected and what was found.
struct ConfigObject {
  let values: [String: JSONValue]
  let file: String

  /// The value, with an explicit null counting as absent.
  subscript(key: String) -> JSONValue? {
    guard let value = values[key], value != .null else { return nil }
    return value
  }

  func fail(_ key: String, expected: String, hint: String? = nil) -> UpcycleError {
    UpcycleError(
      "unusable value of \"\(key)\"", at: file, expected: expected,
      found: values[key].map { Self.short($0) } ?? "nothing", hint: hint)
  }

  func unsupported(_ key: String, _ what: String) -> UpcycleError {
    UpcycleError(
      "\(what) is not implemented", at: file, found: "\"\(key)\": \(values[key].map { Self.short($0) } ?? "null")")
  }

  func int(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let value = self[key] else { return nil }
    guard let number = value.int, range.contains(number) else {
      throw fail(key, expected: "a whole number in \(range.lowerBound)...\(range.upperBound)")
    }
    return number
  }

  func required(_ key: String, in range: ClosedRange<Int>) throws -> Int {
    guard let number = try int(key, in: range) else {
      throw UpcycleError(
        "\"\(key)\" is missing", at: file, expected: "a whole number in \(range.lowerBound)...\(range.upperBound)")
    }
    return number
  }

  func double(_ key: String) throws -> Double? {
    guard let value = self[key] else { return nil }
    guard let number = value.double, number.isFinite else { throw fail(key, expected: "a number") }
    return number
  }

  func positive(_ key: String) throws -> Double? {
    guard let number = try double(key) else { return nil }
    guard number > 0 else { throw fail(key, expected: "a number above 0") }
    return number
  }

  func bool(_ key: String) throws -> Bool? {
    guard let value = self[key] else { return nil }
    guard let flag = value.bool else { throw fail(key, expected: "true or false") }
    return flag
  }

  func string(_ key: String) throws -> String? {
    guard let value = self[key] else { return nil }
    guard let text = value.string else { throw fail(key, expected: "a string") }
    return text
  }

  func object(_ key: String) throws -> ConfigObject? {
    guard let value = self[key] else { return nil }
    guard let object = value.object else { throw fail(key, expected: "an object") }
    return ConfigObject(values: object, file: "\(file): \(key)")
  }

  func array(_ key: String) throws -> [JSONValue]? {
    guard let value = self[key] else { return nil }
    guard let array = value.array else { throw fail(key, expected: "a list") }
    return array
  }

  static func short(_ value: JSONValue) -> String {
    let text = value.text()
    return text.count <= 60 ? text : text.prefix(57) + "..."
  }
}
