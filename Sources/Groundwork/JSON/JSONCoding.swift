import Foundation

/// A value as JSON: sorted keys, slashes as they are, in one line or `pretty`.
/// - Parameter snakeCase: keys as `tokens_per_second` instead of `tokensPerSecond`
/// - Throws: when a number is not finite, which JSON cannot say
public func jsonText<T: Encodable>(_ value: T, pretty: Bool = false, snakeCase: Bool = false) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
  if snakeCase { encoder.keyEncodingStrategy = .convertToSnakeCase }
  do { return String(decoding: try encoder.encode(value), as: UTF8.self) } catch EncodingError.invalidValue(
    let found, let context)
  {
    let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
    throw UpcycleError("cannot be written as JSON", at: path.isEmpty ? nil : path, found: "\(found)")
  }
}

/// A value's encoding as a tree.
public func jsonValue<T: Encodable>(_ value: T, snakeCase: Bool = false) throws -> JSONValue {
  try JSONValue(parsing: Data(jsonText(value, snakeCase: snakeCase).utf8), file: "\(T.self)")
}

/// Decodes a type from JSON. The bytes are checked before Foundation's decoder sees them, so that text that is not
/// UTF-8 and endless nesting are errors like others.
/// - Parameters:
///   - file: the name in errors
///   - what: what the file should hold, for errors, such as "a shard manifest"
///   - firstLine: the number of the first line, for errors in a piece of a larger file
/// - Throws: one line: malformed JSON with line and column, or the key that is missing or has a wrong value
public func decodeJSON<T: Decodable>(
  _ type: T.Type, from data: Data, file: String, what: String? = nil, firstLine: Int = 1
) throws -> T {
  try JSONReader.parse(data, file: file, firstLine: firstLine) { try $0.skip() }
  do { return try JSONDecoder().decode(type, from: data) } catch let error as DecodingError {
    throw UpcycleError("is not \(what ?? "a \(T.self)")", at: file, found: error.plainReason)
  }
}

/// Decodes a type from a JSON file, as `decodeJSON(_:from:)`.
public func decodeJSON<T: Decodable>(_ type: T.Type, contentsOf url: URL, what: String? = nil) throws -> T {
  try decodeJSON(type, from: readFile(url), file: url.path, what: what)
}

extension DecodingError {
  /// What is wrong, in words a user knows.
  fileprivate var plainReason: String {
    func place(_ context: Context) -> String? {
      let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
      return path.isEmpty ? nil : "a wrong value for \"\(path.joined(separator: "."))\""
    }
    switch self {
    case .keyNotFound(let key, let context):
      let path = (context.codingPath + [key]).map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
      return "no key \"\(path.joined(separator: "."))\""
    case .typeMismatch(_, let context), .valueNotFound(_, let context): return place(context) ?? "no JSON object"
    case .dataCorrupted(let context): return place(context) ?? context.debugDescription
    @unknown default: return "\(self)"
    }
  }
}
