import Foundation
import Groundwork
import TestKit
import XCTest

/// `hybrid evaluate` as people type it, on a committed model.
final class EvaluateCommandTests: XCTestCase {
  private let model = "experiments/teachers/nano-smol-seed1"

  private func evaluate(_ tasks: String, _ options: [String] = []) -> [String] {
    ["evaluate", "--model", model, "--tasks", tasks, "--items", "6", "--quiet"] + options
  }

  /// Published tasks evict as the microworld's do, and what says nothing of them is refused.
  func testPublishedTasksHeedTheirOptions() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let (task, file) = (
      "Tests/PublishedTasksTests/Goldens/tasks/goal.yaml", folder.appendingPathComponent("scores.json")
    )
    func logLikelihoods(_ options: [String] = []) throws -> [JSONValue] {
      try assertSucceeds("hybrid", evaluate(task, ["--out", file.path] + options))
      let results = try JSONValue(contentsOf: file)
      XCTAssertEqual(results["config"]?["model_args"]?["cache"]?.string, options.last)
      return try XCTUnwrap(results["samples"]?["goal"]?.array).compactMap { $0["resps"] }
    }
    let kept = try logLikelihoods()
    XCTAssertEqual(kept.count, 6)
    XCTAssertNotEqual(try logLikelihoods(["--cache", "h2o:6%"]), kept)
    try assertRefused("hybrid", evaluate("\(task),\(task)"), status: 2, saying: ["goal.yaml", "two tasks"])
    for (option, value) in [("--world", "1"), ("--seed", "2"), ("--set", "b"), ("--data-dir", "/nowhere/at/all")] {
      try assertRefused("hybrid", evaluate(task, [option, value]), status: 2, saying: [option])
    }
  }

  func testScoresAreComparedWithThoseOfTheSameQuestions() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("scores.json").path
    try assertSucceeds("hybrid", evaluate("recall,goals", ["--out", file]))
    let printed = try assertSucceeds("hybrid", evaluate("goals,recall", ["--against", file, "--json"])).output
    let paired = try JSONValue(parsing: Data(printed.utf8), file: "evaluate --json")["paired"]
    for task in ["goals", "recall"] {
      XCTAssertEqual(paired?[task]?["n"]?.int, 6, printed)
      XCTAssertEqual(paired?[task]?["difference"]?["value"]?.double, 0, printed)
    }
    try assertRefused(
      "hybrid", evaluate("recall,goals", ["--against", file, "--seed", "7"]), status: 1,
      saying: ["asked different questions", "--seed"])
    try assertRefused("hybrid", evaluate("rules", ["--against", file]), status: 1, saying: ["share no task", "rules"])
    try assertRefused("hybrid", evaluate("recall:0,recall:5"), status: 2, saying: ["--tasks", "twice", "recall"])
  }
}
