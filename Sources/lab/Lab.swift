import ArgumentParser
import Commands
import Foundation
import Groundwork
import LabKit
import TensorCore

@main
struct Lab: ParsableCommand {
  static func main() {
    restartWithFittingKernels()
    runAsMain()
  }

  static let configuration = CommandConfiguration(
    abstract: "Runs experiments, and turns their records into tables and figures.",
    discussion: """
      An experiment is a file under experiments/PAPER/. It names what to run, what was published and what the paper \
      claims. Finished stages are never redone; Ctrl-C stops cleanly and the same command goes on.

      Example:
        lab plan xecomla/table3 && lab run xecomla/table3 \\
          && lab table xecomla/table3
      """,
    version: upcycleVersion,
    subcommands: [
      ListCommand.self, PlanCommand.self, RunCommand.self, WatchCommand.self, StatusCommand.self, StagesCommand.self,
      TableCommand.self,
      FigureCommand.self, CheckCommand.self, ReportCommand.self, RegenerateCommand.self,
    ])
}

/// Which checkout a command works on.
struct Place: ParsableArguments {
  @Option(help: ArgumentHelp("The repository (default: the one around the current folder).", valueName: "dir"))
  var root: String?

  /// The checkout, also for stages, which find teachers and texts by UPCYCLE_ROOT.
  func laboratory() throws -> Laboratory {
    let laboratory = try named()
    setenv("UPCYCLE_ROOT", laboratory.root.standardizedFileURL.path, 1)
    return laboratory
  }

  /// The same for commands that say how long something takes.
  func measuredLaboratory() throws -> Laboratory {
    var laboratory = try laboratory()
    laboratory.gflops = productSpeed()
    return laboratory
  }

  private func named() throws -> Laboratory {
    if let root {
      let folder = URL(fileURLWithPath: root)
      guard FileManager.default.fileExists(atPath: folder.appendingPathComponent("experiments").path) else {
        throw UpcycleError.usage("holds no experiments folder", at: root)
      }
      return Laboratory(root: folder)
    }
    return try Laboratory.containing(URL(fileURLWithPath: FileManager.default.currentDirectoryPath))
  }
}

/// Which experiments, at which size.
struct Selection: ParsableArguments {
  @Argument(help: "Experiments such as xecomla/table3; a paper's name stands for all of its experiments.")
  var specs: [String] = []

  @Flag(help: "All experiments.")
  var all = false

  @Option(help: "smoke, micro, full or paper (default: the one the experiment reports).")
  var profile: String?

  @Option(help: ArgumentHelp("Seeds instead of the profile's, such as 1,2,3.", valueName: "list"))
  var seeds: String?

  @Option(name: .customLong("cell"), help: ArgumentHelp("Only this cell (repeatable).", valueName: "id"))
  var cells: [String] = []

  @Option(
    help: ArgumentHelp(
      "Threads of a stage, part of a result's identity "
        + "(default: 2; 1 where --jobs is above 1, but 2 where time is measured)."))
  var threads: Int?

  @Option(help: "Cells at a time, each in a process of its own.")
  var jobs = 1

  /// What runs one of the plans, in words of a shell. Whoever runs the makefile that it is written to has consented.
  func arguments(for plan: Plan) throws -> String {
    let threads = plan.nodes.values.first?.threads ?? Plan.defaultThreads
    var words = [plan.spec.name, "--profile", plan.profile.name, "--threads", "\(threads)"]
    if let seeds = try seedList() { words += ["--seeds", seeds.map(String.init).joined(separator: ",")] }
    for cell in cells { words += ["--cell", cell] }
    if plan.profile.consent != nil { words.append("--yes") }
    return words.map(shellQuoted).joined(separator: " ")
  }

  private func seedList() throws -> [Int]? {
    try seeds.map { text in
      try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
        guard let seed = Int(part.trimmingCharacters(in: .whitespaces)), seed >= 0 else {
          throw UpcycleError.usage("--seeds is not a list of numbers", expected: "such as 1,2,3", found: text)
        }
        return seed
      }
    }
  }

  /// - Parameter telling: which experiments are left out
  func plans(in laboratory: Laboratory, registry: StageRegistry, telling: Bool = true) throws -> [Plan] {
    try requireOne(specs, all)
    for (flag, value) in [("--threads", threads ?? 1), ("--jobs", jobs)] where !(1...256).contains(value) {
      throw UpcycleError.usage("\(flag) is out of range", expected: "1 to 256", found: "\(value)")
    }
    let seeds = try seedList()
    let chosen = try laboratory.specs(specs)
    let able = chosen.filter { spec in profile.map { spec.profiles[$0] != nil } ?? true }
    // Of a paper's experiments some have no such profile.
    let lacking = able.isEmpty ? [] : chosen.filter { spec in !able.contains { $0.name == spec.name } }
    if telling, !lacking.isEmpty {
      printNote("note: left out, without a profile \(profile ?? ""): \(lacking.map(\.name).joined(separator: ", "))")
    }
    return try (able.isEmpty ? chosen : able).map { spec in
      func plan(threads: Int) throws -> Plan {
        try Plan(
          spec, profile: profile ?? spec.report.profile, seeds: seeds, cells: cells.isEmpty ? nil : cells,
          threads: threads, registry: registry)
      }
      if let threads { return try plan(threads: threads) }
      let usual = try plan(threads: Plan.defaultThreads)
      return jobs == 1 || usual.measuresTime ? usual : try plan(threads: 1)
    }
  }
}

/// Experiments are named, or all are meant.
func requireOne(_ names: [String], _ all: Bool) throws {
  if names.isEmpty && !all {
    throw UpcycleError.usage("no experiment is named", hint: "name one, or pass --all; lab list shows them")
  }
  if !names.isEmpty && all {
    throw UpcycleError.usage("stands for every experiment: name none beside it", at: "--all", found: names[0])
  }
}

func printJSON(_ value: JSONValue) throws { try printResult(value.text(pretty: true)) }
