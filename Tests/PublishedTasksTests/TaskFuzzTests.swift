import Foundation
import Groundwork
import PublishedTasks
import TestKit
import XCTest

/// Mutated task files: refused in one line or read.
final class TaskFuzzTests: XCTestCase {
  private static let task = """
    include: shared.yaml
    task: quiz
    doc_to_text: "{{question}}"
    doc_to_choice: &choices ["a", "b"]
    doc_to_target: 1
    output_type: multiple_choice
    num_fewshot: 2
    metric_list: [{metric: acc, higher_is_better: true}]
    filter_list: [{name: f, filter: [{function: regex, regex_pattern: "(a|b)+", group_select: 0}]}]
    metadata: {version: 1.0, again: *choices}

    """

  func testMutatedTasks() throws {
    let folder = try memoryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try writeFile("tag: t\n", to: folder.appendingPathComponent("shared.yaml"))
    let url = folder.appendingPathComponent("mutant.yaml")
    Fuzz.run("published tasks", place: folder.path) { _, random in
      try TextMutation.of(Self.task, &random).write(to: url)
      let task = try PublishedTask(contentsOf: url)
      XCTAssertGreaterThanOrEqual(task.shots, 0)
    }
  }
}
