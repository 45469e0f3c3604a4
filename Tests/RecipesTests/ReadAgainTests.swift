import Distillation
import Foundation
import Groundwork
import ModelCore
import Published
import TestKit
import XCTest

@testable import Recipes

/// A run that was killed after its training reads what it measured from its files: all digits must be there.
final class ReadAgainTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  func testAHeldOutCurve() throws {
    let file = folder.appendingPathComponent("heldout.csv")
    let curve = try HeldOutCurve(file)
    try curve.append(0, 10 / 3)
    try curve.append(4096, 3.2228983480017632)
    XCTAssertEqual(try HeldOutCurve(file).rows, curve.rows)
    XCTAssertEqual(curve.rows, [[0, 10 / 3], [4096, 3.2228983480017632]])
  }

  func testAValidation() throws {
    let stopping = EarlyStopping(metric: .loss, every: 1)
    let history = try ValidationHistory(folder, stopping)
    let model = try LanguageModel(.preset("nano-1b"), seed: 1)
    try history.append(0, 10 / 3, model)
    try history.append(1, 2 / 3, model)
    XCTAssertEqual(try ValidationHistory(folder, stopping).rows.map(\.value), [10 / 3, 2 / 3])
  }

  /// What was measured on the way is part of the run: without some of it the curve would be another one.
  func testARunWhoseHeldOutCurveIsNotItsOwnIsRefused() throws {
    let fixture = try RecipeFixture(preset: "nano-1b", layers: 2)
    defer { fixture.remove() }
    let recipe = Distilling(
      student: fixture.base, teacher: nil, data: fixture.shards, heldOut: fixture.shards,
      plan: TrainingPlan(tokens: 320, batch: 2, time: 16))
    let whole = try recipe.run(in: fixture["whole"])
    XCTAssertEqual(whole.map { $0[0] }, [0, 160, 320])
    var steps = 0
    XCTAssertThrowsError(
      try recipe.run(
        in: fixture["parts"],
        shouldStop: {
          steps += 1
          return steps == 7
        })
    ) { XCTAssertEqual(($0 as? UpcycleError)?.kind, .interrupted, "\($0)") }
    let file = RunDirectory(fixture["parts"]).run.appendingPathComponent("heldout.csv")
    let text = String(decoding: try readFile(file), as: UTF8.self)
    let lines = text.split(separator: "\n").map { String($0) + "\n" }
    let others: [String?] = [
      nil, "", lines[0], lines[0] + lines[1], lines[0] + lines[2], String(text.dropLast(3)),
      "loss,tokens\n" + lines[1] + lines[2], text + "99999,1.5\n",
    ]
    for damaged in others {
      try FileManager.default.removeItem(at: file)
      if let damaged { try writeFile(damaged, to: file) }
      XCTAssertThrowsError(try recipe.run(in: fixture["parts"])) {
        XCTAssert("\($0)".contains("is not what this run measured"), "\(damaged ?? "none"): \($0)")
      }
    }
    try writeFile(text, to: file)
    XCTAssertEqual(try recipe.run(in: fixture["parts"]), whole)
    XCTAssertEqual(try fixture.digest("parts"), try fixture.digest("whole"))
    // A finished one says it too.
    try FileManager.default.removeItem(at: file)
    XCTAssertThrowsError(try recipe.run(in: fixture["parts"])) {
      XCTAssert("\($0)".contains("is not what this run measured"), "\($0)")
    }
  }

  func testValidationsThatAreNotAllThereAreRefused() throws {
    let steps = StepsMeasured(every: 4, of: 10)
    let file = folder.appendingPathComponent("validation.csv")
    XCTAssertEqual((0...10).filter(steps.holds), [0, 4, 8, 10])
    let own: [([Int], Int)] = [([0], 0), ([0], 3), ([0, 4], 4), ([0, 4, 8, 10], 4), ([0, 4, 8, 10], 10)]
    for (found, step) in own {
      XCTAssertNoThrow(try steps.require(found, by: step, in: file))
    }
    let others: [([Int], Int)] = [
      ([], 0), ([0], 4), ([4], 4), ([0, 8], 4), ([0, 4, 8], 10), ([0, 4, 8, 10, 12], 10),
    ]
    for (found, step) in others {
      XCTAssertThrowsError(try steps.require(found, by: step, in: file), "\(found) by \(step)") {
        XCTAssert("\($0)".contains("is not what this run measured up to step \(step)"), "\($0)")
      }
    }
  }
}
