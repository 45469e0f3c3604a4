import Foundation
import Groundwork

extension Table {
  /// The table as a page: what it is, the numbers, why cells are empty, and what the claims say.
  func markdown(_ verdicts: [ClaimVerdict]) throws -> String {
    var page = ["# \(spec.place): \(spec.title)", ""]
    page += header
    page += ["", text] + quotations
    if !spec.report.notes.isEmpty {
      page += ["", "Notes", ""]
      page += spec.report.notes.map { "- \($0)" }
    }
    if !verdicts.isEmpty {
      page += ["", "Claims", ""]
      for verdict in verdicts {
        page.append("- **\(verdict.claim.id) \(verdict.answer.rawValue)**: \(verdict.claim.statement)")
        page += verdict.lines.map { "  - \($0)" }
      }
    }
    return page.joined(separator: "\n") + "\n"
  }

  /// The numbers, and why cells are empty.
  var text: String {
    var footnotes = Footnotes()
    let grid = spec.report.layout == .beside ? beside(&footnotes) : stacked(&footnotes)
    let reasons = footnotes.lines.map { "- \($0)" }
    return ([grid.text] + (reasons.isEmpty ? [] : [""]) + reasons).joined(separator: "\n")
  }

  private var header: [String] {
    let done = rows.filter { !$0.records.isEmpty }.count
    var lines = [
      "- Paper: \(source)",
      "- Ours: \(ours)\(records.isEmpty ? "" : "; \(done) of \(rows.count) rows run")",
    ]
    if spec.pending == nil {
      lines.append("- Repeat: `\(command)`")
    }
    var legend: [String] = []
    if spec.report.columns.contains(where: \.exact) {
      legend.append("✓ an exact number equals the published one to its printed digits, ≠ it does not")
    }
    if rows.contains(where: { $0.values.contains { ($0.ours?.count ?? 0) > 1 } }) {
      legend.append("± standard deviation over seeds")
    }
    if rows.contains(where: { $0.values.contains { $0.difference != nil } }) {
      legend.append("Δ ours minus paper")
    }
    if !legend.isEmpty { lines.append("- Read: \(legend.joined(separator: "; "))") }
    return lines
  }

  /// What gives these records again: the seeds and threads where they are not the usual ones.
  var command: String {
    let counts = Set(records.map(\.threads))
    let threads = counts.count == 1 && counts != [Plan.defaultThreads] ? " --threads \(counts.first!)" : ""
    let usual = seeds.isEmpty || seeds == spec.profiles[profile]?.seeds
    let list = usual ? "" : " --seeds \(seeds.map(String.init).joined(separator: ","))"
    return "lab run \(spec.name) --profile \(profile)\(list)\(threads)"
  }

  // MARK: Layouts

  private func beside(_ footnotes: inout Footnotes) -> MarkdownGrid {
    var grid = MarkdownGrid()
    for column in spec.report.columns {
      let both = column.published != nil && column.isMeasured
      grid.add(both ? "\(column.header), \(column.publishedBy)" : column.header, right: column.isMeasured)
      if both { grid.add("\(column.header), ours", right: true) }
      if both && !column.exact { grid.add("Δ", right: true) }
      if column.againstBaseline {
        if column.published != nil { grid.add("vs \(spec.report.baseline), paper", right: true) }
        grid.add("vs \(spec.report.baseline), ours", right: true)
      }
    }
    grid.add("seeds", right: true)
    for row in rows {
      var line: [String] = []
      for (column, value) in zip(spec.report.columns, row.values) {
        guard column.isMeasured else {
          line.append(Self.label(value))
          continue
        }
        if column.published != nil { line.append(value.published ?? "") }
        line.append(Self.ours(value, column, &footnotes))
        if column.published != nil && !column.exact {
          line.append(value.difference.map { signed($0, column.digits) } ?? "")
        }
        if column.againstBaseline {
          if column.published != nil {
            line.append(value.againstBaseline?.published.map { signed($0, column.digits) } ?? "")
          }
          line.append(value.againstBaseline?.ours.map { signed($0, column.digits) } ?? "")
        }
      }
      grid.rows.append(line + [row.pending.map { footnotes.mark($0) } ?? row.seeds])
    }
    return grid
  }

