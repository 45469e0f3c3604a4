import Foundation
import Groundwork

/// Everything on one page, `figures/index.html`: the claims with their answers, every table and figure with its state,
/// seeds and the command that repeats it. It stands alone (no network, no other file), and is made only of specs,
/// records and what they gave, so that the same records give the same bytes.
struct ReportPage {
  /// One table or figure.
  struct Item {
    let spec: Spec
    let table: Table
    /// The gnuplot picture, if it has one.
    let svg: String?
    let verdicts: [ClaimVerdict]
  }

  let items: [Item]
  let claims: ClaimsPage

  private var papers: [(id: String, name: String)] { Self.papers(of: items) }

  /// Folders of experiments and what they are called, in the papers' order; others after them.
  static func papers(of items: [Item]) -> [(id: String, name: String)] {
    let known = [
      ("xecomla", "X-EcoMLA"), ("zebra", "Zebra-Llama"), ("hylo", "HyLo"), ("farskip", "FarSkip-Collective"),
    ]
    let all = Set(items.map(\.spec.paper))
    return known.filter { all.contains($0.0) } + all.subtracting(known.map(\.0)).sorted().map { ($0, $0) }
  }

  var html: String {
    let run = items.filter { !$0.table.records.isEmpty }.count
    var page = """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <title>Upcycle: every claim, table and figure</title>
      <style>
      \(PageAssets.style)</style>
      </head>
      <body>
      <a class="skip" href="#claims">Skip to the claims</a>
      <header>
      <h1>Upcycle</h1>
      <p>Four papers on turning finished Transformer language models into cheaper ones, reproduced: \(items.count) tables
      and figures, \(run) of them with numbers of ours, \(HTML.escaped(claims.summary)).</p>
      <p class="muted">Made by <code>make report</code> from the committed records. Published and reproduced numbers
      stand side by side and are never mixed.</p>
      </header>
      <nav aria-label="Contents"><ul>
      <li><a href="#claims">Claims</a></li>

      """
    for paper in papers { page += "<li><a href=\"#\(paper.id)\">\(paper.name)</a></li>\n" }
    page += "</ul></nav>\n<main>\n"
    page += claimsSection(papers)
    for paper in papers { page += section(paper.id, paper.name) }
    page += "</main>\n<script>\n\(PageAssets.script)</script>\n</body>\n</html>\n"
    return page
  }

  private func section(_ paper: String, _ name: String) -> String {
    let own = items.filter { $0.spec.paper == paper }
    var text = "<section id=\"\(paper)\" aria-labelledby=\"\(paper)-title\">\n<h2 id=\"\(paper)-title\">\(name)</h2>\n"
    text +=
      "<p class=\"muted\">\(own.filter { !$0.table.records.isEmpty }.count) of \(own.count) have numbers of ours.</p>\n"
    for item in own { text += article(item) }
    return text + "</section>\n"
  }

  /// A table or figure, folded until somebody opens it.
  private func article(_ item: Item) -> String {
    let (spec, table) = (item.spec, item.table)
    let anchor = Self.anchor(spec)
    let title = "\(spec.place): \(spec.title)"
    var text = """
      <details class="item" id="\(anchor)">
      <summary><h3>\(HTML.escaped(title))</h3>
      <span class="chip \(Self.chip(table.coverage))">\(table.coverage.rawValue)</span>
      <span class="muted">\(table.rowsRun) of \(table.rowsToRun) rows\(Self.seeds(table))</span></summary>

      """
    if let svg = item.svg, table.rowsRun > 0 {
      text += "<figure class=\"picture\">\n\(HTML.inlined(svg: svg, id: anchor, title: title))</figure>\n"
    }
    text += tableHTML(table, caption: title)
    if !table.legend.isEmpty {
      text += "<p class=\"muted\">Read: \(HTML.escaped(table.legend.joined(separator: "; "))).</p>\n"
    }
    for written in table.texts {
      text +=
        "<figure><blockquote>\(HTML.escaped(written.text).replacingOccurrences(of: "\n", with: "<br>"))</blockquote>\n"
      text += "<figcaption class=\"muted\">\(HTML.escaped(written.title))</figcaption></figure>\n"
    }
    if !spec.report.notes.isEmpty {
      text += "<ul class=\"notes\">\n" + spec.report.notes.map { "<li>\(HTML.inline($0))</li>\n" }.joined() + "</ul>\n"
    }
    for verdict in item.verdicts {
      text += "<p>\(Self.chip(verdict.answer)) <a href=\"#\(Self.anchor(verdict.claim))\">\(verdict.claim.id)</a> "
      text += "\(HTML.escaped(verdict.claim.statement))</p>\n"
    }
    text += "<p class=\"muted\">Paper: \(HTML.escaped(table.source)). Ours: \(HTML.escaped(table.ours)).</p>\n"
    if spec.pending == nil {
      text += "<p>Repeat: <code>\(HTML.escaped(table.command))</code></p>\n"
    }
    return text + "</details>\n"
  }

  /// Coloured as the answers are.
  private static func chip(_ coverage: Table.Coverage) -> String {
    switch coverage {
    case .complete: "holds"
    case .partial: "undecided"
    case .none: "none"
    }
  }

  private static func seeds(_ table: Table) -> String {
    table.seeds.isEmpty ? "" : ", \(table.seeds.count) \(table.seeds.count == 1 ? "seed" : "seeds")"
  }

  static func anchor(_ spec: Spec) -> String { spec.name.replacingOccurrences(of: "/", with: "-") }
  static func anchor(_ claim: Claim) -> String { "claim-\(claim.id)" }

  static func chip(_ answer: ClaimVerdict.Answer) -> String {
    "<span class=\"chip \(answer.rawValue.replacingOccurrences(of: " ", with: "-"))\">\(answer.rawValue)</span>"
  }
}
