import Foundation
import Groundwork
import ModelCore
import TestKit
import Worlds
import XCTest

@testable import Evaluation
@testable import TokenData

/// `--shots` from a file: documents of published tasks, and task items.
final class SolvedExamplesTests: XCTestCase {
  func testANumberAFileOrSoManyOfAFile() throws {
    XCTAssertEqual(try SolvedExamples("5").count, 5)
    XCTAssertNil(try SolvedExamples("5").file)
    XCTAssertEqual(try SolvedExamples("3:a/b.jsonl").count, 3)
    XCTAssertEqual(try SolvedExamples("3:a/b.jsonl").file?.relativePath, "a/b.jsonl")
    XCTAssertNil(try SolvedExamples("a/b.jsonl").count)
    XCTAssertEqual(try SolvedExamples("a:b.jsonl").file?.relativePath, "a:b.jsonl")
    for text in ["-1", "3:", ""] {
      XCTAssertThrowsError(try SolvedExamples(text), text) { XCTAssertEqual(($0 as? UpcycleError)?.exitCode, 2) }
    }
  }

  func testItemsStandBehindTheSolvedOnesOfTheirTask() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func item(_ task: String, _ id: Int, _ rest: String) -> String {
      "{\"task\": \"\(task)\", \"id\": \"\(id)\", \"facts\": [], \(rest)}\n"
    }
    func choice(_ id: Int) -> String {
      item(
        "where", id,
        "\"metric\": \"acc\", \"context\": \"Q\(id)\\nA:\", \"choices\": [\" no\", \" yes\(id)\"], \"answer\": 1")
    }
    let sum = "\"metric\": \"exact_match\", \"context\": \"1+1\\nA:\", \"answer_text\": \"2\", \"answer_after\": \"is\""
    let fill =
      "\"metric\": \"acc\", \"context\": \"x\", \"contexts\": [\"x a\", \"x b\"], \"choices\": [\" end\"], \"answer\": 0"
    let (asked, solved) = (folder.appendingPathComponent("asked.jsonl"), folder.appendingPathComponent("solved.jsonl"))
    try writeFile(choice(0) + choice(9) + item("sum", 1, sum) + item("fill", 1, fill), to: asked)
    try writeFile(
      choice(0) + item("sum", 2, sum) + choice(1) + item("fill", 2, fill) + choice(2), to: solved)
    func contexts(_ shots: String) throws -> [String] {
      try TaskSelection(asked.path, items: 9, shots: SolvedExamples(shots)).items().map(\.context)
    }
    // The item itself is no example of its own.
    XCTAssertEqual(
      try contexts(solved.path),
      [
        "Q1\nA: yes1\n\nQ2\nA: yes2\n\nQ0\nA:", "Q0\nA: yes0\n\nQ1\nA: yes1\n\nQ2\nA: yes2\n\nQ9\nA:",
        "1+1\nA: is 2\n\n1+1\nA:", "x a end\n\nx",
      ])
    XCTAssertEqual(try contexts("1:" + solved.path)[1], "Q0\nA: yes0\n\nQ9\nA:")
    XCTAssertEqual(try contexts("0:" + solved.path)[1], "Q9\nA:")
    for (shots, word) in [("2:" + solved.path, "the task sum"), ("3", "a file of solved items")] {
      XCTAssertThrowsError(try contexts(shots)) {
        XCTAssertTrue("\($0)".contains(word) && !"\($0)".contains("\n"), "\($0)")
      }
    }
  }

  /// What a task's name says counts, none too.
  func testATasksOwnNumberIsOfTheFileToo() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("solved.jsonl")
    let solved = try MicroworldTask.quiz.items(world: World(seed: 1, edition: .first), set: "b", count: 4)
    try TaskItem.write(solved, to: file)
    for (task, count) in [("quiz:0", 0), ("quiz:2", 2), ("quiz", 3)] {
      let item = try TaskSelection(task, items: 1, shots: SolvedExamples("3:" + file.path)).items()[0]
      XCTAssertEqual(solved.filter { item.context.contains($0.solved) }.count, count, task)
    }
  }
}
