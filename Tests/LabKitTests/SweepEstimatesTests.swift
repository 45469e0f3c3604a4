import Foundation
import Groundwork
import TestKit
import XCTest

@testable import LabKit

/// How long a sweep is foretold to take.
final class SweepEstimatesTests: XCTestCase {
  /// One short stage that waited does not make hours of minutes; a long one does, and is forgotten.
  func testCrowdingIsThatOfTheLastMinutes() {
    var crowding = Crowding()
    XCTAssertEqual(crowding.factor, 1)
    crowding.add(3, work: 0.5)
    XCTAssertLessThan(crowding.factor, 1.1)
    crowding.add(600, work: 200)
    XCTAssertEqual(crowding.factor, 2.8, accuracy: 0.2)
    for _ in 0..<10 { crowding.add(200, work: 200) }
    XCTAssertLessThan(crowding.factor, 1.1)
  }

  /// On a fresh clone the committed records tell how long a run takes.
  func testCommittedRecordsTellTheTime() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan(seeds: [1])
    XCTAssertTrue(try lab.sweep(plan).estimates().values.allSatisfy { $0 == nil }, "nothing tells")
    try lab.sweep(plan).run()
    let file = RecordFile(url: lab.laboratory.recordFile(plan.spec, plan.profile))
    for var record in try file.read() {
      (record.seconds, record.tokens, record.stages) = (record.cell == "base" ? 4 : 60, record.tokens + 1, nil)
      _ = try file.put(record)
    }
    try FileManager.default.removeItem(at: lab.laboratory.cache)
    let estimates = try lab.sweep(plan).estimates()
    func seconds(_ job: Int, _ alias: String) throws -> Double? {
      try XCTUnwrap(estimates[plan.jobs[job].steps.first { $0.alias == alias }!.key])
    }
    XCTAssertEqual(try seconds(0, "score"), 2)
    XCTAssertEqual(try seconds(1, "train"), 20)
    XCTAssertEqual(try seconds(0, "make"), 2, "both cells share it")
  }

  /// Records that say what each stage took are scaled by the machines' speed, and by what finished stages took here.
  func testRecordedStagesAreScaledToThisMachine() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan(seeds: [1])
    try lab.sweep(plan).run()
    let file = RecordFile(url: lab.laboratory.recordFile(plan.spec, plan.profile))
    for var record in try file.read() {
      record.stages = record.stages!.mapValues { Record.Cost(seconds: 50, tokens: $0.tokens) }
      record.stages!["train"]?.seconds = 200
      (record.host.cpu, record.host.gflops) = ("another", 100)
      record.tokens += 1
      _ = try file.put(record)
    }
    func seconds(_ alias: String, gflops: Double?) throws -> Double? {
      var laboratory = lab.laboratory
      laboratory.gflops = gflops
      let estimates = try Sweep([plan], in: laboratory).estimates()
      return try XCTUnwrap(estimates[plan.jobs[1].steps.first { $0.alias == alias }!.key])
    }
    let cache = StageCache(folder: lab.laboratory.cache)
    let make = plan.jobs[1].steps.first { $0.alias == "make" }!.key
    var entry = try XCTUnwrap(cache.entry(make))
    try FileManager.default.removeItem(at: lab.laboratory.cache)
    XCTAssertEqual(try seconds("train", gflops: 50), 400, "half as fast")
    XCTAssertEqual(try seconds("train", gflops: nil), 200, "of unknown speed")
    XCTAssertEqual(try seconds("train", gflops: 0), 200, "too slow to be told")
    entry.seconds = 150
    try makeDirectory(cache.output(make))
    try cache.finish(make, entry)
    XCTAssertEqual(try seconds("train", gflops: 50), 600, "and what is finished took half as long again as foretold")
  }

  /// One name may stand for several generations of processors (a virtual machine's "AMD EPYC"); what is less than twice as
  /// fast may be the same one at another moment.
  func testProcessorsOfOneNameAreToldApartByTheirSpeed() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan(seeds: [1])
    try lab.sweep(plan).run()
    let file = RecordFile(url: lab.laboratory.recordFile(plan.spec, plan.profile))
    for var record in try file.read() {
      record.stages!["train"]?.seconds = 200
      (record.host.cpu, record.host.gflops) = (processorName(), 100)
      record.tokens += 1
      _ = try file.put(record)
    }
    try FileManager.default.removeItem(at: lab.laboratory.cache)
    let train = plan.jobs[1].steps.first { $0.alias == "train" }!.key
    for (gflops, seconds) in [(60.0, 200.0), (190, 200), (400, 50), (25, 800)] {
      var laboratory = lab.laboratory
      laboratory.gflops = gflops
      XCTAssertEqual(try XCTUnwrap(Sweep([plan], in: laboratory).estimates()[train]), seconds, "\(gflops)")
    }
  }

  /// A record from before processors were named with family and model counts where its machine was about as fast.
  func testAnOlderRecordsProcessorIsAnyOfItsName() {
    let here = "AMD EPYC (family 25, model 17)"
    XCTAssertTrue(Sweep.isAlike(here, here, timesAsFast: 0.6))
    XCTAssertTrue(Sweep.isAlike("AMD EPYC", here, timesAsFast: 0.9))
    XCTAssertTrue(Sweep.isAlike("AMD EPYC", here, timesAsFast: nil))
    XCTAssertFalse(Sweep.isAlike("AMD EPYC", here, timesAsFast: 0.6))
    XCTAssertFalse(Sweep.isAlike("AMD EPYC (family 25, model 1)", here, timesAsFast: 1))
    XCTAssertFalse(Sweep.isAlike("AMD", here, timesAsFast: 1))
  }

  /// Of a cell's records the nearest tell: of this processor before those of another whose speed nobody measured, and scaled
  /// to the threads of the plan.
  func testTheNearestRecordsTellTheTime() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan(seeds: [1, 2, 3])
    try lab.sweep(plan).run()
    let file = RecordFile(url: lab.laboratory.recordFile(plan.spec, plan.profile))
    let records = try file.read()
    for var record in records where record.seed != nil {
      record.tokens += 1
      switch record.seed {
      case 1: (record.host.cpu, record.seconds, record.stages) = ("another", 6, nil)
      case 2: record.stages!["train"]!.seconds = 300
      default: record.stages!["train"]!.seconds = 500
      }
      _ = try file.put(record)
    }
    try FileManager.default.removeItem(at: lab.laboratory.cache)
    func train(_ plan: Plan) throws -> Double? {
      let job = try XCTUnwrap(plan.jobs.first { $0.seed == 1 })
      return try XCTUnwrap(lab.sweep(plan).estimates()[job.steps.first { $0.alias == "train" }!.key])
    }
    XCTAssertEqual(try train(plan), 300, "the faster of seeds 2 and 3")
    XCTAssertEqual(try train(lab.plan(seeds: [1, 2, 3], threads: 1)), 600, "on one thread of two")
  }

  /// A stage takes as long as the same one of another seed did here, whatever the cell's record or other stages of its name say.
  func testAnotherSeedHereTellsTheTime() throws {
    let lab = try TestLaboratory()
    let spec = TestLaboratory.spec.replacingOccurrences(
      of: #"pending: "another method""#, with: #"set: { rank: 16 }, pipeline: "train""#)
    try lab.write("u.json5", spec)
    func plan(seeds: [Int]) throws -> Plan {
      try Plan(
        lab.laboratory.spec("demo/u"), profile: "micro", seeds: seeds, threads: 2,
        registry: lab.registry(trainVersion: 2))
    }
    try lab.sweep(plan(seeds: [1])).run()
    let both = try plan(seeds: [1, 2])
    let cache = StageCache(folder: lab.laboratory.cache)
    func train(_ seed: Int, of cell: String) throws -> String {
      let job = try XCTUnwrap(both.jobs.first { $0.seed == seed && $0.cell.id == cell })
      return try XCTUnwrap(job.steps.first { $0.alias == "train" }).key
    }
    for (cell, seconds) in [("small", 80.0), ("later", 8)] {
      let key = try train(1, of: cell)
      var entry = try XCTUnwrap(cache.entry(key))
      entry.seconds = seconds
      try cache.finish(key, entry)
    }
    let estimates = try lab.sweep(both).estimates()
    XCTAssertEqual(try XCTUnwrap(estimates[train(2, of: "small")]), 80)
    XCTAssertEqual(try XCTUnwrap(estimates[train(2, of: "later")]), 8)
  }

  /// A cell without records takes as long as the other cells of its experiment, before those of its paper's others.
  func testTheExperimentsOtherCellsTellTheTime() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan(seeds: [1])
    try lab.write("u.json5", TestLaboratory.spec)
    let other = try Plan(
      lab.laboratory.spec("demo/u"), profile: "micro", seeds: [1], threads: 2, registry: lab.registry(trainVersion: 2))
    try lab.sweep(plan).run()
    try lab.sweep(other).run()
    for (plan, seconds) in [(plan, 40.0), (other, 400)] {
      let file = RecordFile(url: lab.laboratory.recordFile(plan.spec, plan.profile))
      for var record in try file.read() {
        record.stages!["score"]!.seconds = seconds
        record.tokens += 1
        _ = try file.put(record)
      }
    }
    let file = lab.laboratory.recordFile(plan.spec, plan.profile)
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    try Data((lines.filter { !$0.contains("\"cell\":\"base\"") }.joined(separator: "\n") + "\n").utf8).write(to: file)
    try FileManager.default.removeItem(at: lab.laboratory.cache)
    let base = try XCTUnwrap(plan.jobs.first { $0.cell.id == "base" })
    let score = try XCTUnwrap(base.steps.first { $0.alias == "score" })
    XCTAssertEqual(try XCTUnwrap(lab.sweep(plan).estimates()[score.key]), 40)
  }

  /// An experiment without records takes as long as the stages of its paper's others, tokens by tokens; a record that knows
  /// the whole cell alone is shared out as those stand to one another.
  func testOtherExperimentsTellTheTime() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan(seeds: [1])
    let file = try runTakingSeconds(["make": 10, "score": 30, "train": 200], plan, in: lab)
    try lab.write("u.json5", TestLaboratory.spec.replacingOccurrences(of: "budget: 1", with: "budget: 3"))
    let other = try Plan(
      lab.laboratory.spec("demo/u"), profile: "micro", seeds: [1], threads: 2, registry: lab.registry(trainVersion: 2))
    try FileManager.default.removeItem(at: lab.laboratory.cache)
    func seconds(_ alias: String) throws -> Double? {
      let estimates = try lab.sweep(other).estimates()
      return try XCTUnwrap(estimates[other.jobs[1].steps.first { $0.alias == alias }!.key])
    }
    XCTAssertEqual(try seconds("make"), 10)
    XCTAssertEqual(try seconds("train"), 600, "three times the tokens")
    XCTAssertFalse(try Outline([other], in: lab.laboratory).text.contains("unknown length"))
    var whole = try XCTUnwrap(file.read().last)
    (whole.spec, whole.seconds, whole.stages) = ("demo/u", 64, nil)
    _ = try RecordFile(url: lab.laboratory.recordFile(other.spec, other.profile)).put(whole)
    XCTAssertEqual(try XCTUnwrap(seconds("train")), 60, accuracy: 1e-9, "600 of 640 parts")
    XCTAssertEqual(try XCTUnwrap(seconds("score")), 3, accuracy: 1e-9)
  }

  /// One record of a disturbed machine among several makes no hours of minutes.
  func testADisturbedRecordTellsNothing() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan(seeds: [1, 2, 3])
    try lab.sweep(plan).run()
    let file = RecordFile(url: lab.laboratory.recordFile(plan.spec, plan.profile))
    for var record in try file.read() where record.seed != nil {
      record.stages!["train"]!.seconds = record.seed == 2 ? 3676 : 150
      record.tokens += 1
      _ = try file.put(record)
    }
    try lab.write("u.json5", TestLaboratory.spec)
    let other = try Plan(
      lab.laboratory.spec("demo/u"), profile: "micro", seeds: [1], threads: 2, registry: lab.registry(trainVersion: 2))
    try FileManager.default.removeItem(at: lab.laboratory.cache)
    let train = other.jobs[1].steps.first { $0.alias == "train" }!.key
    XCTAssertEqual(try XCTUnwrap(lab.sweep(other).estimates()[train]), 150)
  }

  /// What two experiments call alike may be different stages, and one stage goes by many names.
  func testAnotherExperimentsNamesAreNotStages() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan(seeds: [1])
    _ = try runTakingSeconds(["make": 10, "score": 30, "train": 200], plan, in: lab)
    let names = """
      { stage: "make", as: "score", with: { size: "= size + 1" } },
      { stage: "train", as: "make", from: { model: "score" }, with: { tokens: "= budget * unit", rank: "$rank" } },
      { stage: "score", as: "train", from: { model: "make" } },
      """
    let spec = TestLaboratory.spec
    let start = try XCTUnwrap(spec.range(of: "train: [")).upperBound
    let end = try XCTUnwrap(spec.range(of: "],", range: start..<spec.endIndex)).lowerBound
    try lab.write("u.json5", spec.replacingCharacters(in: start..<end, with: names))
    let other = try Plan(
      lab.laboratory.spec("demo/u"), profile: "micro", seeds: [1], threads: 2, registry: lab.registry())
    try FileManager.default.removeItem(at: lab.laboratory.cache)
    let estimates = try lab.sweep(other).estimates()
    let seconds = other.jobs[1].steps.map { estimates[$0.key] ?? nil }
    XCTAssertEqual(seconds, [10, 200, 30])
  }

  /// Runs a plan whose records then say that its stages took so long, by alias.
  private func runTakingSeconds(_ seconds: [String: Double], _ plan: Plan, in lab: TestLaboratory) throws -> RecordFile
  {
    try lab.sweep(plan).run()
    let file = RecordFile(url: lab.laboratory.recordFile(plan.spec, plan.profile))
    for var record in try file.read() {
      for alias in record.stages!.keys { record.stages![alias]!.seconds = seconds[alias]! }
      record.tokens += 1
      _ = try file.put(record)
    }
    return file
  }
}
