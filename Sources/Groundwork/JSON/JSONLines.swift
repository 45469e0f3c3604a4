import Foundation

/// JSON Lines: one value a line; lines of blanks are skipped.
public enum JSONLines {
  /// Calls `body` with each line that is not blank, its number from 1, and its place (`file:number`) for errors.
  public static func forEach(
    in url: URL, _ body: (_ line: Data, _ number: Int, _ place: String) throws -> Void
  ) throws {
    let data = try readFile(url)
    let breaks = data.withUnsafeBytes { bytes in bytes.indices.filter { bytes[$0] == 0x0A } }
    var start = 0
    for (index, end) in (breaks + [data.count]).enumerated() {
      let isBlank = data.withUnsafeBytes { $0[start..<end].allSatisfy { $0 == 0x20 || $0 == 0x0D || $0 == 0x09 } }
      if !isBlank { try body(Data(data[start..<end]), index + 1, "\(url.path):\(index + 1)") }
      start = end + 1
    }
  }

  /// Decodes every line.
  /// - Parameters:
  ///   - what: what a line should be, such as "a task item"
  ///   - expected: how such a line looks
  ///   - kind: who is to blame for a line that is something else
  /// - Returns: the values, each with the number of its line
  /// - Throws: one line that names file, line and reason; also when there is no value at all
  public static func read<T: Decodable>(
    _ type: T.Type, from url: URL, what: String, expected: String? = nil, kind: UpcycleError.Kind = .failure
  ) throws -> [(line: Int, value: T)] {
    var values: [(line: Int, value: T)] = []
    try forEach(in: url) { line, number, place in
      do {
        values.append((number, try decodeJSON(type, from: line, file: place, what: what, firstLine: number)))
      } catch var error as UpcycleError {
        error.expected = expected
        error.kind = kind
        throw error
      }
    }
    return values
  }

  /// The values' lines, keys in the order of the alphabet, so that equal values give equal bytes.
  public static func text<T: Encodable>(_ values: [T]) throws -> String {
    try values.map { try jsonText($0) + "\n" }.joined()
  }
}
