import Foundation
import Groundwork

/// One sensitivity score per layer, read from a CSV file with the columns `layer` and `sensitivity` (others are
/// ignored; lines that start with # are comments). Every layer from 0 up stands there once, in any order.
public struct LayerScores: Equatable, Sendable {
  /// By layer.
  public let values: [Double]

  /// - Parameter values: by layer
  public init(_ values: [Double]) { self.values = values }

  /// Writes a file that `init(contentsOf:)` reads.
  public func save(to file: URL) throws {
    let rows = values.enumerated().map { "\($0),\($1)" }
    try writeFile((["layer,sensitivity"] + rows).joined(separator: "\n") + "\n", to: file)
  }

  /// - Throws: a usage error that names the file and the line.
  public init(contentsOf file: URL) throws {
    let data: Data
    do { data = try readFile(file) } catch var error as UpcycleError {
      error.kind = .usage
      error.expected = "a CSV file with the columns layer, sensitivity"
      error.hint = "give --scores such a file; zebra select --help shows one"
      throw error
    }
    try self.init(String(decoding: data, as: UTF8.self), file: file.path)
  }

  /// - Parameter file: how errors call the text.
  init(_ text: String, file: String) throws {
    var columns: (layer: Int, score: Int, count: Int)?
    var found: [Int: (score: Double, line: Int)] = [:]
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let place = "\(file), line \(index + 1)"
      let line = line.trimmingCharacters(in: .whitespaces.union(["\u{FEFF}"]))
      if line.isEmpty || line.hasPrefix("#") { continue }
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces.union(["\""])) }
      guard let columns else {
        func column(_ name: String) throws -> Int {
          guard let index = fields.firstIndex(of: name) else {
            throw UpcycleError.usage(
              "the column \"\(name)\" is missing", at: place, expected: "a header with layer, sensitivity",
              found: "\"\(line)\"", hint: "name the columns in the first line that is no comment")
          }
          return index
        }
        columns = (try column("layer"), try column("sensitivity"), fields.count)
        continue
      }
      guard fields.count == columns.count else {
        throw UpcycleError.usage(
          "has the wrong number of fields", at: place, expected: "\(columns.count), as in the header",
          found: "\(fields.count)",
          hint: "one row a layer, fields separated by commas")
      }
      guard let layer = Int(fields[columns.layer]), layer >= 0 else {
        throw UpcycleError.usage(
          "the layer is not a layer number", at: place, expected: "0 or above", found: "\"\(fields[columns.layer])\"",
          hint: "layers count from 0")
      }
      guard let score = Double(fields[columns.score]), score.isFinite else {
        throw UpcycleError.usage(
          "the sensitivity is not a number", at: place, expected: "a finite number such as 382.73",
          found: "\"\(fields[columns.score])\"", hint: "measure layer \(layer) again")
      }
      if let earlier = found[layer] {
        throw UpcycleError.usage(
          "layer \(layer) is repeated", at: place, expected: "every layer once",
          found: "it also stands in line \(earlier.line)",
          hint: "keep one of the two rows")
      }
      found[layer] = (score, index + 1)
    }
    guard columns != nil, let last = found.keys.max() else {
      throw UpcycleError.usage(
        "holds no scores", at: file, expected: "a header with layer, sensitivity and one row a layer", found: "no rows",
        hint: "see zebra select `help` for an example")
    }
    if let missing = (0..<found.count).first(where: { found[$0] == nil }) {
      throw UpcycleError.usage(
        "layer \(missing) is missing", at: file, expected: "every layer from 0 to \(last)",
        found: "\(found.count) rows",
        hint: "add its row; layers count from 0")
    }
    values = (0..<found.count).map { found[$0]!.score }
  }
}
