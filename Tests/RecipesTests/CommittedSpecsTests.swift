import Foundation
import Groundwork
import Recipes
import TestKit
import XCTest

@testable import LabKit

/// The experiment files of this repository, planned with the real stages and rehearsed with made-up numbers.
final class CommittedSpecsTests: XCTestCase {
  private var root: URL { repositoryRoot() }

  override func setUp() { Interrupt.clear() }

  /// Specs that between them use every layout, kind and pipeline.
  private let items = [
    "common", "long", "table2", "table3", "table10", "table11", "figure2", "figure3", "initialisers", "kv", "sizes",
    "simulated", "golden", "rivals", "measured", "figure11",
  ]

  /// A copy of some experiments without records, and of their figure scripts.
  private func copy() throws -> Laboratory {
    let target = try memoryFolder()
    for (folder, endings) in [("experiments", ["json5", "csv"]), ("figures", ["gp"])] {
      let source = root.appendingPathComponent(folder)
      let names = FileManager.default.enumerator(atPath: source.path)?.compactMap { $0 as? String } ?? []
      for name in names where endings.contains((name as NSString).pathExtension) {
        let item = ((name as NSString).lastPathComponent as NSString).deletingPathExtension
        guard items.contains(item) || name.contains("published") || item == "style" || item == "timeline" else {
          continue
        }
        try writeFile(
          readFile(source.appendingPathComponent(name)), to: target.appendingPathComponent("\(folder)/\(name)"))
      }
    }
    return Laboratory(root: target)
  }

  /// The real stages with everything that decides a plan, except that running one makes up the metrics and curves
  /// that `specs` show, or claim something about, under its name.
  private func rehearsal(of specs: [Spec]) throws -> StageRegistry {
    var metrics: [String: Set<String>] = [:]
    var curves: [String: Set<String>] = [:]
    var events: Set<String> = []
    for spec in specs {
      // A name may stand for another stage in each pipeline.
      let stages = Dictionary(grouping: spec.pipelines.values.joined(), by: \.alias)
      func note(_ names: [String], in found: inout [String: Set<String>]) {
        for name in names {
          let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
          for use in stages[parts[0]] ?? [] { found[use.stage, default: []].insert(parts[1]) }
        }
      }
      let terms = spec.claims.flatMap(\.tests).flatMap(\.terms.values)
      note(spec.report.columns.compactMap(\.metric) + terms.map(\.metric), in: &metrics)
      note(spec.report.columns.compactMap(\.reach) + [spec.report.series].compactMap { $0 }, in: &curves)
      if let series = spec.report.series, !spec.report.fields.isEmpty { events.insert(series) }
    }
    // Points that are no curve: of run, layer, operation and time, say.
    let points = [[1.0, 1, 1, 1, 0, 2], [1, 1, 4, 2, 2, 5.25], [1, 1, 4, 3, 2, 5.25], [2, 2, 1, 1, 0.5, 2]]
    let eventNames = Set(events.map { String($0.drop { $0 != "." }.dropFirst()) })
    var registry = StageRegistry()
    for name in standardStages().names {
      let real = try standardStages().stage(name, for: specs[0])
      let (metrics, curves) = (metrics[name, default: []].sorted(), curves[name, default: []].sorted())
      // Within the axes that figures set: scores and percentages are tens, the rest are a few.
      let isPercentage = ["evaluate", "ruler", "needles", "prefer", "info"].contains(name)
      @Sendable func value(_ metric: String, _ config: JSONValue, _ random: inout RandomStream) -> Double {
        // Whether a layer is chosen: both occur. What is also a parameter has its value.
        if metric == "chosen" { return (config["layer"]?.int ?? 0) > 7 ? 1 : 0 }
        return config[metric]?.double ?? (isPercentage ? 40 : 1) + random.nextUniform()
      }
      registry.register(
        Stage(
          name: name, version: real.version, parents: real.parents.map { real.required.contains($0) ? $0 : "\($0)?" },
          names: real.parameters, check: real.check,
          seeded: real.seeded, inputs: real.inputs
        ) { context in
          var random = RandomStream(
            seed: UInt64(context.seed), name + context.parents.values.map(\.key).sorted().joined())
          let tokens = context.config["tokens"]?.int ?? 0
          let slow = 2 + 3 * random.nextUniform()
          let curve = (0...20).map { step -> [Double] in
            let x = Double(max(tokens, 20)) * Double(step) / 20
            return [x, 0.3 + slow / (1 + x / 60000)]
          }
          return StageResult(
            metrics: Dictionary(
              uniqueKeysWithValues: metrics.map { ($0, Metric(value($0, context.config, &random), stderr: 1)) }),
            series: Dictionary(uniqueKeysWithValues: curves.map { ($0, eventNames.contains($0) ? points : curve) }),
            tokens: tokens)
        })
    }
    return registry
  }

