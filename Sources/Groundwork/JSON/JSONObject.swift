/// Typed access to one JSON object; every error names the file, the key, what was expected and what was found.
///
/// Lenient by default: keys that nobody asks for are ignored, as foreign configurations need it. With a list of known
/// keys it is strict: a misspelt key is an error that lists them, never a setting that silently does nothing.
public struct JSONObject: Sendable {
  /// Keys and values.
  public let values: [String: JSONValue]
  /// The file's name in errors.
  public let file: String
  /// Where in the file, such as `report.columns[2]`; empty at the top.
  public let path: String

  /// An object that may hold keys that are not known.
  public init(values: [String: JSONValue], file: String, path: String = "") {
    self.values = values
    self.file = file
    self.path = path
  }

  /// - Parameter known: all keys that it may hold; nil when others are ignored
  /// - Throws: when the value is no object or holds an unknown key
  public init(_ value: JSONValue, at path: String = "", in file: String, known: [String]? = nil) throws {
    guard let object = value.object else {
      throw UpcycleError(
        "\(path.isEmpty ? "the file" : path) is not an object", at: file, expected: "{ … }", found: value.kind)
    }
    self.init(values: object, file: file, path: path)
    guard let known, let stranger = object.keys.filter({ !known.contains($0) }).min() else { return }
    throw UpcycleError(
      "unknown key \"\(place(stranger))\"", at: file, hint: "known here: \(known.sorted().joined(separator: ", "))")
  }

  /// The value, with an explicit null counting as absent.
  public subscript(key: String) -> JSONValue? {
    guard let value = values[key], value != .null else { return nil }
    return value
  }

  /// A key with its way from the top of the file.
  public func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  // MARK: Errors

  /// The key's value is unusable.
  public func fail(_ key: String, expected: String) -> UpcycleError {
    UpcycleError(
      "unusable value of \"\(place(key))\"", at: file, expected: expected,
      found: values[key].map { Self.short($0) } ?? "nothing")
  }

  /// The key asks for something that is not implemented.
  public func unsupported(_ key: String, _ what: String) -> UpcycleError {
    UpcycleError(
      "\(what) is not implemented", at: file,
      found: "\"\(place(key))\": \(values[key].map { Self.short($0) } ?? "null")")
  }

  /// A value as an error shows it: at most 60 characters.
  public static func short(_ value: JSONValue) -> String {
    let text = value.text()
    return text.count <= 60 ? text : text.prefix(57) + "..."
  }

  // MARK: Values, nil where the key is absent or null

  private func typed<T>(_ key: String, _ expected: String, _ read: (JSONValue) -> T?) throws -> T? {
    guard let value = self[key] else { return nil }
    guard let result = read(value) else { throw fail(key, expected: expected) }
    return result
  }

  /// A whole number.
  public func int(_ key: String) throws -> Int? { try typed(key, "a whole number") { $0.int } }

  /// A whole number in a range.
  public func int(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
    try typed(key, "a whole number in \(range.lowerBound)...\(range.upperBound)") { value in
      value.int.flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// A finite number.
  public func double(_ key: String) throws -> Double? {
    try typed(key, "a number") { value in value.double.flatMap { $0.isFinite ? $0 : nil } }
  }

  /// A finite number above 0.
  public func positive(_ key: String) throws -> Double? {
    try typed(key, "a number above 0") { value in value.double.flatMap { $0.isFinite && $0 > 0 ? $0 : nil } }
  }

  /// True or false.
  public func bool(_ key: String) throws -> Bool? { try typed(key, "true or false") { $0.bool } }

  /// A text.
  public func string(_ key: String) throws -> String? { try typed(key, "a string") { $0.string } }

  /// A list.
  public func array(_ key: String) throws -> [JSONValue]? { try typed(key, "a list") { $0.array } }

  /// A list of texts.
  public func strings(_ key: String) throws -> [String]? {
    try typed(key, "a list of strings") { value in
      let texts = value.array?.compactMap(\.string)
      return texts?.count == value.array?.count ? texts : nil
    }
  }

  /// An object inside, as lenient as `known` says.
  public func object(_ key: String, known: [String]? = nil) throws -> JSONObject? {
    guard let value = self[key] else { return nil }
    guard value.object != nil else { throw fail(key, expected: "an object") }
    return try JSONObject(value, at: place(key), in: file, known: known)
  }

  /// A list of objects, each read by `read` with its own place; empty where the key is absent.
  public func list<T>(_ key: String, _ read: (_ value: JSONValue, _ place: String) throws -> T) throws -> [T] {
    try (array(key) ?? []).enumerated().map { try read($1, "\(place(key))[\($0)]") }
  }

  // MARK: Values that must be there

  /// What `read`, one of the accessors above, finds under the key.
  public func required<T>(_ key: String, _ read: (String) throws -> T?) throws -> T {
    guard let value = try read(key) else { throw UpcycleError("\"\(place(key))\" is missing", at: file) }
    return value
  }

  /// A whole number in a range.
  public func required(_ key: String, in range: ClosedRange<Int>) throws -> Int {
    guard let number = try int(key, in: range) else {
      throw UpcycleError(
        "\"\(place(key))\" is missing", at: file,
        expected: "a whole number in \(range.lowerBound)...\(range.upperBound)")
    }
    return number
  }
}
