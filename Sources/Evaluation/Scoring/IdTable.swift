import Foundation
import Groundwork

/// Equally long lists of token ids, as `hybrid logits` reads them.
public struct IdTable: Equatable, Sendable {
  /// Lists.
  public let batch: Int
  /// Ids of each list.
  public let time: Int
  /// [batch * time].
  public let ids: [Int32]

  /// Reads a JSON list of lists.
  /// - Throws: when it is something else, empty, ragged, or an id is not in 0..<vocabulary.
  public init(contentsOf url: URL, vocabulary: Int) throws {
    try self.init(JSONValue(contentsOf: url), file: url.path, vocabulary: vocabulary)
  }

  /// - Parameter file: named in errors
  /// - Throws: as `init(contentsOf:vocabulary:)`
  public init(_ value: JSONValue, file: String, vocabulary: Int) throws {
    guard let rows = value.array, !rows.isEmpty else {
      throw UpcycleError("is not a list of lists of ids", at: file, expected: "[[1, 2, 3], [4, 5, 6]]")
    }
    var ids: [Int32] = []
    var time: Int?
    for (index, row) in rows.enumerated() {
      guard let numbers = row.array, !numbers.isEmpty else {
        throw UpcycleError("is not a list of ids", at: "\(file), row \(index)", expected: "one or more integers")
      }
      if let time, numbers.count != time {
        throw UpcycleError(
          "rows of different lengths", at: "\(file), row \(index)", expected: "\(time) ids", found: "\(numbers.count)")
      }
      time = numbers.count
      for number in numbers {
        guard let id = number.int, (0..<vocabulary).contains(id) else {
          throw UpcycleError(
            "is not an id of this model", at: "\(file), row \(index)", expected: "0..<\(vocabulary)",
            found: number.text())
        }
        ids.append(Int32(id))
      }
    }
    batch = rows.count
    self.time = time ?? 0
    self.ids = ids
  }
}
