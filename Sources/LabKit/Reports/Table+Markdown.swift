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
    let done = rowsRun
    var lines = [
      "- Paper: \(source)",
      "- Ours: \(ours)\(records.isEmpty ? "" : "; \(done) of \(rowsToRun) rows run")",
    ]
    if spec.pending == nil {
      lines.append("- Repeat: `\(command)`")
    }
    if !legend.isEmpty { lines.append("- Read: \(legend.joined(separator: "; "))") }
    return lines
  }

  /// What the signs of the table mean.
  var legend: [String] {
    func some(_ isThere: (Value) -> Bool) -> Bool { rows.contains { $0.values.contains(where: isThere) } }
    var lines: [String] = []
    if let task = spec.report.columns.first(where: { $0.header.contains("[") }) {
      lines.append("\(task.header): our task and, in brackets, the paper's benchmark that it stands for")
    }
    if rows.contains(where: { zip(spec.report.columns, $0.values).contains { $0.exact && $1.agrees != nil } }) {
      lines.append("✓ an exact number equals the published one to its printed digits, ≠ it does not")
    }
    if some({ $0.interval != nil }) { lines.append("± half of the 95 % interval over seeds and items") }
    if some({ $0.seeds != nil }) {
      lines.append("(n) the number of seeds, one alone has no interval")
    }
    if some({ $0.kept != nil }) {
      lines.append(
        "kept: the paper's number in percent of the paper's \(spec.report.baseline), ours of our own with the same seeds"
      )
    }
    if spec.report.columns.contains(where: \.sameScale) && some({ $0.difference != nil }) {
      lines.append("Δ ours minus paper")
    }
    return lines
  }

  /// What gives these records again.
  var command: String { spec.command(repeating: records, profile: profile) }

  // MARK: Layouts

  private func beside(_ footnotes: inout Footnotes) -> MarkdownGrid {
    var grid = MarkdownGrid()
    let columns = spec.report.columns
    let firstOfOurs = columns.firstIndex(where: \.isMeasured)
    for (index, column) in columns.enumerated() {
      func add(_ title: String) {
        if column.published != nil && column.isMeasured { grid.add("\(title), \(column.publishedBy)", right: true) }
        let mark = absence(of: column, at: index).map { " " + footnotes.mark($0) } ?? ""
        grid.add(column.published == nil ? title + mark : "\(title), ours" + mark, right: true)
      }
      guard column.isMeasured else {
        grid.add(column.header, right: false)
        continue
      }
      add(column.header)
      if column.sameScale { grid.add("Δ", right: true) }
      if column.againstBaseline { add("vs \(spec.report.baseline)") }
      if column.kept { add(keptHeader) }
    }
    for row in rows {
      var line: [String] = []
      for (index, (column, value)) in zip(columns, row.values).enumerated() {
        guard column.isMeasured else {
          line.append(label(row, at: index))
          continue
        }
        if column.published != nil { line.append(value.published ?? "") }
        let pending = index == firstOfOurs ? mark(row, &footnotes) : nil
        line.append(pending ?? field(value, column, at: index, &footnotes))
        if column.sameScale { line.append(value.difference.map { signed($0, column.digits) } ?? "") }
        if column.againstBaseline {
          let (paper, ours) = value.againstBaselineText(column)
          line += column.published == nil ? [ours] : [paper, ours]
        }
        if column.kept {
          let (paper, ours) = value.keptText
          line += column.published == nil ? [ours] : [paper, ours]
        }
      }
      grid.rows.append(line)
    }
    return grid
  }

  private func stacked(_ footnotes: inout Footnotes) -> MarkdownGrid {
    let columns = spec.report.columns
    let labels = columns.prefix { !$0.isMeasured }.count
    var grid = MarkdownGrid()
    for (index, column) in columns.enumerated() {
      if index == labels { grid.add("", right: false, identifies: true) }
      let mark = absence(of: column, at: index).map { " " + footnotes.mark($0) } ?? ""
      grid.add(column.header + mark, right: column.isMeasured)
      if column.againstBaseline { grid.add("vs \(spec.report.baseline)", right: true) }
      if column.kept { grid.add(keptHeader, right: true) }
    }
    for row in rows {
      let pending = mark(row, &footnotes).map { " " + $0 } ?? ""
      var (paper, ours): ([String], [String]) = ([], [])
      for (index, (column, value)) in zip(columns, row.values).enumerated() {
        if index == labels {
          paper.append("paper" + pending)
          ours.append("ours" + pending)
        }
        paper.append(value.published ?? "")
        ours.append(
          column.isMeasured ? field(value, column, at: index, &footnotes) : setting(row, at: index) ?? "")
        if column.againstBaseline {
          let texts = value.againstBaselineText(column)
          paper.append(texts.paper)
          ours.append(texts.ours)
        }
        if column.kept {
          let texts = value.keptText
          paper.append(texts.paper)
          ours.append(texts.ours)
        }
      }
      if row.cell.row != nil { grid.rows.append(paper) }
      if row.cell.row == nil || !row.records.isEmpty { grid.rows.append(ours) }
    }
    return grid
  }

  private var keptHeader: String { "kept, % of \(spec.report.baseline)" }

  // MARK: Absences

  /// What every row waits for, if it is the same: said once above the table.
  var commonReason: String? {
    let reasons = Set(rows.map(\.pending))
    return reasons.count == 1 ? reasons.first! : nil
  }

  /// The mark of a row that has not run.
  private func mark(_ row: Row, _ footnotes: inout Footnotes) -> String? {
    commonReason == nil ? row.pending.map { footnotes.mark($0) } : nil
  }

  /// Why a column has nothing of ours in any row.
  private func absence(of column: Column, at index: Int) -> String? {
    rows.contains { $0.values[index].ours != nil } || records.isEmpty ? nil : column.pending.map(Footnotes.text)
  }

  // MARK: Fields

  /// A setting: the paper's, ours, or `paper → ours` where they differ.
  private func label(_ row: Row, at index: Int) -> String {
    let published = row.values[index].published
    guard let setting = setting(row, at: index) else { return published ?? "" }
    guard let published, published != setting else { return setting }
    return "\(published) → \(setting)"
  }

  private func field(_ value: Value, _ column: Column, at index: Int, _ footnotes: inout Footnotes) -> String {
    if value.ours != nil { return value.text(column) }
    guard absence(of: column, at: index) == nil else { return "" }
    return value.pending.map { footnotes.mark(Footnotes.text($0)) } ?? ""
  }
}

