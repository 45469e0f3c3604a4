import Groundwork

extension ReportPage {
  /// All claims, the abstracts' first, to be narrowed by paper, answer and words.
  func claimsSection(_ papers: [(id: String, name: String)]) -> String {
    var text = """
      <section id="claims" aria-labelledby="claims-title">
      <h2 id="claims-title">What the papers claim</h2>
      <form class="filters" role="search" aria-label="Filter claims">
      <label>Paper <select name="paper"><option value="">all</option>
      """
    for paper in papers { text += "<option value=\"\(paper.id)\">\(paper.name)</option>" }
    text += "</select></label>\n<label>Answer <select name=\"answer\"><option value=\"\">all</option>"
    for answer in ClaimVerdict.Answer.allCases { text += "<option>\(answer.rawValue)</option>" }
    text += """
      </select></label>
      <label>Words <input name="words" type="search" autocomplete="off"></label>
      <output class="muted" aria-live="polite"></output>
      </form>

      """
    for isHeadline in [true, false] {
      for paper in papers {
        for entry in claims.entries
        where entry.verdict.claim.isHeadline == isHeadline && entry.spec.paper == paper.id { text += article(entry) }
      }
    }
    return text + "</section>\n"
  }

  private func article(_ entry: ClaimsPage.Entry) -> String {
    let (claim, verdict) = (entry.verdict.claim, entry.verdict)
    var text = """
      <article class="claim" id="\(Self.anchor(claim))" data-paper="\(entry.spec.paper)" data-answer="\(verdict.answer.rawValue)">
      <h3>\(claim.id) \(Self.chip(verdict.answer))\(claim.isHeadline ? " <span class=\"muted\">from the abstract</span>" : "")</h3>
      <p>\(HTML.escaped(claim.statement))</p>

      """
    if !claim.evidence.isEmpty { text += "<p class=\"muted\">Paper: \(HTML.escaped(claim.evidence))</p>\n" }
    if let gate = claim.gate { text += "<p>Gate missed: \(HTML.escaped(gate))</p>\n" }
    if !verdict.needs.isEmpty {
      text +=
        "<details><summary>needs \(verdict.needs.count == 1 ? "one thing" : "\(verdict.needs.count) things")</summary><ul>\n"
      text += verdict.needs.map { "<li>\(HTML.escaped($0))</li>\n" }.joined() + "</ul></details>\n"
    }
    if !verdict.tests.isEmpty {
      text += "<ul>\n" + verdict.tests.map { "<li>\(HTML.escaped($0.text))</li>\n" }.joined() + "</ul>\n"
    }
    if let scale = claim.scale { text += "<p class=\"muted\">Micro scale: \(HTML.escaped(scale))</p>\n" }
    return text + "<p><a href=\"#\(Self.anchor(entry.spec))\">\(HTML.escaped(entry.spec.place))</a></p>\n</article>\n"
  }
}
