import Foundation
import Groundwork

/// The end of a run, for people: the table, the answers, how both stand to what is committed, where everything lies and
/// what to do next.
public struct ClosingCard {
  private let plan: Plan
  private let publication: Publication
  private let summary: Sweep.Summary
  private let seconds: Double

  /// - Parameters:
  ///   - records: where the run's records went
  ///   - seconds: that the run took
  public init(
    _ plan: Plan, of summary: Sweep.Summary, records: Laboratory.RecordSet, in laboratory: Laboratory, seconds: Double
  ) {
    self.plan = plan
    publication = Publication(laboratory, records: records)
    self.summary = summary
    self.seconds = seconds
  }

  private var spec: Spec { plan.spec }
  private var isOwn: Bool { publication.recordSet == .own }

  /// Writes table and picture of own records; committed ones are published by `lab regenerate`.
  /// - Returns: the paths below the checkout, and what could not be drawn
  private func publish() throws -> (paths: [(what: String, path: String)], missing: [String]) {
    if !isOwn { return ([], []) }
    func path(_ url: URL) -> String {
      let root = publication.laboratory.root.standardizedFileURL.path + "/"
      let file = url.standardizedFileURL.path
      return file.hasPrefix(root) ? String(file.dropFirst(root.count)) : file
    }
    let written = try publication.writeTable(spec, profile: plan.profile.name)
    var paths = written.last.map { [("Table", path($0))] } ?? []
    var missing: [String] = []
    do {
      if let svg = try publication.writeFigure(spec, profile: plan.profile.name, png: true) {
        paths.append(("Picture", path(svg.deletingPathExtension().appendingPathExtension("png"))))
      }
    } catch let error as UpcycleError { missing.append("no picture: \(error)") }
    return (paths, missing)
  }

  /// - Parameter isBrief: without the table and the answers, where many experiments end together
  public func text(isBrief: Bool) throws -> String {
    let table = try publication.table(spec, profile: plan.profile.name)
    let verdicts = try publication.verdicts(spec, profile: plan.profile.name)
    let (paths, missing) = try publish()
    var lines = ["", "\(spec.name)  \(spec.place): \(spec.title)"]
    if !isBrief {
      if spec.report.kind == .table { lines += ["", table.text] }
      if !verdicts.isEmpty { lines += [""] + verdicts.flatMap(Self.lines) }
      lines.append("")
    }
    let cells = summary.agreements[spec.name] ?? []
    lines += Self.labelled("Record", cells.isEmpty ? ["nothing was run"] : Agreement.text(of: cells))
    lines += paths.flatMap { Self.labelled($0.what, [$0.path]) }
    lines += Self.labelled("Time", ["\(formatDuration(seconds)), profile \(plan.profile.name), \(seeds(table))"])
    lines += Self.labelled("Note", missing)
    if !isBrief { lines += Self.labelled("Next", next(verdicts, table)) }
    return lines.joined(separator: "\n")
  }

  /// "X-C3 undecided: …" and, indented, why.
  private static func lines(_ verdict: ClaimVerdict) -> [String] {
    ["\(verdict.claim.id) \(verdict.answer.rawValue): \(verdict.claim.statement)"] + verdict.lines.map { "  \($0)" }
  }

  /// The label beside the first line, the others below it.
  private static func labelled(_ label: String, _ lines: [String]) -> [String] {
    lines.enumerated().map { index, line in
      (index == 0 ? label : "").leftAligned(9) + line
    }
  }

  private func seeds(_ table: Table) -> String {
    switch table.seeds.count {
    case 0: "no seeds"
    case 1: "seed \(table.seeds[0])"
    default: "seeds \(table.seeds.map(String.init).joined(separator: ", "))"
    }
  }

  private func next(_ verdicts: [ClaimVerdict], _ table: Table) -> [String] {
    if !isOwn { return ["make figures, look at git diff and commit"] }
    var lines: [String] = []
    let isUndecided = verdicts.contains { $0.answer == .undecided }
    if isUndecided, !table.seeds.isEmpty, table.seeds.count < 3 {
      lines.append("lab run \(spec.name) --profile \(plan.profile.name) --seeds 1,2,3   three seeds can decide claims")
    }
    if !verdicts.isEmpty { lines.append("lab check \(spec.name)   what the committed records decide") }
    lines.append("make report   every table and figure on one page, figures/index.html")
    return lines
  }
}
