import Groundwork

/// A JSON object of an experiment file whose keys must all be known: a misspelt key is an error that
/// names the file, the place and the known keys, never a setting that silently does nothing.
struct StrictObject {
  let values: [String: JSONValue]
  let file: String
  /// Where in the file, such as `report.columns[2]`; empty at the top.
  let path: String

  init(_ value: JSONValue, at path: String, in file: String, known: [String]) throws {
    self.file = file
    self.path = path
    guard let object = value.object else {
      throw UpcycleError(
        "\(path.isEmpty ? "the file" : path) is not an object", at: file, expected: "{ … }", found: value.kind)
    }
    values = object
    let unknown = object.keys.filter { !known.contains($0) }.sorted()
    if let first = unknown.first {
      throw UpcycleError(
        "unknown key \"\(path.isEmpty ? first : "\(path).\(first)")\"", at: file,
        hint: "known here: \(known.sorted().joined(separator: ", "))")
    }
  }

  func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  private func mismatch(_ key: String, _ expected: String) -> UpcycleError {
    UpcycleError(
      "\(place(key)) has the wrong type", at: file, expected: expected, found: values[key]?.kind ?? "nothing")
  }

  private func typed<T>(_ key: String, _ expected: String, _ read: (JSONValue) -> T?) throws -> T? {
    guard let value = values[key], value != .null else { return nil }
    guard let result = read(value) else { throw mismatch(key, expected) }
    return result
  }

  func string(_ key: String) throws -> String? { try typed(key, "text") { $0.string } }
  func int(_ key: String) throws -> Int? { try typed(key, "a whole number") { $0.int } }
  func double(_ key: String) throws -> Double? { try typed(key, "a number") { $0.double } }
  func bool(_ key: String) throws -> Bool? { try typed(key, "true or false") { $0.bool } }
  func array(_ key: String) throws -> [JSONValue]? { try typed(key, "a list") { $0.array } }
  func object(_ key: String) throws -> [String: JSONValue]? { try typed(key, "an object") { $0.object } }

  func strings(_ key: String) throws -> [String]? {
    try array(key)?.map { item in
      guard let text = item.string else { throw mismatch(key, "a list of texts") }
      return text
    }
  }

  func required<T>(_ key: String, _ read: (String) throws -> T?) throws -> T {
    guard let value = try read(key) else {
      throw UpcycleError("\(place(key)) is missing", at: file)
    }
    return value
  }

  /// A list of objects, each read by `read` with its own place.
  func list<T>(_ key: String, _ read: (JSONValue, String) throws -> T) throws -> [T] {
    try (array(key) ?? []).enumerated().map { try read($1, "\(place(key))[\($0)]") }
  }
}

extension JSONValue {
  /// The value's type in words, for errors.
  var kind: String {
    switch self {
    case .null: "null"
    case .bool(let v): "\(v)"
    case .int(let v): "\(v)"
    case .double(let v): "\(v)"
    case .string(let v): "\"\(v)\""
    case .array: "a list"
    case .object: "an object"
    }
  }

  /// The value as it stands in tables and cell names: texts bare, everything else as JSON.
  var plainText: String { string ?? text() }
}
