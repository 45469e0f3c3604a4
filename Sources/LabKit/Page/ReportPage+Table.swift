import Groundwork

extension ReportPage {
  /// A table whose columns sort: one row a cell, ours above the published number, half of the 95 % interval and the number
  /// of seeds beside it.
  func tableHTML(_ table: Table, caption: String) -> String {
    let report = table.spec.report
    let hasPending = table.commonReason == nil && table.rows.contains { $0.pending != nil }
    var text =
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"\(HTML.escaped(caption))\">\n<table>\n"
    text += "<caption class=\"hidden\">\(HTML.escaped(caption))</caption>\n<thead><tr>"
    for column in report.columns {
      text += "<th scope=\"col\"\(column.isMeasured ? " class=\"number\"" : "")>\(HTML.escaped(column.header))</th>"
      if column.againstBaseline { text += Self.head("vs \(report.baseline)") }
      if column.kept { text += Self.head("kept, % of \(report.baseline)") }
    }
    text += hasPending ? "<th scope=\"col\">state</th></tr></thead>\n<tbody>\n" : "</tr></thead>\n<tbody>\n"
    for row in table.rows {
      text += "<tr>"
      for (index, (column, value)) in zip(report.columns, row.values).enumerated() {
        let tag = index == 0 ? "th scope=\"row\"" : "td"
        text +=
          "<\(tag)\(column.isMeasured ? Self.measured(column, value) : Self.label(value, table.setting(row, at: index)))</\(tag.prefix(2))>"
        if column.againstBaseline {
          let texts = value.againstBaselineText(column)
          text += Self.pair(texts, sortedBy: value.againstBaseline?.ours ?? value.againstBaseline?.published)
        }
        if column.kept { text += Self.pair(value.keptText, sortedBy: value.kept?.ours ?? value.kept?.published) }
      }
      text += hasPending ? "<td>\(Self.state(row))</td></tr>\n" : "</tr>\n"
    }
    return text + "</tbody>\n</table>\n</div>\n"
  }

  private static func head(_ title: String) -> String {
    "<th scope=\"col\" class=\"number\">\(HTML.escaped(title))</th>"
  }

  /// A setting: ours, and the paper's where it is another.
  private static func label(_ value: Table.Value, _ setting: String?) -> String {
    let ours = setting ?? value.published ?? ""
    let paper = setting == nil || value.published == setting ? nil : value.published
    return ">" + HTML.escaped(ours) + (paper.map { " <span class=\"paper\">\(HTML.escaped($0))</span>" } ?? "")
  }

  private static func measured(_ column: Column, _ value: Table.Value) -> String {
    var text = " class=\"number\""
    if let number = value.ours?.mean ?? value.publishedNumber { text += " data-value=\"\(plain(number, 6))\"" }
    text += ">"
    if value.ours != nil { text += "<span class=\"ours\">\(HTML.escaped(value.text(column)))</span>" }
    if let published = value.published, !published.isEmpty {
      text +=
        "<span class=\"paper\" title=\"published by the \(HTML.escaped(column.publishedBy))\">\(HTML.escaped(published))</span>"
    }
    return text
  }

  private static func pair(_ texts: (paper: String, ours: String), sortedBy number: Double?) -> String {
    var text = "<td class=\"number\"\(number.map { " data-value=\"\(plain($0, 6))\"" } ?? "")>"
    if !texts.ours.isEmpty { text += "<span class=\"ours\">\(texts.ours)</span>" }
    if !texts.paper.isEmpty { text += "<span class=\"paper\">\(texts.paper)</span>" }
    return text + "</td>"
  }

  private static func state(_ row: Table.Row) -> String {
    guard let pending = row.pending else { return "run" }
    if row.cell.quoted != nil { return "<details><summary>quoted</summary>\(HTML.escaped(pending))</details>" }
    return row.cell.pending == nil
      ? "not run yet" : "<details><summary>not run yet</summary>\(HTML.escaped(pending))</details>"
  }
}
