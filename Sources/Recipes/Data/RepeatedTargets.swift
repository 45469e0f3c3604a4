import Distillation

/// Scores only the tokens that can be copied: those that follow a token which they followed before in the same window.
/// The rest of a list that is told again cannot be foreseen, and its gradient hides the little that copying earns at
/// first. Rows beyond the first `rows` of a batch are scored as they are.
final class RepeatedTargets: BatchSource {
  private let source: any BatchSource
  private let time: Int
  private let rows: Int

  init(_ source: any BatchSource, time: Int, rows: Int) {
    self.source = source
    self.time = time
    self.rows = rows
  }

  func batch(step: Int) throws -> (ids: [Int32], targets: [Int32]) {
    var (ids, targets) = try source.batch(step: step)
    for start in stride(from: 0, to: min(rows * time, ids.count), by: time) {
      var seen = Set<Int64>()
      for place in start..<start + time {
        let pair = Int64(ids[place]) << 32 | Int64(targets[place])
        if seen.insert(pair).inserted { targets[place] = -1 }
      }
    }
    return (ids, targets)
  }
}
