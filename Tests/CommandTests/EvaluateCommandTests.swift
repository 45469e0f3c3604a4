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

  /// What is wrong in any case, and what is not read, is said of published tasks too.
  func testPublishedTasksSayWhatTheyLose() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    let fields = "test_split: test\ndoc_to_text: q\ndoc_to_target: a\n"
    try writeFile(
      "task: chosen\noutput_type: multiple_choice\ndoc_to_choice: c\n" + fields,
      to: folder.appendingPathComponent("chosen.yaml"))
    try writeFile(
      "task: written\ngeneration_kwargs:\n  max_gen_toks: 2\n" + fields,
      to: folder.appendingPathComponent("written.yaml"))
    let long = String(repeating: "The old cat sat down. ", count: 200)
    let documents = [("A question", "0"), (long, "1"), ("Another one", "2")].map { question, answer in
      "{\"q\": \"\(question)\", \"c\": [\"x\", \"y\"], \"a\": \(answer)}\n"
    }
    try writeFile(documents.joined(), to: folder.appendingPathComponent("test.jsonl"))
    let result = try assertSucceeds("hybrid", evaluate("\(path("chosen.yaml")),\(path("written.yaml"))"))
    for note in [
      "note: chosen: 1 of 3 documents have a right answer that is none of their choices",
      "note: 2 of 6 questions exceed 512 positions and lose their beginnings",
    ] { XCTAssertTrue(result.error.contains(note), result.error) }
  }

  /// Scores say what they were made from, of own tasks too, whose items need no more than the help says.
  func testScoresSayWhatTheyAreOf() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let (file, tasks) = (folder.appendingPathComponent("scores.json"), folder.appendingPathComponent("mine.jsonl"))
    try writeFile(
      #"{"task": "capitals", "id": "1", "context": "The capital of France is", "choices": [" Paris", " Rome"], "#
        + #""answer": 0, "metric": "acc"}"# + "\n", to: tasks)
    try assertSucceeds(
      "hybrid", evaluate("recall,\(tasks.path)", ["--cache", "h2o:50%", "--out", file.path]))
    let scores = try JSONValue(contentsOf: file)
    XCTAssertEqual(scores["tasks"]?.array?.compactMap { $0["task"]?.string }, ["recall", "capitals"])
    XCTAssertEqual(scores["cache"]?.string, "h2o:50%")
    XCTAssertEqual(scores["model"]?.string, model)
    XCTAssertEqual(scores["model_hash"]?.string?.count, 64)
    XCTAssertEqual(scores["set"]?.string, "a")
    try assertSucceeds("hybrid", evaluate("recall", ["--shots", "2", "--out", file.path]))
    XCTAssertEqual(try JSONValue(contentsOf: file)["shots"]?.string, "2")
    let compared = try assertSucceeds("hybrid", evaluate("recall", ["--against", file.path]))
    XCTAssertTrue(compared.error.contains("was made with --shots 2"), compared.error)
    XCTAssertFalse(compared.error.contains("lose their beginnings"), compared.error)
    let long = try assertSucceeds("hybrid", evaluate("recall", ["--shots", "60"]))
    XCTAssertTrue(long.error.contains("6 of 6 questions exceed 512 positions"), long.error)
    try writeFile("{\"id\": \"1\"}\n", to: tasks)
    try assertRefused("hybrid", evaluate(tasks.path), status: 1, saying: ["mine.jsonl:1", "The capital of France is"])
    try assertRefused("hybrid", evaluate("goal.yaml:3"), status: 2, saying: ["--tasks", "--shots"])
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
      "hybrid", evaluate("recall,goals", ["--against", file, "--seed", "7"]), status: 2,
      saying: ["--against", "asked different questions", "--seed 1", "--seed 7"])
    try assertRefused("hybrid", evaluate("rules", ["--against", file]), status: 1, saying: ["share no task", "rules"])
    try assertRefused("hybrid", evaluate("recall:0,recall:5"), status: 2, saying: ["--tasks", "twice", "recall"])
  }

  /// Of generated answers no choices tell that questions of one id are others; examples before them may differ.
  func testOtherQuestionsAreNotComparedWhateverTheirForm() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let (file, mine) = (folder.appendingPathComponent("scores.json").path, folder.appendingPathComponent("mine.jsonl"))
    func against(_ tasks: String, _ options: [String] = []) -> [String] {
      ["evaluate", "--model", model, "--tasks", tasks, "--items", "2", "--quiet", "--against", file] + options
    }
    try assertSucceeds("hybrid", evaluate("problems", ["--out", file]))
    try assertSucceeds("hybrid", against("problems"))
    for (option, value) in [("--seed", "7"), ("--set", "b"), ("--world", "2")] {
      try assertRefused(
        "hybrid", against("problems", [option, value]), status: 2,
        saying: ["asked different questions", "\(option) \(value)"])
    }
    try assertSucceeds("hybrid", evaluate("recall:1", ["--out", file]))
    let behindOthers = try assertSucceeds("hybrid", against("recall"))
    XCTAssertTrue(behindOthers.error.contains("was made with --tasks recall:1"), behindOthers.error)
    func write(_ country: String) throws {
      try writeFile(
        "{\"task\": \"capitals\", \"id\": \"1\", \"context\": \"The capital of \(country) is\", "
          + "\"choices\": [\" Paris\", \" Rome\"], \"answer\": 0, \"metric\": \"acc\"}\n", to: mine)
    }
    try write("France")
    try assertSucceeds("hybrid", evaluate(mine.path, ["--out", file]))
    try assertSucceeds("hybrid", against(mine.path))
    try write("Norway")
    try assertRefused(
      "hybrid", against(mine.path), status: 1, saying: ["asked different questions", "task capitals, item 1"])
  }
}
