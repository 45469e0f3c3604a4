import ArgumentParser
import Commands
import Foundation
import Groundwork
import LabKit
import Recipes

struct TableCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "table", abstract: "Writes tables (Markdown and CSV) from the committed records.",
    discussion: """
      Example:
        lab table xecomla/table3
        lab table --all
      """)

  @OptionGroup var place: Place
  @Argument(help: "Experiments; a paper's name stands for all of its tables.") var specs: [String] = []
  @Flag(help: "All tables.") var all = false
  @Flag(help: "From this checkout's own records, to runs/figures/.") var own = false

  func run() {
    runReportingErrors {
      let laboratory = try place.laboratory()
      for spec in try chosen(specs, all, in: laboratory) where spec.report.kind == .table || !specs.isEmpty {
        let publication = Publication(laboratory, records: own ? .own : .committed)
        let written = try publication.writeTable(spec)
        noteStale(publication, spec, profile: spec.report.profile)
        noteEmptyColumns(publication, spec)
        try printResult(written.map { path($0, spec, own: own) }.joined(separator: "  "))
      }
    }
  }
}

struct FigureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "figure", abstract: "Draws figures (SVG, and PNG when asked) from the committed records.",
    discussion: """
      Example:
        lab figure xecomla/figure1 --png
        lab figure --all --png
      """)

  @OptionGroup var place: Place
  @Argument(help: "Experiments; a paper's name stands for all of its figures.") var specs: [String] = []
  @Flag(help: "All figures.") var all = false
  @Flag(help: "From this checkout's own records, to runs/figures/.") var own = false
  @Flag(help: "Also write PNG, derived from the SVG.") var png = false

  func run() {
    runReportingErrors {
      let laboratory = try place.laboratory()
      for spec in try chosen(specs, all, in: laboratory) {
        let publication = Publication(laboratory, records: own ? .own : .committed)
        noteStale(publication, spec, profile: spec.report.profile)
        if let figure = try publication.writeFigure(spec, png: png) {
          let written = [figure] + (png ? [figure.deletingPathExtension().appendingPathExtension("png")] : [])
          try printResult(written.map { path($0, spec, own: own) }.joined(separator: "  "))
        } else if !specs.isEmpty {
          printNote("note: \(spec.name) has no picture: there is no figures/\(spec.name).gp")
        }
      }
    }
  }
}

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Answers every claim from our records: holds, fails, undecided, out of reach.",
    discussion: """
      Decided needs at least 3 seeds a cell and a 95 % interval, over seeds and items, on one side of the bound. A \
      failure is a finding, so the exit code is 0 unless --strict is given.

      Example:
        lab check xecomla
        lab check xecomla/table11 --power
        lab check --all
      """)

  @OptionGroup var place: Place
  @Argument(help: "Experiments (default: all).") var specs: [String] = []
  @Flag(help: "All experiments; also writes figures/claims.md.") var all = false
  @Option(help: "The profile whose records answer (default: the one each experiment reports).") var profile: String?
  @Flag(help: "Also print the seeds that the published and the observed effects need, and what each metric can tell.")
  var power = false
  @Flag(help: "Of this checkout's own records.") var own = false
  @Flag(help: "Exit with 1 if a claim fails.") var strict = false
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    if all && (!specs.isEmpty || profile != nil || own) {
      throw ValidationError("--all answers all experiments from the profiles they report: name none beside it")
    }
  }

  func run() {
    runReportingErrors {
      if json { try refuse(["--power": power], "says nothing with --json, which names the seeds without it") }
      let laboratory = try place.laboratory()
      let publication = Publication(laboratory, records: own ? .own : .committed)
      let chosen = try laboratory.specs(specs)
      // Of several experiments some may lack it.
      if let profile, !chosen.contains(where: { (try? $0.profile(profile)) != nil }) {
        _ = try chosen.first?.profile(profile)
      }
      let page = try all ? publication.writeClaims() : publication.claims(chosen, profile: profile)
      if json { try printJSON(page.json) } else { try printText(page) }
      for spec in chosen where !spec.claims.isEmpty {
        noteStale(publication, spec, profile: profile ?? spec.report.profile)
      }
      if power {
        for spec in chosen { try printSignals(try publication.signals(spec, profile: profile), of: spec) }
      }
      let failed = page.entries.filter { $0.verdict.answer == .fails }
      if strict, !failed.isEmpty {
        let names = failed.map { "\($0.verdict.claim.id) (\($0.spec.name))" }
        throw UpcycleError("\(counted(failed.count, "claim")) failed: \(names.joined(separator: ", "))")
      }
    }
  }

  private func printText(_ page: ClaimsPage) throws {
    for entry in page.entries {
      let (claim, verdict) = (entry.verdict.claim, entry.verdict)
      try printResult("\(claim.id)  \(verdict.answer.rawValue)  [\(entry.spec.name)] \(claim.statement)")
      if let gate = claim.gate { try printResult("    gate missed: \(gate)") }
      if !verdict.needs.isEmpty { try printResult("    \(verdict.needsText)") }
      for test in verdict.tests {
        try printResult("    \(test.text)")
        if power, let text = test.powerText { try printResult("      \(text)") }
      }
    }
    try printResult(page.summary)
  }

  /// Spread between cells over the noise between seeds.
  private func printSignals(_ signals: [SignalToNoise], of spec: Spec) throws {
    if signals.isEmpty { return }
    try printResult("\n\(spec.name): spread between cells over the noise between seeds")
    let width = signals.map(\.metric.count).max()!
    for signal in signals {
      let name = signal.metric.leftAligned(width)
      let numbers = String(
        format: "%6.2f = %6.2f / %5.2f", signal.ratio, signal.signal, signal.noise)
      let limited = signal.limited > 0 ? ", \(signal.limited) at floor or ceiling" : ""
      let shared = signal.bartlett < 0.01 ? ", noise not shared (Bartlett)" : ""
      try printResult("  \(name)  \(numbers)  (\(counted(signal.cells, "cell"))\(limited)\(shared))")
    }
  }
}

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Writes figures/index.html: every claim, table and figure on one page.",
    discussion: """
      The page stands alone: open it in a browser, print it, send it. It is made of the committed records and \
      pictures; lab regenerate writes it too.

      Example:
        lab report
      """)

  @OptionGroup var place: Place

  func run() {
    runReportingErrors {
      _ = try Publication(place.laboratory()).writePage()
      try printResult("figures/index.html")
    }
  }
}

