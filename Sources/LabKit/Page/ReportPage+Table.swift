import Groundwork

extension ReportPage {
  /// A table whose columns sort: one row a cell, ours above the published number, the spread over seeds beside it.
  func tableHTML(_ table: Table, caption: String) -> String {
    let columns = table.spec.report.columns
    var text =
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"\(HTML.escaped(caption))\">\n<table>\n"
    text += "<caption class=\"hidden\">\(HTML.escaped(caption))</caption>\n<thead><tr>"
    for column in columns {
      text += "<th scope=\"col\"\(column.isMeasured ? " class=\"number\"" : "")>\(HTML.escaped(column.header))</th>"
    }
    text += "<th scope=\"col\">seeds</th></tr></thead>\n<tbody>\n"
    for row in table.rows {
      text += "<tr>"
      for (index, (column, value)) in zip(columns, row.values).enumerated() {
        let tag = index == 0 ? "th scope=\"row\"" : "td"
        text += "<\(tag)\(column.isMeasured ? Self.measured(column, value) : Self.label(value))</\(tag.prefix(2))>"
      }
      text += "<td>\(Self.seeds(row))</td></tr>\n"
    }
    return text + "</tbody>\n</table>\n</div>\n"
  }

  /// A setting: ours, and the paper's where it is another.
  private static func label(_ value: Table.Value) -> String {
    let ours = value.setting ?? value.published ?? ""
    let paper = value.setting == nil || value.published == value.setting ? nil : value.published
    return ">" + HTML.escaped(ours) + (paper.map { " <span class=\"paper\">\(HTML.escaped($0))</span>" } ?? "")
  }

  private static func measured(_ column: Column, _ value: Table.Value) -> String {
    var text = " class=\"number\""
    if let number = value.ours?.mean ?? value.publishedNumber { text += " data-value=\"\(plain(number, 6))\"" }
    text += ">"
    if let ours = value.ours {
      text += "<span class=\"ours\">\(formatted(ours.mean, column.digits))"
      if let deviation = ours.deviation, deviation > 0 { text += " ± \(formatted(deviation, column.digits))" }
      if column.exact, let agrees = value.agrees { text += agrees ? " ✓" : " ≠" }
      text += "</span>"
    }
    if let published = value.published, !published.isEmpty {
      text +=
        "<span class=\"paper\" title=\"published by the \(HTML.escaped(column.publishedBy))\">\(HTML.escaped(published))</span>"
    }
    return text
  }

  private static func seeds(_ row: Table.Row) -> String {
    guard let pending = row.pending else { return HTML.escaped(row.seeds) }
    return pending == "run it"
      ? "not run yet" : "<details><summary>not run yet</summary>needs \(HTML.escaped(pending))</details>"
  }
}