  private func stacked(_ footnotes: inout Footnotes) -> MarkdownGrid {
    let columns = spec.report.columns
    let labels = columns.prefix { !$0.isMeasured }.count
    var grid = MarkdownGrid()
    for (index, column) in columns.enumerated() {
      if index == labels { grid.add("", right: false) }
      grid.add(column.header, right: column.isMeasured)
      if column.againstBaseline { grid.add("vs \(spec.report.baseline)", right: true) }
    }
    grid.add("seeds", right: true)

    for row in rows {
      var (paper, ours, delta): ([String], [String], [String]) = ([], [], [])
      for (index, (column, value)) in zip(columns, row.values).enumerated() {
        if index == labels {
          paper.append("paper")
          ours.append("ours")
          delta.append("Δ")
        }
        paper.append(value.published ?? "")
        ours.append(column.isMeasured ? Self.ours(value, column, &footnotes) : value.setting ?? "")
        delta.append(column.exact ? "" : value.difference.map { signed($0, column.digits) } ?? "")
        if column.againstBaseline {
          let (a, b) = value.againstBaseline ?? (nil, nil)
          paper.append(a.map { signed($0, column.digits) } ?? "")
          ours.append(b.map { signed($0, column.digits) } ?? "")
          delta.append(a.flatMap { a in b.map { signed($0 - a, column.digits) } } ?? "")
        }
      }
      let published = row.cell.row != nil
      if let pending = row.pending {
        grid.rows.append((published ? paper : ours) + [footnotes.mark(pending)])
      } else {
        if published { grid.rows.append(paper + [""]) }
        grid.rows.append(ours + [row.seeds])
        if published { grid.rows.append(delta + [""]) }
      }
    }
    return grid
  }

  // MARK: Fields

  /// A setting: the paper's, ours, or `paper → ours` where they differ.
  private static func label(_ value: Value) -> String {
    guard let setting = value.setting else { return value.published ?? "" }
    guard let published = value.published, published != setting else { return setting }
    return "\(published) → \(setting)"
  }

  private static func ours(_ value: Value, _ column: Column, _ footnotes: inout Footnotes) -> String {
    guard let ours = value.ours else { return value.pending.map { footnotes.mark($0) } ?? "" }
    let mark = column.exact ? value.agrees.map { $0 ? " ✓" : " ≠" } ?? "" : ""
    let spread = ours.deviation.map { $0 > 0 ? " ± \(formatted($0, column.digits))" : "" } ?? ""
    return formatted(ours.mean, column.digits) + spread + mark
  }
}

/// Why fields are empty: said once under the table, and referred to by letters.
struct Footnotes {
  private var reasons: [String] = []

  /// The letter of a reason in brackets.
  mutating func mark(_ reason: String) -> String {
    let index = reasons.firstIndex(of: reason) ?? reasons.count
    if index == reasons.count { reasons.append(reason) }
    return "[\(Self.letter(index))]"
  }

  /// "[a] not run yet: needs …"; what merely waits for `lab run` needs nothing.
  var lines: [String] {
    reasons.enumerated().map { index, reason in
      "[\(Self.letter(index))] not run yet" + (reason == "run it" ? "" : ": needs \(reason)")
    }
  }

  private static func letter(_ index: Int) -> String { String(UnicodeScalar(UInt8(97 + index % 26))) }
}

/// A Markdown table whose source is aligned as well; one that is too wide becomes several, which share their labels.
struct MarkdownGrid {
  /// Columns of text that are read without scrolling.
  private static let widest = 160

  private(set) var header: [String] = []
  private var right: [Bool] = []
  var rows: [[String]] = []

  mutating func add(_ title: String, right: Bool) {
    header.append(title)
    self.right.append(right)
  }

  var text: String {
    let safe = ([header] + rows).map { $0.map { $0.replacingOccurrences(of: "|", with: "\\|") } }
    let widths = header.indices.map { column in max(3, safe.map { $0[column].count }.max() ?? 0) }
    return parts(widths).map { columns in
      func line(_ fields: [String]) -> String {
        "| "
          + columns.map { index in
            let space = String(repeating: " ", count: widths[index] - fields[index].count)
            return right[index] ? space + fields[index] : fields[index] + space
          }.joined(separator: " | ") + " |"
      }
      let rule = header.indices.map { index in
        String(repeating: "-", count: widths[index] - (right[index] ? 1 : 0)) + (right[index] ? ":" : "")
      }
      return ([line(safe[0]), line(rule)] + safe.dropFirst().map(line)).joined(separator: "\n")
    }.joined(separator: "\n\n")
  }

  /// The columns of each table: all, or the leading labels with as many numbers as there is room for.
  private func parts(_ widths: [Int]) -> [[Int]] {
    func width(_ columns: [Int]) -> Int { columns.reduce(1) { $0 + widths[$1] + 3 } }
    let all = Array(header.indices)
    if width(all) <= Self.widest { return [all] }
    // Where labels leave no room for numbers, the first alone is repeated.
    var labels = Array(all.prefix { !right[$0] })
    if width(labels) > Self.widest / 2 { labels = Array(labels.prefix(1)) }
    var parts: [[Int]] = [labels]
    for column in all.dropFirst(labels.count) {
      let last = parts.count - 1
      if parts[last].count > labels.count, width(parts[last] + [column]) > Self.widest { parts.append(labels) }
      parts[parts.count - 1].append(column)
    }
    return parts
  }
}
