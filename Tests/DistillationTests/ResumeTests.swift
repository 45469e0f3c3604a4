import Foundation
import Groundwork
import ModelCore
import TestKit
import XCTest

@testable import Distillation

/// A run that was stopped, killed or starved of disk goes on with the same bits.
final class ResumeTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func directory(_ name: String) -> RunDirectory { RunDirectory(folder.appendingPathComponent(name)) }

  /// Runs until `last` (a graceful stop) or the end of the plan, from whatever the folder holds.
  @discardableResult
  private func run(_ name: String, until last: Int? = nil, plan: TrainingPlan = TinyTraining.plan()) throws -> Trainer {
    let trainer = try TinyTraining.trainer(plan)
    do {
      try trainer.run(in: directory(name), identity: TinyTraining.identity, shouldStop: { trainer.step == last })
      XCTAssertNil(last, "ran past its stop")
    } catch let error as UpcycleError where last != nil {
      XCTAssert("\(error)".contains("interrupted after step \(last!)"), "\(error)")
    }
    return trainer
  }

  private func values(_ trainer: Trainer) -> [Float] { trainer.student.parameters.values.toArray() }

  /// metrics.csv without the column of seconds.
  private func metrics(_ name: String) throws -> [String] {
    try String(contentsOf: directory(name).metrics, encoding: .utf8).split(separator: "\n").map {
      $0.split(separator: ",").dropLast().joined(separator: ",")
    }
  }

  private func assertWholeRun(_ name: String, _ trainer: Trainer, file: StaticString = #filePath, line: UInt = #line)
    throws
  {
    let whole = try run("whole")
    XCTAssertEqual(values(trainer), values(whole), "parameters", file: file, line: line)
    XCTAssertEqual(try metrics(name), try metrics("whole"), file: file, line: line)
    XCTAssertEqual(try metrics(name).count, 11, "a header and one line per step", file: file, line: line)
    XCTAssertEqual(
      try directory(name).readMetrics().rows.map { Int($0[0]) }, Array(1...10), file: file, line: line)
  }

  func testAStoppedRunResumesToTheSameBits() throws {
    try run("parts", until: 5)
    XCTAssertEqual(try metrics("parts").count, 6)
    try assertWholeRun("parts", try run("parts"))
  }

  func testARunStoppedOftenResumesToTheSameBits() throws {
    for step in [1, 2, 7] { try run("parts", until: step) }
    try assertWholeRun("parts", try run("parts"))
  }

  /// kill -9 between two checkpoints: lines of lost steps and half of one more stand in metrics.csv, and a
  /// half-written checkpoint under its temporary name, which the next process that writes there clears.
  func testAKilledRunResumesToTheSameBits() throws {
    try run("killed", until: 5)
    let file = try FileHandle(forWritingTo: directory("killed").metrics)
    try file.seekToEnd()
    try file.write(contentsOf: Data("6,9,9,9,9,9,9\n7,8,8,8,8,8,8\n8,7.0".utf8))
    try file.close()
    let half = directory("killed").checkpoint.appendingPathComponent(".state-8.safetensors.999999.1.tmp")
    try Data(count: 1000).write(to: half)
    try assertWholeRun("killed", try run("killed"))
  }

  private func states(_ name: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory(name).checkpoint.path).sorted()
  }

  /// The newest state and the one before it stay.
  func testNewestStateCounts() throws {
    for step in [3, 5, 6] { try run("two", until: step) }
    XCTAssertEqual(try states("two"), ["state-5.safetensors", "state-6.safetensors"])
    try assertWholeRun("two", try run("two"))
  }

  /// The optimizer's moments and step are part of the state.
  func testAStateHoldsMomentsAndStep() throws {
    let trainer = try run("state", until: 4)
    let fresh = try TinyTraining.model(seed: 77)
    let optimizer = AdamW(fresh.parameters, .init())
    XCTAssertEqual(TrainingCheckpoint.examine(directory("state").checkpoint).good, [4])
    try TrainingCheckpoint.load(directory("state").checkpoint, step: 4, into: fresh, optimizer)
    XCTAssertEqual(fresh.parameters.values.toArray(), values(trainer))
    XCTAssertEqual(optimizer.step, 4)
    XCTAssertGreaterThan(optimizer.first.maxMagnitude, 0)
    XCTAssertGreaterThan(optimizer.second.maxMagnitude, 0)
  }

  func testAFinishedRunIsReadAgain() throws {
    let first = try run("done")
    try assertWholeRun("done", try run("done"))
    XCTAssertEqual(values(try run("done")), values(first), "nothing left to do")
    directory("done").finish()
    XCTAssertFalse(FileManager.default.fileExists(atPath: directory("done").checkpoint.path))
  }

  // MARK: Refusals

  func testAnotherPlanIsRefused() throws {
    try run("taken", until: 5)
    let others: [(String, (inout TrainingPlan) -> Void)] = [
      ("seed", { $0.seed = 2 }), ("rate", { $0.learningRate = 0.02 }),
      (
        "weights",
        {
          $0.klWeight = 0; $0.ceWeight = 2
        }
      ),
      ("length", { $0.tokens *= 2 }), ("moments", { $0.optimizer.beta2 = 0.99 }),
    ]
    for (name, change) in others {
      let trainer = try TinyTraining.trainer(TinyTraining.plan(change))
      XCTAssertThrowsError(try trainer.run(in: directory("taken"), identity: TinyTraining.identity), name) {
        XCTAssertEqual(($0 as? UpcycleError)?.exitCode, 2)
        XCTAssert("\($0)".contains("holds a run with other settings"), "\($0)")
      }
    }
    var identity = TinyTraining.identity
    identity.data = "other data"
    let trainer = try TinyTraining.trainer(TinyTraining.plan())
    XCTAssertThrowsError(try trainer.run(in: directory("taken"), identity: identity)) {
      XCTAssertTrue("\($0)".contains("holds a run with other settings"), "\($0)")
    }
    try assertWholeRun("taken", try run("taken"))
  }

  func testACheckpointOfAnotherModelIsRefused() throws {
    try run("odd", until: 5)
    var config = TinyTraining.config()
    config.intermediateSize = 25
    let trainer = try Trainer(
      student: TinyTraining.model(config), batches: RandomBatches(4, 8), plan: TinyTraining.plan())
    XCTAssertThrowsError(try trainer.run(in: directory("odd"), identity: TinyTraining.identity)) {
      XCTAssert("\($0)".contains("checkpoint does not fit the model"), "\($0)")
    }
  }

  func testADamagedCheckpointIsNamed() throws {
    try run("damaged", until: 5)
    let state = directory("damaged").checkpoint.appendingPathComponent("state-5.safetensors")
    try Data(contentsOf: state).prefix(500).write(to: state)
    let trainer = try TinyTraining.trainer(TinyTraining.plan())
    XCTAssertThrowsError(try trainer.run(in: directory("damaged"), identity: TinyTraining.identity)) {
      XCTAssert("\($0)".contains("state-5.safetensors"), "\($0)")
    }
  }

  /// One bit anywhere in the newest state: the run goes on from the one before, with the same bits.
  func testFlippedBit() throws {
    for step in [3, 5] { try run("flip", until: step) }
    let newest = directory("flip").checkpoint.appendingPathComponent("state-5.safetensors")
    let before = directory("flip").checkpoint.appendingPathComponent("state-3.safetensors")
    let (good, older) = (try Data(contentsOf: newest), try Data(contentsOf: before))
    let metrics = try Data(contentsOf: directory("flip").metrics)
    let stream = RandomStream(seed: 1, "flips")
    for index in 0..<40 {
      var bad = good
      // The header too.
      let place = index < 8 ? 8 + stream.below(600, at: UInt64(index)) : stream.below(bad.count, at: UInt64(index))
      bad[place] ^= 1 << UInt8(index % 8)
      try bad.write(to: newest)
      XCTAssertEqual(TrainingCheckpoint.examine(directory("flip").checkpoint).good, [3], "byte \(place)")
      if index % 20 == 0 {
        try assertWholeRun("flip", try run("flip"))
        try FileManager.default.removeItem(at: directory("flip").checkpoint)
        try makeDirectory(directory("flip").checkpoint)
        try older.write(to: before)
        try metrics.write(to: directory("flip").metrics)
      }
    }
    try FileManager.default.removeItem(at: before)
    XCTAssertThrowsError(try run("flip")) { XCTAssert("\($0)".contains("state-5.safetensors: damaged"), "\($0)") }
    // A file that was cut says once what to do, and not to download it.
    try good.prefix(good.count - 100).write(to: newest)
    XCTAssertThrowsError(try run("flip")) {
      XCTAssert("\($0)".contains("there is no good state") && !"\($0)".contains("download"), "\($0)")
    }
  }

  /// A state counts under its own name only, and names that are no steps are none.
  func testRenamedState() throws {
    try run("renamed", until: 5)
    let folder = directory("renamed").checkpoint
    for name in ["state-1", "state-1000"] {
      try FileManager.default.moveItem(
        at: folder.appendingPathComponent("state-5.safetensors"),
        to: folder.appendingPathComponent("\(name).safetensors"))
      XCTAssertThrowsError(try run("renamed")) {
        XCTAssert("\($0)".contains("another step's state; expected step \(name.dropFirst(6)), found 5"), "\($0)")
      }
      try FileManager.default.moveItem(
        at: folder.appendingPathComponent("\(name).safetensors"),
        to: folder.appendingPathComponent("state-5.safetensors"))
    }
    for name in ["state--5", "state-+7", "state-07", "state-٧", "state-"] {
      try Data("x".utf8).write(to: folder.appendingPathComponent("\(name).safetensors"))
    }
    try assertWholeRun("renamed", try run("renamed"))
  }

  /// The loss curve is part of the run: a state goes on with the rows that it was saved with, or not at all.
  func testDamagedCurve() throws {
    try run("curve", until: 5)
    let file = directory("curve").metrics
    let text = try String(contentsOf: file, encoding: .utf8)
    for damaged in [
      text.replacing("\n3,", with: "\n4,"), text.split(separator: "\n").dropLast().joined(separator: "\n"), "",
      text.replacing("step", with: "stop"),
    ] {
      try Data(damaged.utf8).write(to: file)
      XCTAssertThrowsError(try run("curve")) { XCTAssert("\($0)".contains("is not the loss curve"), "\($0)") }
    }
    try FileManager.default.removeItem(at: file)
    XCTAssertThrowsError(try run("curve")) {
      XCTAssert("\($0)".contains("is not the loss curve") && "\($0)".contains("found no such file"), "\($0)")
      XCTAssert("\($0)".contains("restore it, or delete"), "\($0)")
    }
    try Data(text.utf8).write(to: file)
    try assertWholeRun("curve", try run("curve"))
  }

  /// A run whose states are gone, or have other names, begins anew and says so; one that was killed before its first
  /// state was due has lost nothing.
  func testStatesThatAreGoneAreMissed() throws {
    try run("lost", until: 5)
    let lost = directory("lost")
    let (state, other) = (
      lost.checkpoint.appendingPathComponent("state-5.safetensors"), lost.checkpoint.appendingPathComponent("old.bak")
    )
    func said(saveEvery: Double = 60) -> String? { lost.lostStates(in: lost.checkpoint, saveEvery: saveEvery) }
    try FileManager.default.moveItem(at: state, to: other)
    XCTAssert(said()?.contains("old.bak: is no state by its name") == true, said() ?? "nothing")
    XCTAssert(said()?.contains("had done 5 steps") == true, said() ?? "nothing")
    try FileManager.default.removeItem(at: other)
    XCTAssert(said()?.contains("no state to go on from; the run, which had done 5 steps") == true, said() ?? "nothing")
    try FileManager.default.removeItem(at: lost.checkpoint)
    let header = try String(contentsOf: lost.metrics, encoding: .utf8).split(separator: "\n")[0]
    for (seconds, isMissed) in [([1, 2, 61], false), ([1, 61, 62], true), ([30, 31, 1], true), ([], false)] {
      let rows = seconds.enumerated().map { "\($0.offset + 1),3,3,0,1,0.1,\($0.element).00\n" }
      try Data("\(header)\n\(rows.joined())".utf8).write(to: lost.metrics)
      XCTAssertEqual(said() != nil, isMissed, "\(seconds)")
    }
    try assertWholeRun("lost", try run("lost"))
  }

  /// Two processes never write one run; here the other one is a lock that somebody holds.
  func testOneProcessAtATime() throws {
    let folder = directory("both")
    try makeDirectory(folder.run)
    let other = try FileLock(folder.run.appendingPathComponent("lock"), of: folder.url)
    XCTAssertThrowsError(try run("both")) {
      XCTAssert("\($0)".contains("is being written by another process (pid \(getpid()))"), "\($0)")
    }
    withExtendedLifetime(other) {}
  }

  func testAnUnwritableFolderIsNamed() throws {
    try writeFile("a file", to: folder.appendingPathComponent("file"))
    let trainer = try TinyTraining.trainer(TinyTraining.plan())
    XCTAssertThrowsError(try trainer.run(in: directory("file/run"), identity: TinyTraining.identity)) {
      XCTAssert("\($0)".contains("cannot create this folder"), "\($0)")
    }
  }
}
