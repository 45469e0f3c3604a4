/// A Markdown table whose source is aligned as well; one that is too wide becomes several, which share their labels. Lines
/// stand in the first of them, and in others where these have something to say.
struct MarkdownGrid {
  /// Columns of text that are read without scrolling.
  private static let widest = 160

  private struct Column {
    let title: String
    let right: Bool
    /// Repeated in every part, however wide the labels are.
    let identifies: Bool
  }

  private var columns: [Column] = []
  var rows: [[String]] = []

  /// - Parameters:
  ///   - right: numbers; labels stand on the left, and the leading ones are repeated where the table is cut
  ///   - identifies: a label without which the others say nothing; the first is one
  mutating func add(_ title: String, right: Bool, identifies: Bool = false) {
    columns.append(Column(title: title, right: right, identifies: identifies || columns.isEmpty))
  }

  var text: String {
    let safe = ([columns.map(\.title)] + rows).map { $0.map { $0.replacingOccurrences(of: "|", with: "\\|") } }
    let widths = columns.indices.map { column in max(3, safe.map { $0[column].count }.max() ?? 0) }
    let parts = parts(widths)
    let repeated = Set(parts[0]).intersection(parts.count > 1 ? parts[1] : [])
    return parts.enumerated().map { number, part in
      func line(_ fields: [String]) -> String {
        "| "
          + part.map { index in
            let space = String(repeating: " ", count: widths[index] - fields[index].count)
            return columns[index].right ? space + fields[index] : fields[index] + space
          }.joined(separator: " | ") + " |"
      }
      let rule = columns.indices.map { index in
        let right = columns[index].right
        return String(repeating: "-", count: widths[index] - (right ? 1 : 0)) + (right ? ":" : "")
      }
      let said = safe.dropFirst().filter { fields in
        number == 0 || part.contains { !repeated.contains($0) && !fields[$0].isEmpty }
      }
      return ([line(safe[0]), line(rule)] + said.map(line)).joined(separator: "\n")
    }.joined(separator: "\n\n")
  }

  /// The columns of each table: all, or the leading labels with as many numbers as there is room for, no part much wider
  /// than another.
  private func parts(_ widths: [Int]) -> [[Int]] {
    func width(_ part: [Int]) -> Int { part.reduce(1) { $0 + widths[$1] + 3 } }
    let all = Array(columns.indices)
    if width(all) <= Self.widest { return [all] }
    var labels = Array(all.prefix { !columns[$0].right })
    // Where labels leave no room for numbers, only those that identify a line are repeated.
    if width(labels) > Self.widest / 2 { labels = labels.filter { columns[$0].identifies } }
    let others = all.filter { !labels.contains($0) }
    func cut(at limit: Int) -> [[Int]] {
      var parts: [[Int]] = [labels]
      for column in others {
        let last = parts.count - 1
        if parts[last].count > labels.count, width(parts[last] + [column]) > limit { parts.append(labels) }
        parts[parts.count - 1].append(column)
      }
      return parts.map { $0.sorted() }
    }
    let fewest = cut(at: Self.widest)
    let limit = (1...Self.widest).first { cut(at: $0).count == fewest.count } ?? Self.widest
    return cut(at: limit)
  }
}
