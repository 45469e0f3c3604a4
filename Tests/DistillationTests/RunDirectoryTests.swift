import Foundation
import Groundwork
import ModelCore
import TestKit
import TokenData
import XCTest

@testable import Distillation

/// The ritual of a resumable run, from an empty folder to the finished model and back.
final class RunDirectoryTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private static let tokenizer = Result {
    try Tokenizer.load(
      from: URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("experiments/teachers/tokenizer"))
  }

  /// What a call of the ritual did.
  private enum Outcome: Equatable { case trained([Float]), recalled }

  private struct Failure: Error {}

  /// - Parameters:
  ///   - last: the step after which the run is interrupted
  ///   - failing: the step after which it fails
  private func complete(
    _ name: String, until last: Int? = nil, failing: Int? = nil, plan: TrainingPlan = TinyTraining.plan()
  ) throws -> Outcome {
    let directory = RunDirectory(folder.appendingPathComponent(name))
    return try directory.complete(plan: plan, identity: TinyTraining.identity, tokenizer: Self.tokenizer.get()) {
      .recalled
    } train: {
      let trainer = try TinyTraining.trainer(plan)
      try trainer.run(
        in: directory, identity: TinyTraining.identity,
        report: { metrics, _ in if metrics.step == failing { throw Failure() } },
        shouldStop: { trainer.step == last })
      return (trainer.student, .trained(trainer.student.parameters.values.toArray()))
    }
  }

  func testAFinishedRunLeavesModelAndTokenizerAndNoState() throws {
    guard case .trained(let values) = try complete("whole") else { return XCTFail("recalled what was never made") }
    let made = folder.appendingPathComponent("whole")
    XCTAssertEqual(try LanguageModel(folder: made).parameters.values.toArray(), values)
    XCTAssertEqual(try Tokenizer.load(from: made).fingerprint, try Self.tokenizer.get().fingerprint)
    XCTAssertFalse(FileManager.default.fileExists(atPath: RunDirectory(made).checkpoint.path))
    XCTAssertEqual(try RunDirectory(made).readMetrics().rows.count, 10)
  }

  func testTheSameCallOnAFinishedRunTrainsNothing() throws {
    _ = try complete("whole")
    let file = folder.appendingPathComponent("whole/model.safetensors")
    let before = try sha256(fileAt: file)
    // A kill may have come before the clean-up.
    let lock = RunDirectory(folder.appendingPathComponent("whole")).run.appendingPathComponent("lock")
    try Data("999999".utf8).write(to: lock)
    XCTAssertEqual(try complete("whole"), .recalled)
    XCTAssertFalse(FileManager.default.fileExists(atPath: lock.path))
    XCTAssertEqual(try sha256(fileAt: file), before)
  }

  func testAnInterruptedRunGoesOnToTheSameBits() throws {
    for last in [2, 7] {
      XCTAssertThrowsError(try complete("parts", until: last)) {
        XCTAssert("\($0)".contains("interrupted after step \(last)"), "\($0)")
      }
      XCTAssertFalse(
        FileManager.default.fileExists(atPath: folder.appendingPathComponent("parts/config.json").path))
    }
    XCTAssertEqual(try complete("parts"), try complete("whole"))
  }

  /// The plan is written first, and a kill may come right behind it.
  func testARunThatGoesOnSaysWhereToo() throws {
    XCTAssertThrowsError(try complete("begun", until: 2)) {
      XCTAssertTrue("\($0)".contains("interrupted after step 2"), "\($0)")
    }
    let file = RunDirectory(folder.appendingPathComponent("begun")).run.appendingPathComponent("environment.json")
    try FileManager.default.removeItem(at: file)
    _ = try complete("begun")
    XCTAssertTrue(FileManager.default.fileExists(atPath: file.path))
  }

  func testAModelThatTheRunDidNotMakeIsRefused() throws {
    try TinyTraining.model().save(to: folder.appendingPathComponent("foreign"))
    XCTAssertThrowsError(try complete("foreign")) {
      XCTAssert("\($0)".contains("holds a model already"), "\($0)")
      XCTAssertEqual(($0 as? UpcycleError)?.exitCode, 2)
    }
    XCTAssertFalse(FileManager.default.fileExists(atPath: folder.appendingPathComponent("foreign/run").path))
  }

  func testAnotherPlanIsRefusedBeforeAnythingIsTrained() throws {
    _ = try complete("whole")
    XCTAssertThrowsError(try complete("begun", until: 2)) {
      XCTAssertTrue("\($0)".contains("interrupted after step 2"), "\($0)")
    }
    for name in ["whole", "begun"] {
      XCTAssertThrowsError(try complete(name, plan: TinyTraining.plan { $0.seed = 2 })) {
        XCTAssert("\($0)".contains("holds a run with other settings"), "\($0)")
      }
      // As commands and specs spell them.
      let other = TinyTraining.plan { ($0.learningRate, $0.klWeight) = (0.125, 0.375) }
      XCTAssertThrowsError(try complete(name, plan: other)) {
        XCTAssert("\($0)".contains("`kl_weight` 0.375, `lr` 0.125"), "\($0)")
      }
    }
  }

  /// What failed before its first state gives way to another run, unless it is going on.
  func testARunWithoutAStateGivesWay() throws {
    let other = TinyTraining.plan { $0.seed = 2 }
    XCTAssertThrowsError(try complete("failed", failing: 3)) { XCTAssertTrue($0 is Failure, "\($0)") }
    let directory = RunDirectory(folder.appendingPathComponent("failed"))
    XCTAssertEqual(try directory.readMetrics().rows.count, 3)
    let states = directory.run.appendingPathComponent("teacher")
    try makeDirectory(states)
    do {
      let lock = try FileLock(directory.run.appendingPathComponent("lock"), of: directory.url)
      defer { withExtendedLifetime(lock) {} }
      XCTAssertThrowsError(try complete("failed", plan: other)) {
        XCTAssertTrue("\($0)".contains("is being written by another process"), "\($0)")
      }
      XCTAssertEqual(try directory.readMetrics().rows.count, 3)
    }
    XCTAssertEqual(try complete("failed", plan: other), try complete("fresh", plan: other))
    XCTAssertEqual(try directory.readMetrics().rows.count, 10)
    XCTAssertTrue(FileManager.default.fileExists(atPath: states.path))
    // With anything beside the run it stays.
    XCTAssertThrowsError(try complete("kept", failing: 3)) { XCTAssertTrue($0 is Failure, "\($0)") }
    try writeFile("mine", to: folder.appendingPathComponent("kept/notes.txt"))
    XCTAssertThrowsError(try complete("kept", plan: other)) {
      XCTAssertTrue("\($0)".contains("holds a run with other settings"), "\($0)")
    }
  }
}