  func testEverySpecDecodesAndPlansInEveryProfile() throws {
    let laboratory = Laboratory(root: root)
    let specs = try laboratory.specs([])
    XCTAssertGreaterThanOrEqual(specs.count, 56)
    let registry = standardStages()
    for spec in specs {
      for profile in spec.profiles.keys.sorted() {
        let plan = try Plan(spec, profile: profile, threads: 2, registry: registry)
        if spec.pending == nil { XCTAssertFalse(plan.jobs.isEmpty, spec.name) }
      }
    }
    let claims = specs.flatMap(\.claims).map(\.id)
    // The papers' claims; a part that needs other systems has a letter after the number.
    let numbers = Set(claims.map { $0.last!.isLetter ? String($0.dropLast()) : $0 })
    let papers = [("X-C", 16), ("Z-Z", 14), ("H-C", 16), ("F-C", 8), ("X-A", 1), ("Z-A", 4), ("H-A", 4), ("F-A", 2)]
    let known = Set(papers.flatMap { name, count in (1...count).map { "\(name)\($0)" } })
    XCTAssertEqual(known.subtracting(["H-C5"]).subtracting(numbers), [], "H-C5 was never asserted")
    // X-W4 asks X-C4's sentence again, of a second world.
    let second = Set([1, 2, 3, 4, 6, 9, 11].map { "X-W\($0)" })
    let ours: Set = ["Z-R1", "Z-R2", "Z-R3", "Z-R4", "Z-R5"]
    XCTAssertEqual(numbers.subtracting(known), second.union(ours))
    XCTAssertEqual(
      specs.flatMap(\.claims).filter(\.isHeadline).map(\.id).filter { !$0.contains("-A") }, ["H-C13", "H-C13b"],
      "sentences of the abstracts")
    XCTAssertEqual(claims.count, Set(claims).count, "every claim stands in one spec")
  }

  /// A row of a published table that is named otherwise is a cell that has not run, and its record nobody's.
  func testEveryCommittedRecordIsOfACell() throws {
    let laboratory = Laboratory(root: root)
    var records = 0
    for spec in try laboratory.specs([]) {
      let cells = Set(spec.cells.map(\.id))
      for profile in spec.profiles.keys.sorted() {
        let found = try laboratory.records(of: spec.name, inProfile: profile)
        XCTAssertEqual(found.map(\.cell).filter { !cells.contains($0) }, [], "\(spec.name), \(profile)")
        records += found.count
      }
    }
    XCTAssertGreaterThan(records, 1000)
  }

  /// What a number was fitted on proves nothing of it.
  func testFarSkipsPredictionsAreTestedOnRowsThatNoFitUsed() throws {
    let spec = try Laboratory(root: root).spec("farskip/predictions")
    let fitted = Set(spec.cells.filter { ($0.values["fits"] ?? .null) != .null }.map(\.id))
    XCTAssertEqual(fitted, ["V2-Lite training EP8", "V3-L6 training EP8", "V2 prefill 2048", "V3 prefill 2048"])
    for id in ["F-A2", "F-C2", "F-C3"] {
      let claim = try XCTUnwrap(spec.claims.first { $0.id == id })
      let used = Set(claim.tests.flatMap(\.terms.values).flatMap(\.cells))
      XCTAssertEqual(used.intersection(fitted), [], id)
      XCTAssertFalse(used.isEmpty)
    }
  }

  /// Columns of the published files that no printed table has: means worked out anew, remarks.
  private let added: Set = ["avg_recomputed", "avg_of_7", "backbone", "note"]

  /// Tables of our own beside the paper's show other columns of the same rows.
  func testEveryPublishedRowAndColumnStandsInItsTable() throws {
    var tables = 0
    for spec in try Laboratory(root: root).specs([]) {
      guard let published = spec.published, !spec.place.hasPrefix("beyond the paper") else { continue }
      tables += 1
      XCTAssertEqual(spec.cells.compactMap(\.row), Array(published.rows.indices), spec.name)
      let shown = Set(spec.report.columns.compactMap(\.published))
      let absent = Set(published.columns).subtracting(shown).subtracting(added)
      XCTAssertEqual(absent, [], spec.name)
    }
    XCTAssertGreaterThan(tables, 20)
  }

  func testARehearsalRunsOneCellEachAndEveryFileRegeneratesToTheByte() throws {
    let laboratory = try copy()
    defer { try? FileManager.default.removeItem(at: laboratory.root) }
    let specs = try laboratory.specs([])
    let registry = try rehearsal(of: specs)
    let plans = try specs.map { try Plan($0, profile: "smoke", threads: 2, registry: registry) }
    var smoke = Sweep(plans, in: laboratory)
    smoke.quiet = true
    let running = plans.count { !$0.jobs.isEmpty }
    XCTAssertGreaterThan(running, 8)
    XCTAssertEqual(try smoke.run().added.count, running, "one cell of every spec that runs")

    let empty = try Publication(laboratory).writeEverything()
    XCTAssertTrue(empty.contains("xecomla/table3.svg"))
    XCTAssertEqual(try Publication(laboratory).differences(), [])

    var sweep = Sweep(
      try specs.map { try Plan($0, profile: $0.report.profile, seeds: [1, 2, 3], threads: 2, registry: registry) },
      in: laboratory)
    sweep.quiet = true
    sweep.records = .committed
    try sweep.run()
    XCTAssertFalse(try Publication(laboratory).differences().isEmpty, "new records change the tables")
    try Publication(laboratory).writeEverything()
    let list = try String(contentsOf: laboratory.figures.appendingPathComponent("README.md"), encoding: .utf8)
    for spec in specs {
      // Of the records' profile and seeds, where these are others than the command would take.
      XCTAssertTrue(list.contains("`make reproduce PAPER=\(spec.paper) ITEM=\(spec.item)"), spec.name)
    }
    XCTAssertTrue(list.contains("[X-EcoMLA Table 3](xecomla/table3.md): 8B models"), list)
    XCTAssertTrue(
      list.contains("| complete | 4 of 4 | 3 | < 1 | `make reproduce PAPER=xecomla ITEM=table3 SEEDS=1,2,3` |"), list)
    try writeFile("stray", to: laboratory.figures.appendingPathComponent("xecomla/table99.md"))
    XCTAssertEqual(try Publication(laboratory).differences(), ["xecomla/table99.md: nothing generates it"])
  }
}
