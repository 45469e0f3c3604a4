import Foundation
import Groundwork
import XCTest

@testable import LabKit

/// Several processes at the stages of one sweep; here threads stand for the others.
final class WorkersTests: XCTestCase {
  override func setUp() { Interrupt.clear() }
  override func tearDown() { Interrupt.clear() }

  func testAWorkerPutsOffWhatAnotherRunsAndRecordsNothing() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan()
    let (first, second) = (plan.jobs[1].steps[1].key, plan.jobs[2].steps[1].key)
    let cache = StageCache(folder: lab.laboratory.cache)
    try makeDirectory(cache.folder)
    var held: FileLock? = try FileLock(waitingFor: cache.lockFile(first))
    let ended = expectation(description: "the worker ends")
    let worker = lab.sweep(plan)
    Thread.detachNewThread {
      do { try worker.work() } catch { XCTFail("\(error)") }
      ended.fulfill()
    }
    try waitUntil("the other cell is done") { try plan.jobs[2].steps.allSatisfy { try cache.entry($0.key) != nil } }
    XCTAssertNotNil(try cache.entry(second))
    XCTAssertNil(try cache.entry(first), "another process has its lock")
    XCTAssertNotNil(held)
    held = nil
    wait(for: [ended], timeout: 20)
    XCTAssertTrue(try lab.sweep(plan).estimates().isEmpty, "all stages are done")
    XCTAssertFalse(FileManager.default.fileExists(atPath: lab.laboratory.recordFile(plan.spec, plan.profile).path))
    XCTAssertEqual(lab.log.count("train 1"), 1)
    XCTAssertEqual(try lab.sweep(plan).run().added.count, 3, "recording is left to the process that started it")
  }

  /// A model for three cells, two of which train: with two jobs the second training waits for the base's score, and scores
  /// that measure time come last, one after another.
  func testAPlanForecastsItsWallTime() throws {
    let lab = try TestLaboratory()
    for (isTimed, jobs, wall) in [(false, 1, 31.0), (false, 2, 18), (false, 9, 15), (true, 1, 31), (true, 2, 21)] {
      let plan = try lab.plan(scoreIsTimed: isTimed)
      let estimates = plan.nodes.mapValues { node -> Double? in ["make": 2, "score": 3, "train": 10][node.stage.name] }
      XCTAssertEqual(Forecast(plan, estimates: estimates, jobs: jobs).wall, wall, "\(isTimed) \(jobs)")
    }
    let plan = try lab.plan(seeds: [1])
    try lab.sweep(plan).run()
    try FileManager.default.removeItem(at: lab.laboratory.cache)
    let file = RecordFile(url: lab.laboratory.recordFile(plan.spec, plan.profile))
    func outline(_ change: (inout Record) -> Void) throws -> String {
      for var record in try file.read() {
        record.tokens += 1
        change(&record)
        _ = try file.put(record)
      }
      return try Outline([plan], in: lab.laboratory, jobs: 2).text
    }
    let cells = try outline { ($0.seconds, $0.stages) = (60, nil) }
    XCTAssertTrue(cells.contains("to do: 4, about 1m30s of work, 1m00s by 2 jobs"), cells)
    let costs = ["make": 2.0, "score": 30, "train": 100].mapValues { Record.Cost(seconds: $0, tokens: 0) }
    let stages = try outline { $0.stages = $0.stages ?? costs }
    XCTAssertTrue(stages.contains("to do: 4, about 2m42s of work, 2m12s by 2 jobs"), stages)
    XCTAssertFalse(try Outline([plan], in: lab.laboratory).text.contains("jobs"))
    let settled = try Outline([lab.plan(seeds: [1], trainVersion: 2)], in: lab.laboratory, trustsRecords: true).text
    XCTAssertTrue(settled.contains("1 run (1 recorded), 3 stages, 0 done"), settled)
  }

  func testAWorkerMeasuresNoTime() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan(scoreIsTimed: true)
    XCTAssertTrue(plan.measuresTime)
    try lab.sweep(plan).work()
    XCTAssertEqual(lab.log.count("score"), 0)
    XCTAssertEqual(lab.log.count("train 2"), 1)
    try lab.sweep(plan).run()
    XCTAssertGreaterThan(lab.log.count("score"), 0)
  }

  /// The process that started a worker may be gone before the worker looks.
  func testAWorkerStopsWhenTheProcessThatStartedItIsGone() throws {
    let lab = try TestLaboratory()
    Interrupt.raise(whenGone: .max)
    try waitUntil("it is noticed") { Interrupt.isRaised }
    XCTAssertThrowsError(try lab.sweep(lab.plan()).work()) { XCTAssertTrue($0 is Interrupted, "\($0)") }
    XCTAssertEqual(lab.log.entries, [])
  }

  /// What a worker could not do fails in the process that started it, with its reason; a worker that dies costs no cell.
  func testTheSweepDoesWhatItsWorkersLeave() throws {
    let lab = try TestLaboratory()
    var sweep = try lab.sweep(lab.plan())
    sweep.jobs = 2
    let log = lab.log
    sweep.startWorker = {
      log.add("worker")
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/false")
      try process.run()
      return process
    }
    let summary = try sweep.run()
    XCTAssertEqual(log.count("worker"), 2)
    XCTAssertEqual(summary.added.count, 3)
    XCTAssertEqual(summary.stagesRun, 6)
    XCTAssertEqual(try sweep.run().stagesRun, 0)
    XCTAssertEqual(log.count("worker"), 2, "nobody is started for nothing")
  }

  private func waitUntil(_ what: String, _ isTrue: () throws -> Bool) throws {
    let end = monotonicSeconds() + 20
    while try !isTrue() {
      if monotonicSeconds() > end { return XCTFail("never: \(what)") }
      usleep(20_000)
    }
  }
}
