import ArgumentParser
import Foundation
import Groundwork
import LabKit

struct TableCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "table", abstract: "Writes tables (Markdown and CSV) from the committed records.",
    discussion: "Example: lab table xecomla/table3, or lab table --all")

  @OptionGroup var place: Place
  @Argument(help: "Experiments; a paper's name stands for all of its tables.") var specs: [String] = []
  @Flag(help: "All tables.") var all = false

  func run() {
    runReportingErrors {
      let laboratory = try place.laboratory()
      for spec in try chosen(specs, all, in: laboratory) where spec.report.kind == .table || !specs.isEmpty {
        let written = try Publication(laboratory).writeTable(spec)
        print(written.map { "figures/\(spec.paper)/\($0.lastPathComponent)" }.joined(separator: "  "))
      }
    }
  }
}

struct FigureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "figure", abstract: "Draws figures (SVG, and PNG when asked) from the committed records.",
    discussion: "Example: lab figure xecomla/figure1 --png, or lab figure --all --png")

  @OptionGroup var place: Place
  @Argument(help: "Experiments; a paper's name stands for all of its figures.") var specs: [String] = []
  @Flag(help: "All figures.") var all = false
  @Flag(help: "Also write PNG, derived from the SVG.") var png = false

  func run() {
    runReportingErrors {
      let laboratory = try place.laboratory()
      for spec in try chosen(specs, all, in: laboratory) {
        if let figure = try Publication(laboratory).writeFigure(spec, png: png) {
          print("figures/\(spec.paper)/\(figure.lastPathComponent)")
        }
      }
    }
  }
}

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Says of every claim whether our records decide it: holds, fails, undecided.",
    discussion: """
      Decided needs at least 3 seeds and a 95 % interval on one side of the bound. A failure is a finding, so the
      exit code is 0 unless --strict is given.
      Example: lab check xecomla
      """)

  @OptionGroup var place: Place
  @Argument(help: "Experiments (default: all).") var specs: [String] = []
  @Option(help: "The profile whose records answer (default: the one each experiment reports).") var profile: String?
  @Flag(help: "Exit with 1 if a claim fails.") var strict = false
  @Flag(help: "Print JSON.") var json = false

  func run() {
    runReportingErrors {
      let laboratory = try place.laboratory()
      var lines: [(spec: Spec, verdict: ClaimVerdict)] = []
      for spec in try laboratory.specs(specs) {
        lines += try Publication(laboratory).verdicts(spec, profile: profile).map { (spec, $0) }
      }
      lines.sort { $0.verdict.claim.id.compare($1.verdict.claim.id, options: .numeric) == .orderedAscending }
      if json {
        printJSON(
          .array(
            lines.map { spec, verdict in
              .object([
                "claim": .string(verdict.claim.id), "spec": .string(spec.name),
                "answer": .string(verdict.answer.rawValue), "statement": .string(verdict.claim.statement),
                "explanation": .array(verdict.lines.map { .string($0) }),
              ])
            }))
      } else {
        for (spec, verdict) in lines {
          print("\(verdict.claim.id)  \(verdict.answer.rawValue)  [\(spec.name)] \(verdict.claim.statement)")
          for line in verdict.lines { print("    \(line)") }
        }
        let count = { (answer: ClaimVerdict.Answer) in lines.filter { $0.verdict.answer == answer }.count }
        print("\(count(.holds)) hold, \(count(.fails)) fail, \(count(.undecided)) undecided")
      }
      if strict, let failed = lines.first(where: { $0.verdict.answer == .fails }) {
        throw UpcycleError("a claim fails: \(failed.verdict.claim.id)", at: failed.spec.name)
      }
    }
  }
}

struct RegenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "regenerate", abstract: "Rewrites every csv, md and svg under figures/ from the committed records.",
    discussion: """
      With --check nothing is written: everything is regenerated in a temporary folder and compared byte by byte;
      any difference is listed and the exit code is 1, as it is for a table of exact numbers that was never run.
      Example: lab regenerate --check
      """)

  @OptionGroup var place: Place
  @Flag(help: "Compare instead of writing.") var check = false
  @Flag(help: "Also write PNG, derived from the SVG.") var png = false

  func run() {
    runReportingErrors {
      let publication = Publication(try place.laboratory())
      if !check {
        print("\(try publication.writeEverything(png: png).count) files written under figures/")
        return
      }
      let differences = try publication.differences() + publication.emptyExactTables()
      if differences.isEmpty {
        print("every table and figure is what the records give")
        return
      }
      for line in differences { print("figures/\(line)") }
      throw UpcycleError(
        "\(differences.count) files under figures/ are not what the records give",
        hint: "run lab regenerate, look at the changes and commit them")
    }
  }
}

private func chosen(_ names: [String], _ all: Bool, in laboratory: Laboratory) throws -> [Spec] {
  if names.isEmpty && !all {
    throw UpcycleError.usage("no experiment is named", hint: "name one, or pass --all; lab list shows them")
  }
  return try laboratory.specs(names)
}
