import Distillation
import Foundation
import Groundwork
import ModelCore
import TestKit
import TokenData
import XCTest

@testable import Recipes

/// Teachers' states that trainings share: the same bits as with the teacher beside the student, whatever befalls them.
final class SharedTeacherStatesTests: XCTestCase {
  private nonisolated(unsafe) static var folder: URL!
  private nonisolated(unsafe) static var shards: TokenShards!

  override class func setUp() {
    folder = try! temporaryFolder()
    let tokenizer = try! Tokenizer.load(from: repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer"))
    for (name, seed, width) in [("student", 3, 32), ("teacher", 4, 48), ("other", 5, 48)] {
      var config = try! ModelConfig.preset("nano-1b")
      config.hiddenSize = width
      config.layerCount = 2
      config.mixers = Array(config.mixers.prefix(2))
      try! LanguageModel(config, seed: UInt64(seed)).save(to: folder.appendingPathComponent(name))
      try! tokenizer.save(to: folder.appendingPathComponent(name))
    }
    let writer = try! ShardWriter(folder: folder.appendingPathComponent("shards"), tokenizer: tokenizer)
    for number in 0..<60 {
      try! writer.append(document: tokenizer.encodeDocument("The cat \(number) sat on mat \(number * 7 % 13)."))
    }
    _ = try! writer.finish()
    shards = try! TokenShards(folder.appendingPathComponent("shards"), tokenizer: tokenizer)
  }
  override class func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private var states: URL { Self.folder.appendingPathComponent("states") }
  private var runs = 0

  override func setUp() { try? FileManager.default.removeItem(at: states) }

  /// Hash of the trained model, and the steps of the teacher that were recorded.
  private func train(_ shared: SharedTeacherStates?, teacher: String = "teacher", steps: Int = 3) throws
    -> (hash: String, recorded: Int)
  {
    let plan = TrainingPlan(
      tokens: steps * 4 * 16, batch: 4, time: 16, microBatch: 2, ceWeight: 0.5, klWeight: 1, seed: 7)
    var recipe = Distilling(
      student: Self.folder.appendingPathComponent("student"), teacher: Self.folder.appendingPathComponent(teacher),
      data: Self.shards, plan: plan)
    recipe.shared = shared
    runs += 1
    let out = Self.folder.appendingPathComponent("\(name)-\(runs)")
    var recorded = 0
    try recipe.run(in: out, reportTeacher: { _ in recorded += 1 })
    return (try sha256(fileAt: out.appendingPathComponent("model.safetensors")), recorded)
  }

  /// Bytes that three steps take.
  private let threeSteps = 3 * 4 * 16 * 48 * 4

  private func kept() -> [URL] {
    let names = (try? FileManager.default.contentsOfDirectory(at: states, includingPropertiesForKeys: nil)) ?? []
    return names.filter { $0.pathExtension.isEmpty }
  }

  func testTheBitsAreThoseOfTheRunningTeacher() throws {
    let beside = try train(nil)
    XCTAssertEqual(beside.recorded, 0)
    let shared = SharedTeacherStates(states, budget: 1 << 20)
    XCTAssertTrue(try train(shared) == (beside.hash, 3), "recorded by the first")
    XCTAssertTrue(try train(shared) == (beside.hash, 0), "read by the second")
    XCTAssertEqual(try train(shared, steps: 5).hash, try train(nil, steps: 5).hash, "a longer one adds to them")
    XCTAssertTrue(try train(shared) == (beside.hash, 0), "a shorter one takes the first")
    XCTAssertEqual(kept().count, 1)
  }

  /// No other training will read them.
  func testStatesThatNobodyAwaitsAreReadAndNotRecorded() throws {
    var shared = SharedTeacherStates(states, budget: 1 << 20)
    shared.records = false
    let beside = try train(nil)
    XCTAssertTrue(try train(shared) == (beside.hash, 0))
    XCTAssertEqual(kept(), [])
    shared.records = true
    XCTAssertEqual(try train(shared).recorded, 3)
    shared.records = false
    XCTAssertTrue(try train(shared) == (beside.hash, 0))
    XCTAssertEqual(kept().count, 1)
  }

  func testDamageIsComputedAgain() throws {
    let shared = SharedTeacherStates(states, budget: 1 << 20)
    let whole = try train(shared).hash
    let file = try XCTUnwrap(kept().first).appendingPathComponent("states-00000.zst")
    let size = try readFile(file).count
    for place in [40, size / 3, size - 3] {  // the first frame, a later one, the table
      var bytes = try readFile(file)
      bytes[place] ^= 1
      try bytes.write(to: file)
      XCTAssertEqual(try train(shared).hash, whole, "byte \(place)")
      XCTAssertEqual(try train(shared).hash, whole)
      XCTAssertTrue(try train(shared) == (whole, 0), "whole again after byte \(place)")
    }
  }

  /// States that another build or processor made are no teacher of this one's bits.
  func testStatesOfOtherBitsAreRecordedAnew() throws {
    let shared = SharedTeacherStates(states, budget: 1 << 20)
    let whole = try train(shared).hash
    let own = try XCTUnwrap(kept().first)
    let other = Self.folder.appendingPathComponent("other-states")
    _ = try train(SharedTeacherStates(other, budget: 1 << 20), teacher: "other")
    let foreign = try XCTUnwrap(
      FileManager.default.contentsOfDirectory(at: other, includingPropertiesForKeys: nil).first)
    try readFile(foreign.appendingPathComponent("states-00000.zst")).write(
      to: own.appendingPathComponent("states-00000.zst"))
    XCTAssertTrue(try train(shared) == (whole, 3))
  }

  func testWhatWasUsedLongestAgoMakesRoom() throws {
    let (one, two) = (try train(nil).hash, try train(nil, teacher: "other").hash)
    let tight = SharedTeacherStates(states, budget: threeSteps)
    XCTAssertTrue(try train(tight) == (one, 3))
    XCTAssertTrue(try train(tight, teacher: "other") == (two, 3))
    XCTAssertEqual(kept().count, 1)
    XCTAssertTrue(try train(tight) == (one, 3), "which had gone")
    let tooTight = SharedTeacherStates(states, budget: threeSteps - 1)
    XCTAssertTrue(try train(tooTight, teacher: "other") == (two, 0), "the teacher runs beside the student")
    XCTAssertTrue(try train(SharedTeacherStates(states, budget: 0)) == (one, 0))
    XCTAssertEqual(kept().count, 1, "nothing is removed for states that never fit")
  }

  /// While another process records the same states nobody waits.
  func testARecordingOfOthersIsNotWaitedFor() throws {
    let shared = SharedTeacherStates(states, budget: 1 << 20)
    let whole = try train(shared).hash
    let own = try XCTUnwrap(kept().first)
    try FileManager.default.removeItem(at: own)
    let lock = try FileLock(own.appendingPathExtension("lock"), of: own)
    XCTAssertTrue(try train(shared) == (whole, 0))
    XCTAssertEqual(kept(), [])
    withExtendedLifetime(lock) {}
  }
}
