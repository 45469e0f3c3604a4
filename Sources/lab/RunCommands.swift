import ArgumentParser
import Commands
import Foundation
import Groundwork
import LabKit
import Recipes
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Lists the experiments.",
    discussion: """
      Example:
        lab list
      """)

  @OptionGroup var place: Place
  @Flag(help: "Print JSON.") var json = false

  func run() {
    runReportingErrors {
      let laboratory = try place.laboratory()
      let specs = try laboratory.specs([])
      if json {
        try printJSON(
          .array(
            specs.map {
              .object([
                "name": .string($0.name), "title": .string($0.title), "place": .string($0.place),
                "cells": .int($0.cells.count), "pending": $0.pending.map(JSONValue.string) ?? .null,
              ])
            }))
        return
      }
      let width = specs.map(\.name.count).max() ?? 0
      for spec in specs {
        let name = spec.name.leftAligned(width)
        let state = spec.pending.map { "not run yet: needs \($0)" } ?? counted(spec.cells.count, "cell")
        try printResult("\(name)  \(spec.place): \(spec.title) (\(state))")
      }
    }
  }
}

struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Shows what a run would do: stages, keys, what is done, time to expect.",
    discussion: """
      With --makefile the stages are written as targets of a makefile, for `make -j` or a cluster. With --machine every \
      stage's work, weights and hours there are counted, on paper; with --profile paper of the published models.

      Example:
        lab plan xecomla/table3 --profile micro
        lab plan xecomla/table3 --jobs 2 --makefile sweep.mk
        lab plan xecomla/table3 --profile paper --machine 8x989T,80GB@40%
      """)

  @OptionGroup var place: Place
  @OptionGroup var selection: Selection
  @Flag(help: "Leave out cells recorded with these settings, on any number of threads.") var skipRecorded = false
  @Option(help: ArgumentHelp("Write the stages as a makefile instead.", valueName: "file")) var makefile: String?
  @Option(
    help: ArgumentHelp(
      """
      Count for devices x peak FLOP/s (T or P), memory of each, and what is reached of the peak, such as \
      8x989T,80GB@40%; memory may be left out (default with --profile paper: \(Devices.papers.description)).
      """, valueName: "machine"))
  var machine: String?
  @Flag(help: "Print JSON.") var json = false

  func run() {
    runReportingErrors {
      if makefile != nil {
        try refuse(["--json": json, "--machine": machine != nil], "says nothing with --makefile")
      }
      let given = try machine.map { try Devices($0) }
      let file = try makefile.map { try outputFile($0, "--makefile", replacing: "mk") }
      let laboratory = try place.measuredLaboratory()
      let plans = try selection.plans(in: laboratory, registry: standardStages())
      if let makefile, let file {
        if skipRecorded { throw UpcycleError.usage("a makefile holds every stage", hint: "leave out --skip-recorded") }
        let arguments = try Dictionary(
          uniqueKeysWithValues: plans.map { ($0.spec.name, try selection.arguments(for: $0)) })
        let text = try SweepMakefile(plans, in: laboratory, arguments: arguments).text(program: ownPath())
        try writeFile(text, to: file)
        let stages = Set(plans.flatMap(\.order)).count
        return try printResult("\(makefile): \(stages) stages; make -f \(shellQuoted(makefile)) -j2")
      }
      let devices = given ?? (plans.contains(where: \.profile.hasPublishedSizes) ? Devices.papers : nil)
      var costs: [String: StageCost] = [:]
      if devices != nil { for plan in plans { costs.merge(try PlanCosts(plan).stages) { own, _ in own } } }
      let outline = try Outline(
        plans, in: laboratory, jobs: selection.jobs, trustsRecords: skipRecorded, costs: costs, on: devices)
      if json { try printJSON(outline.json) } else { try printResult(outline.text, terminator: "") }
    }
  }
}

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs experiments: every stage that is not finished, then records the cells.",
    discussion: """
      Ctrl-C stops cleanly; the same command goes on where it stopped. Records, tables and pictures go to runs/, and \
      every number is compared with the committed record.

      Example:
        lab run xecomla/table3 --profile micro --seeds 1,2,3
      """)

  @OptionGroup var place: Place
  @OptionGroup var selection: Selection
  @Flag(
    help: """
      Leave out cells recorded with these settings, on any number of threads; take over such records of other experiments.
      """)
  var skipRecorded = false
  @Flag(help: "Write the records over the committed ones, under experiments/.") var updateRecords = false
  @Flag(help: "Print only errors.") var quiet = false
  @Flag(help: "Run a profile that asks for consent.") var yes = false
  @Option(help: ArgumentHelp("Only this stage, by its key; what comes before it is finished.", valueName: "key"))
  var stage: String?

  func run() {
    runReportingErrors { try runSweep() }
  }

  /// Set for the processes that `--jobs` starts: the id of the one that starts them.
  private static let workerVariable = "UPCYCLE_SWEEP_WORKER"

  /// This command once more, as a worker that says nothing.
  private static func startWorker() throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try ownPath())
    process.arguments = Array(CommandLine.arguments.dropFirst())
    process.environment = ProcessInfo.processInfo.environment.merging([workerVariable: "\(getpid())"]) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    do { try process.run() } catch {
      throw UpcycleError("cannot start another process: \(error.localizedDescription)", at: "--jobs")
    }
    return process
  }

  private func runSweep() throws {
    Interrupt.listen()
    let master = ProcessInfo.processInfo.environment[Self.workerVariable].flatMap { Int32($0) }
    if let master { Interrupt.raise(whenGone: master) }
    let laboratory = try place.measuredLaboratory()
    let plans = try selection.plans(in: laboratory, registry: standardStages())
    if let plan = plans.first(where: { $0.profile.consent != nil }), !yes {
      try printResult(Outline(plans, in: laboratory, jobs: selection.jobs).text, terminator: "")
      throw UpcycleError.usage(plan.profile.consent!, hint: "pass --yes to run it all the same")
    }
    for plan in plans where plan.jobs.isEmpty && !quiet {
      try printResult("\(plan.spec.name): nothing to run\(plan.spec.pending.map { ", needs \($0)" } ?? "")")
    }
    var sweep = Sweep(plans, in: laboratory)
    sweep.trustsRecords = skipRecorded
    sweep.records = updateRecords ? .committed : .own
    sweep.quiet = quiet
    sweep.useThreads = { Threads.set($0) }  // what the key says, whatever the machine has
    sweep.jobs = selection.jobs
    if master != nil { return try sweep.work() }
    if let stage {
      try refuse(["--update-records": updateRecords], "says nothing with --stage, which records no cell")
      return try sweep.run(stage: stage)
    }
    sweep.startWorker = Self.startWorker
    let start = monotonicSeconds()
    let summary = try sweep.run()
    let seconds = monotonicSeconds() - start
    let reported = plans.filter { $0.profile.recorded && !$0.jobs.isEmpty }
    for plan in reported {
      let text = try ClosingCard(plan, of: summary, records: sweep.records, in: laboratory, seconds: seconds)
        .text(isBrief: reported.count > 3)
      if !quiet { try printResult(text) }
      if !quiet {
        let publication = Publication(laboratory, records: sweep.records)
        noteStale(publication, plan.spec, profile: plan.profile.name)
        noteEmptyColumns(publication, plan.spec)
      }
    }
    if quiet { return }
    if !reported.isEmpty { try printResult("") }
    for (needs, cells) in Dictionary(grouping: summary.leftOut, by: \.needs).sorted(by: { $0.key < $1.key }) {
      try printResult("left out, needs \(needs): \(cells.map(\.cell).joined(separator: ", "))")
    }
    var parts = ["\(counted(summary.stagesRun, "stage")) run, \(summary.stagesFound) found finished"]
    for (count, what) in [
      (summary.added.count, "\(counted(summary.added.count, "record")) added"),
      (summary.unchanged.count, "\(summary.unchanged.count) confirmed"),
      (summary.replaced.count, "\(summary.replaced.count) replaced"),
      (summary.adopted.count, "\(summary.adopted.count) taken over from other experiments"),
      (summary.skipped.count, "\(counted(summary.skipped.count, "cell")) skipped"),
    ] where count > 0 { parts.append(what) }
    try printResult("\(parts.joined(separator: ", ")) in \(formatDuration(seconds))")
  }
}

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Shows per experiment how many runs are recorded, stale or missing.",
    discussion: """
      Example:
        lab status xecomla --profile micro
      """)

  @OptionGroup var place: Place
  @OptionGroup var selection: Selection
  @Flag(help: "Your own records, under runs/, instead of the committed ones.") var own = false
  @Flag(help: "Print JSON.") var json = false

  func run() {
    runReportingErrors {
      let laboratory = try place.laboratory()
      var selection = selection
      if selection.specs.isEmpty { selection.all = true }
      let plans = try selection.plans(in: laboratory, registry: standardStages())
      let states = try plans.map { try RunState($0, in: laboratory, records: own ? .own : .committed) }
      if json {
        try printJSON(.array(states.map(\.json)))
        return
      }
      let width = states.map(\.spec.name.count).max() ?? 0
      for state in states {
        try printResult("\(state.spec.name.leftAligned(width))  \(state.text)")
      }
    }
  }
}

