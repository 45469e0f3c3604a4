import TensorCore

/// Rows of one expert that one thread takes at once.
struct RowBlock {
  var expert: Int
  var rows: Range<Int>

  /// What a block of rows and their inner values may have to stay in the second-level cache.
  private static let most = 512
  /// Every block packs the expert's matrices anew, which many rows make up for.
  private static let least = 128

  /// Every expert's rows, cut into even parts where there are many, or where one expert has more than its share of the
  /// threads' work; long blocks first, so that threads end together.
  static func all(_ starts: [Int]) -> [RowBlock] {
    let share = ((starts.last ?? 0) + 4 * Threads.count - 1) / (4 * Threads.count)
    let most = max(least, min(most, share))
    var blocks: [RowBlock] = []
    for expert in 0..<starts.count - 1 {
      let (low, rows) = (starts[expert], starts[expert + 1] - starts[expert])
      let parts = (rows + most - 1) / most
      for part in 0..<parts {
        blocks.append(
          RowBlock(expert: expert, rows: low + rows * part / parts..<low + rows * (part + 1) / parts))
      }
    }
    return blocks.sorted { $0.rows.count > $1.rows.count }
  }
}