struct RegenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "regenerate", abstract: "Rewrites every csv, md and svg under figures/ from the committed records.",
    discussion: """
      With --check nothing is written: everything is regenerated in a temporary folder and compared byte by byte; \
      any difference is listed and the exit code is 1, as it is for a table of exact numbers that was never run.

      Example:
        lab regenerate --check
      """)

  @OptionGroup var place: Place
  @Flag(help: "Compare instead of writing.") var check = false
  @Flag(help: "Also write PNG, derived from the SVG.") var png = false

  func run() {
    runReportingErrors {
      if check { try refuse(["--png": png], "says nothing with --check, which compares what is committed") }
      let publication = Publication(try place.laboratory())
      if !check {
        try printResult("\(try publication.writeEverything(png: png).count) files written under figures/")
        return
      }
      let differences = try publication.differences() + publication.emptyExactTables()
      if differences.isEmpty {
        try printResult("every table and figure is what the records give")
        return
      }
      for line in differences { try printResult("figures/\(line)") }
      throw UpcycleError(
        "\(differences.count) files under figures/ are not what the records give",
        hint: "run lab regenerate, look at the changes and commit them")
    }
  }
}

private func path(_ file: URL, _ spec: Spec, own: Bool) -> String {
  "\(own ? "runs/" : "")figures/\(spec.paper)/\(file.lastPathComponent)"
}

private func chosen(_ names: [String], _ all: Bool, in laboratory: Laboratory) throws -> [Spec] {
  try requireOne(names, all)
  return try laboratory.specs(names)
}

/// Says which records were made with other settings than the experiment has now; nothing where that cannot be told (a checkout
/// without models).
func noteStale(_ publication: Publication, _ spec: Spec, profile: String) {
  let stale = (try? publication.staleRuns(spec, profile: profile, registry: standardStages())) ?? []
  if stale.isEmpty { return }
  let byCell = Dictionary(grouping: stale, by: \.cell).mapValues { Set($0.compactMap(\.seed)).sorted() }
  let bySeeds = Dictionary(grouping: byCell.keys.sorted()) { byCell[$0]! }
  let update = publication.recordSet == .committed ? " --update-records" : ""
  for (seeds, cells) in bySeeds.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
    let list = seeds.isEmpty ? "" : " --seeds \(seeds.map(String.init).joined(separator: ","))"
    let names = cells.map { " --cell \(shellQuoted($0))" }.joined()
    printNote(
      "note: \(spec.name): records of \(counted(cells.count, "cell")) were made with other settings, or by another version; to make "
        + "them anew: lab run \(spec.name) --profile \(profile)\(list)\(names)\(update)")
  }
}

/// Says which columns of a report no record has anything for, though others have: a misspelt metric shows nothing.
func noteEmptyColumns(_ publication: Publication, _ spec: Spec) {
  for name in (try? publication.emptyColumns(spec)) ?? [] {
    printNote("note: \(spec.name): no record has \(name), which its report shows")
  }
}
