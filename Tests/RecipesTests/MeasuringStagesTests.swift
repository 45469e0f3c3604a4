import Foundation
import Groundwork
import LabKit
import ModelCore
import Published
import TestKit
import TokenData
import XCTest

@testable import Recipes

/// Stages that ask a model, on a small one with random weights.
final class MeasuringStagesTests: XCTestCase {
  private nonisolated(unsafe) static var folder: URL!

  override class func setUp() {
    folder = try! temporaryFolder()
    var config = try! ModelConfig.preset("nano-1b")
    config.hiddenSize = 32
    config.layerCount = 2
    config.mixers = Array(config.mixers.prefix(2))
    let model = folder.appendingPathComponent("model")
    try! LanguageModel(config, seed: 3).save(to: model)
    try! Tokenizer.load(from: repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer")).save(to: model)
  }
  override class func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func run(_ stage: Stage, seed: Int = 1, _ config: [String: JSONValue]) throws -> StageResult {
    let folder = Self.folder.appendingPathComponent("\(stage.name)-\(UInt32.random(in: 0...UInt32.max))")
    try makeDirectory(folder)
    let model = StageContext.Parent(key: "model", folder: Self.folder.appendingPathComponent("model"))
    return try stage.run(StageContext(config: .object(config), parents: ["model": model], folder: folder, seed: seed))
  }

  func testATextIsTheSameForTheSameSeed() throws {
    func sample(_ seed: Int, _ changes: [String: JSONValue] = [:]) throws -> StageResult {
      let config: [String: JSONValue] = [
        "prompt": .string("Mira lives in"), "new_tokens": .int(20), "temperature": .double(1), "top_p": .double(0.95),
      ]
      return try run(sampleStage, seed: seed, config.merging(changes) { $1 })
    }
    let first = try sample(1)
    XCTAssertEqual(first, try sample(1))
    let text = try XCTUnwrap(first.texts?["text"])
    XCTAssertTrue(text.hasPrefix("Mira lives in"), text)
    XCTAssertGreaterThan(text.count, "Mira lives in".count)
    XCTAssertLessThanOrEqual(try XCTUnwrap(first.metrics["tokens"]).value, 20)
    XCTAssertNotEqual(text, try sample(2).texts?["text"])
    let greedy = try sample(1, ["temperature": .int(0)])
    XCTAssertEqual(greedy.texts, try sample(2, ["temperature": .int(0)]).texts, "no draw, no seed")
    XCTAssertThrowsError(try sample(1, ["temperature": .int(-1)])) {
      XCTAssertTrue("\($0)".contains("`temperature`"), "\($0)")
    }
  }

  func testBothAccuraciesWhereTheyAreAskedFor() throws {
    let config: [String: JSONValue] = ["tasks": .string("recall,claims,studies"), "items": .int(6)]
    let plain = try run(evaluateStage, config).metrics
    let both = try run(evaluateStage, config.merging(["accuracies": .bool(true)]) { $1 }).metrics
    XCTAssertEqual(plain, both.filter { !$0.key.hasPrefix("acc.") && !$0.key.hasPrefix("acc_norm.") })
    XCTAssertEqual(both["acc.claims"], both["claims"])
    XCTAssertEqual(both["acc_norm.recall"], both["recall"])
    XCTAssertNotNil(both["acc.recall"])
    XCTAssertNil(both["acc_norm.studies"], "no choices, no lengths")
  }

  /// Times are means of five, with their error: claims on them need one.
  func testTimesAreRepeated() throws {
    let shape: [String: JSONValue] = ["preset": .string("nano-1b"), "new_tokens": .int(1), "memory_gb": .int(1)]
    let speed = try run(speedStage, shape.merging(["batch": .int(2), "context": .int(16)]) { $1 }).metrics
    for name in ["throughput", "ms_per_step"] {
      let metric = try XCTUnwrap(speed[name])
      XCTAssertGreaterThan(metric.value, 0)
      XCTAssertGreaterThan(try XCTUnwrap(metric.stderr, name), 0)
    }
  }
}
