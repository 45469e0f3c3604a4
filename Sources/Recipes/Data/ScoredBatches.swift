import Distillation
import TokenData

/// Batches in which only some targets count: the others become -1, which every loss leaves out.
final class ScoredBatches: BatchSource {
  private let batches: any BatchSource
  private let time: Int
  private let rows: Int
  private let isScored: ([Int32]) -> [Bool]

  /// - Parameters:
  ///   - time: tokens of a row
  ///   - rows: those after so many of a batch are scored as they are
  ///   - isScored: of every token of a row and the one after it; the first is no target
  private init(_ batches: any BatchSource, time: Int, rows: Int, isScored: @escaping ([Int32]) -> [Bool]) {
    self.batches = batches
    self.time = time
    self.rows = rows
    self.isScored = isScored
  }

  /// Only answers count.
  static func answers(_ batches: any BatchSource, mask: AnswerMask, time: Int) -> ScoredBatches {
    ScoredBatches(batches, time: time, rows: .max, isScored: mask.answers)
  }

  /// Only tokens that can be copied count: those that follow a token which they followed before in the same row. The
  /// rest of a list that is told again cannot be foreseen, and its gradient hides the little that copying earns at
  /// first.
  static func repeats(_ batches: any BatchSource, time: Int, rows: Int) -> ScoredBatches {
    ScoredBatches(batches, time: time, rows: rows) { row in
      var seen = Set<Int64>()
      return [false] + zip(row, row.dropFirst()).map { !seen.insert(Int64($0) << 32 | Int64($1)).inserted }
    }
  }

  func batch(step: Int) throws -> (ids: [Int32], targets: [Int32]) {
    var (ids, targets) = try batches.batch(step: step)
    for start in stride(from: 0, to: ids.count, by: time).prefix(rows) {
      let row = Array(ids[start..<start + time]) + [targets[start + time - 1]]
      for (index, counts) in isScored(row).dropFirst().enumerated() where !counts { targets[start + index] = -1 }
    }
    return (ids, targets)
  }
}