extension Table.Value {
  /// Ours: "52.1 ± 0.8 (3)" for a mean, half of its 95 % interval and the number of seeds, "52.1 (1)" for one seed, and
  /// "15.625 ✓" for an exact number.
  func text(_ column: Column) -> String {
    guard let ours else { return "" }
    var text = formatDecimal(ours.mean, column.digits)
    if let interval { text += " ± \(formatDecimal(interval, column.digits))" }
    if let seeds { text += " (\(seeds))" }
    if column.exact, let agrees { text += agrees ? " ✓" : " ≠" }
    return text
  }

  /// Shares of the base in percent: the paper's of the paper's, ours of ours.
  var keptText: (paper: String, ours: String) {
    let spread = keptInterval.map { " ± \(formatDecimal($0, 1))" } ?? ""
    return (kept?.published.map { formatDecimal($0, 1) } ?? "", kept?.ours.map { formatDecimal($0, 1) + spread } ?? "")
  }

  func againstBaselineText(_ column: Column) -> (paper: String, ours: String) {
    let text = { (number: Double?) in number.map { signed($0, column.digits) } ?? "" }
    let spread = againstBaselineInterval.map { " ± \(formatDecimal($0, column.digits))" } ?? ""
    return (text(againstBaseline?.published), againstBaseline?.ours == nil ? "" : text(againstBaseline?.ours) + spread)
  }
}

/// Why fields are empty: said once under the table, and referred to by letters.
struct Footnotes {
  private var reasons: [String] = []

  /// The letters of a reason in brackets.
  mutating func mark(_ reason: String) -> String {
    let index = reasons.firstIndex(of: reason) ?? reasons.count
    if index == reasons.count { reasons.append(reason) }
    return "[\(Self.letter(index))]"
  }

  /// "[a] not run yet: needs …".
  var lines: [String] { reasons.enumerated().map { index, reason in "[\(Self.letter(index))] \(reason)" } }

  /// Why a field is empty, in words; what merely waits for `lab run` needs nothing.
  static func text(_ reason: String) -> String { "not run yet" + (reason == "run it" ? "" : ": needs \(reason)") }

  /// a, b, ... z, aa, ab ...
  private static func letter(_ index: Int) -> String {
    (index < 26 ? "" : letter(index / 26 - 1)) + String(UnicodeScalar(UInt8(97 + index % 26)))
  }
}

extension Spec {
  /// What gives records again: the seeds and threads where they are not the usual ones.
  /// - Parameter seeds: to run as well, 1 to this; where there are records, none of which has a seed, seeds are of no use
  func command(repeating records: [Record], profile: String, seeds most: Int = 0) -> String {
    let counts = Set(records.map(\.threads))
    let threads = counts.count == 1 && counts != [Plan.defaultThreads] ? " --threads \(counts.first!)" : ""
    let own = Set(records.compactMap(\.seed))
    let seeds = own.isEmpty && !records.isEmpty ? [] : own.union((0..<most).map { $0 + 1 }).sorted()
    let usual = seeds.isEmpty || seeds == profiles[profile]?.seeds
    let list = usual ? "" : " --seeds \(seeds.map(String.init).joined(separator: ","))"
    return "lab run \(name) --profile \(profile)\(list)\(threads)"
  }
}