/// Where this program lies.
private func ownPath() throws -> String {
  var path = [CChar](repeating: 0, count: Int(PATH_MAX))
  let length = readlink("/proc/self/exe", &path, path.count - 1)
  if length <= 0 { throw UpcycleError("cannot be read: \(String(cString: strerror(errno)))", at: "/proc/self/exe") }
  return String(decoding: path[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
}

struct StagesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stages", abstract: "Lists the stages that pipelines are made of.",
    discussion: """
      Of each what it may build on ("from") and its parameters ("with"); their meaning stands in Sources/Recipes/Stages.

      Example:
        lab stages
        lab stages distill
      """)

  @Argument(help: "Only these stages.") var names: [String] = []
  @Flag(help: "Print JSON.") var json = false

  func run() {
    runReportingErrors {
      let registry = standardStages()
      let stages = try (names.isEmpty ? registry.names : names).map(registry.stage)
      if json {
        return try printJSON(
          .array(
            stages.map {
              .object([
                "name": .string($0.name), "version": .int($0.version), "from": .array($0.parents.map(JSONValue.string)),
                "with": .array($0.parameters(Set($0.parents)).sorted().map(JSONValue.string)),
                "seeded": .bool($0.seeded), "timed": .bool($0.isTimed),
              ])
            }))
      }
      for stage in stages {
        let seed = stage.seeded ? "" : "  (the same for all seeds)"
        try printResult("\(stage.name)\(stage.isTimed ? "  (measures time)" : seed)")
        let roles = stage.parents.map { stage.required.contains($0) ? $0 : "\($0)?" }
        if !roles.isEmpty { try printResult("  from  \(roles.joined(separator: ", "))") }
        let parameters = stage.parameters(Set(stage.parents)).sorted()
        if !parameters.isEmpty { try printResult("  with  \(parameters.joined(separator: ", "))") }
      }
    }
  }
}
