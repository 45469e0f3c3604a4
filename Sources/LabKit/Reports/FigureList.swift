import Foundation
import Groundwork

/// Every table and figure on one page, `figures/README.md`: its picture, how much of it is run and on how many seeds, how
/// long that took, the command that repeats it, and why the other rows have none.
struct FigureList {
  let items: [ReportPage.Item]

  var markdown: String {
    var lines = [
      "# Every table and figure", "",
      "\(items.count) experiments. Minutes are those of the committed records: the work of all seeds that the command beside them "
        + "names, on the machines that the tables name; stages that cells share count in each. Rows are those that show numbers of "
        + "ours, of whatever seeds, and seeds are those of a row, from the fewest to the most; the README counts runs of all seeds, "
        + "without those made with other settings (`lab status --all`).",
      "",
      "The same with every number, on one page: [index.html](index.html). The papers' claims: [claims.md](claims.md).",
      "",
    ]
    for (paper, name) in ReportPage.papers(of: items) {
      let own = items.filter { $0.spec.paper == paper }
      lines += ["## \(name)", ""]
      lines += [
        "| | what | state | rows | seeds | minutes | again |", "| --- | --- | --- | ---: | ---: | ---: | --- |",
      ]
      lines += own.map(line) + [""]
      let reasons = own.flatMap(reasons)
      if !reasons.isEmpty { lines += ["Rows without a run here:", ""] + reasons.map { "- \($0)" } + [""] }
    }
    return lines.dropLast().joined(separator: "\n") + "\n"
  }

  private func line(_ item: ReportPage.Item) -> String {
    let (spec, table) = (item.spec, item.table)
    let picture = item.svg.map { _ in
      "<a href=\"\(spec.name).svg\"><img src=\"\(spec.name).svg\" width=\"160\" alt=\"\(HTML.escaped(spec.title))\"></a>"
    }
    let page = "\(spec.name).\(spec.report.kind == .table ? "md" : "svg")"
    let seconds = table.records.reduce(0) { $0 + $1.seconds }
    let minutes = Int(exactly: (seconds / 60).rounded(.down)).map(formatCount) ?? "?"
    let fields = [
      picture ?? "", "[\(spec.place)](\(page)): \(spec.title)", table.coverage.rawValue,
      "\(table.rowsRun) of \(table.rowsToRun)", seeds(table),
      table.records.isEmpty ? "" : seconds < 60 ? "< 1" : minutes,
      spec.pending == nil ? "`make reproduce PAPER=\(spec.paper) ITEM=\(spec.item)\(named(table))`" : "",
    ]
    return "| " + fields.map { $0.replacingOccurrences(of: "|", with: "\\|") }.joined(separator: " | ") + " |"
  }

  /// The fewest and the most seeds of a row, "1-3"; empty where nothing in the rows is random.
  private func seeds(_ table: Table) -> String {
    let counts = table.rows.map { Set($0.records.compactMap(\.seed)).count }.filter { $0 > 0 }
    guard let fewest = counts.min(), let most = counts.max() else { return "" }
    return fewest == most ? "\(most)" : "\(fewest)-\(most)"
  }

  /// Profile and seeds of the records, where they are not those that the command would take by itself.
  private func named(_ table: Table) -> String {
    let usual = table.spec.profiles[table.profile]?.seeds ?? []
    let seeds = table.seeds.map(String.init).joined(separator: ",")
    return (table.profile == "micro" ? "" : " PROFILE=\(table.profile)")
      + (table.seeds.isEmpty || table.seeds == usual ? "" : " SEEDS=\(seeds)")
  }

  /// Why rows have no run: what they lack, or that nothing but time is lacking.
  private func reasons(_ item: ReportPage.Item) -> [String] {
    if let reason = item.spec.pending { return ["\(item.spec.place): \(reason)"] }
    let pending = item.table.rows.filter { $0.records.isEmpty && $0.cell.pending != nil }
    let byReason = Dictionary(grouping: pending) { $0.cell.pending! }
    let open = item.table.rows.count { $0.records.isEmpty && $0.cell.pending == nil && $0.cell.quoted == nil }
    return byReason.sorted { $0.key < $1.key }.map { reason, rows in
      "\(item.spec.place), \(counted(rows.count, "row")): \(reason)"
    } + (open == 0 ? [] : ["\(item.spec.place), \(counted(open, "row")): nothing but the time to run them"])
  }
}
