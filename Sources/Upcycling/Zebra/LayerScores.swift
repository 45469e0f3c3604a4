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
    let rows = values.enumerated().map { ["\($0)", "\($1)"] }
    try writeFile(CSV(header: ["layer", "sensitivity"], rows: rows).text, to: file)
  }

  /// - Throws: a failure that names the file and the line.
  public init(contentsOf file: URL) throws {
    let data: Data
    do { data = try readFile(file) } catch var error as UpcycleError {
      error.expected = "a CSV file with the columns layer, sensitivity"
      error.hint = "see zebra select `help` for an example"
      throw error
    }
    try self.init(parsing: data, file: file.path)
  }

  /// - Parameter file: how errors call the text
  init(parsing data: Data, file: String) throws {
    try self.init(CSV(parsing: data, file: file), file: file)
  }

  private init(_ table: CSV, file: String) throws {
    let (layerColumn, scoreColumn) = (try table.column("layer"), try table.column("sensitivity"))
    var found: [Int: (score: Double, row: Int)] = [:]
    for row in table.rows.indices {
      let layer = try table.int(row, layerColumn)
      if layer < 0 {
        throw UpcycleError(
          "the layer is not a layer number", at: table.place(row), expected: "0 or above", found: "\"\(layer)\"",
          hint: "layers count from 0")
      }
      if let earlier = found[layer] {
        throw UpcycleError(
          "layer \(layer) is repeated", at: table.place(row), expected: "every layer once",
          found: "it also stands at \(table.place(earlier.row))", hint: "keep one of the two rows")
      }
      found[layer] = (try table.double(row, scoreColumn), row)
    }
    guard let last = found.keys.max() else {
      throw UpcycleError(
        "holds no scores", at: file, expected: "a header with layer, sensitivity and one row a layer", found: "no rows",
        hint: "see zebra select `help` for an example")
    }
    if let missing = (0..<found.count).first(where: { found[$0] == nil }) {
      throw UpcycleError(
        "layer \(missing) is missing", at: file, expected: "every layer from 0 to \(last)",
        found: "\(found.count) rows", hint: "add its row; layers count from 0")
    }
    values = (0..<found.count).map { found[$0]!.score }
  }
}
