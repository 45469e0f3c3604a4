import Foundation

extension Table {
  /// What a model wrote.
  struct Text {
    /// The cell, and the seed where there are several.
    let title: String
    let text: String
  }

  /// By cell, seed and stage.
  var texts: [Text] {
    rows.flatMap { row in
      row.records.sorted { ($0.seed ?? -1) < ($1.seed ?? -1) }.flatMap { record in
        let seed = row.records.count > 1 ? record.seed.map { ", seed \($0)" } : nil
        return (record.texts ?? [:]).sorted { $0.key < $1.key }.map {
          Text(title: row.cell.id + (seed ?? ""), text: $0.value)
        }
      }
    }
  }

  /// The texts below the table; no line where there are none.
  var quotations: [String] {
    texts.flatMap { text in
      ["", "**\(Self.literal(text.title))**", ""]
        + text.text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
          line.isEmpty ? ">" : "> \(Self.literal(String(line)))  "
        }
    }
  }

  /// Nothing in it means something to Markdown.
  private static func literal(_ text: String) -> String {
    text.reduce(into: "") { $0 += "\\`*_<>[]#|".contains($1) ? "\\\($1)" : String($1) }
  }
}
