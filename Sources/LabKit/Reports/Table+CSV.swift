import Foundation
import Groundwork

extension Table {
  /// Every column with what was published, ours, half of the 95 % interval, the number of seeds, their standard deviation,
  /// the item error, the difference where both are on one scale and the shares that are kept; one line per cell. Comment
  /// lines say where both sides come from.
  var csv: CSV {
    var csv = CSV(header: ["cell"])
    csv.comments = [
      "# \(spec.place): \(spec.title)".singleLine, "# published: \(source)".singleLine, "# ours: \(ours)",
    ]
    let names = spec.report.columns.flatMap { fields(of: $0, Value()).map(\.name) }
    csv.header += names + ["seeds", "tokens", "status"]
    csv.rows = rows.map(line)
    return csv
  }

  private var hasBaselines: Bool { spec.cells.contains { $0.baseline != nil } }

  private func line(_ row: Row) -> [String] {
    let values = zip(spec.report.columns, row.values).flatMap { fields(of: $0, $1).map(\.text) }
    let tokens = row.records.map(\.tokens).max() ?? 0
    let ends = [
      row.seeds.replacingOccurrences(of: ", ", with: " "), tokens > 0 ? "\(tokens)" : "",
      row.pending ?? "run",
    ]
    return [row.cell.id] + values + ends
  }

  /// What a column says of a cell; the names are the same for all cells.
  private func fields(of column: Column, _ value: Value) -> [(name: String, text: String)] {
    var fields: [(name: String, text: String)] = []
    func add(_ suffix: String, _ text: String) { fields.append((column.name + suffix, text)) }
    func number(_ value: Double?) -> String { value.map { plain($0, column.digits + 2) } ?? "" }
    if !column.isMeasured {
      if column.published != nil { add("", value.published ?? "") }
      if column.ours != nil { add("_ours", value.setting ?? "") }
      return fields
    }
    if column.published != nil { add("_published", value.published ?? "") }
    add("_ours", number(value.ours?.mean))
    add("_interval", number(value.interval))
    add("_seeds", value.seeds.map { "\($0)" } ?? "")
    add("_std", number(value.ours?.deviation))
    add("_stderr", number(value.stderr))
    if column.isCompared { add("_delta", number(value.difference)) }
    if hasBaselines {
      if column.published != nil { add("_vs_base_published", number(value.againstBaseline?.published)) }
      add("_vs_base_ours", number(value.againstBaseline?.ours))
      add("_vs_base_interval", number(value.againstBaselineInterval))
    }
    if column.kept {
      if column.published != nil { add("_kept_published", number(value.kept?.published)) }
      add("_kept_ours", number(value.kept?.ours))
      add("_kept_interval", number(value.keptInterval))
    }
    return fields
  }

  /// Curves in long form: cell, x, mean over the seeds that have a point there, half of its 95 % interval, standard
  /// deviation, seeds.
  func curves(_ series: String) -> CSV {
    var csv = CSV(header: ["cell", "x", "value", "interval", "std", "seeds"])
    csv.comments = ["# \(spec.place): \(spec.title)".singleLine, "# ours: \(ours)"]
    for row in rows {
      let points = row.records.flatMap { $0.series?[series] ?? [] }.filter { $0.count == 2 }
      let values = Dictionary(grouping: points) { $0[0] }.mapValues { $0.map { $0[1] } }
      for (x, values) in values.sorted(by: { $0.key < $1.key }) {
        let sample = Sample(values: values)
        csv.rows.append([
          row.cell.id, plain(x, 0), plain(sample.mean, 5), sample.halfWidth.map { plain($0, 5) } ?? "",
          sample.deviation.map { plain($0, 5) } ?? "", "\(values.count)",
        ])
      }
    }
    return csv
  }

  /// The points of a series that is no curve: cell and `fields`, of the first seed.
  func points(_ series: String, fields: [String]) -> CSV {
    var csv = CSV(header: ["cell"] + fields)
    csv.comments = ["# \(spec.place): \(spec.title)".singleLine, "# ours: \(ours)"]
    for row in rows {
      let first = row.records.min { ($0.seed ?? -1) < ($1.seed ?? -1) }
      for point in first?.series?[series] ?? [] where point.count == fields.count {
        csv.rows.append([row.cell.id] + point.map { plain($0) })
      }
    }
    return csv
  }

  /// Where the published numbers come from, without the part of the source line that repeats the title.
  var source: String {
    guard let line = spec.published?.source, !line.isEmpty else { return "nothing was published for this" }
    return line.replacingOccurrences(of: "source: ", with: "")
  }

  /// What our numbers are, in one line: profile, tokens, seeds, commit, machine.
  var ours: String {
    guard !records.isEmpty else { return commonReason ?? "not run yet" }
    let about = spec.report.isExact ? "" : spec.profiles[profile].map { $0.about.isEmpty ? "" : " (\($0.about))" } ?? ""
    var parts = ["profile \(profile)\(about)"]
    let tokens = records.map(\.tokens).filter { $0 > 0 }
    if let least = tokens.min(), let most = tokens.max() {
      let span = least == most ? formatCount(least) : "\(formatCount(least)) to \(formatCount(most))"
      parts.append("\(span) tokens a trained cell")
    }
    if !seeds.isEmpty { parts.append("seeds \(seeds.map(String.init).joined(separator: ", "))") }
    parts.append("commit \(Set(records.map(\.commit)).sorted().joined(separator: ", "))")
    let hosts = records.map {
      "\($0.host.cpu), \($0.host.cores) cores, \(counted($0.threads, "thread"))"
    }
    parts.append(Set(hosts).sorted().joined(separator: " and "))
    return parts.joined(separator: "; ")
  }
}

extension String {
  fileprivate var singleLine: String { replacingOccurrences(of: "\n", with: " ") }
}
