import Foundation
import Groundwork
import TestKit
import XCTest

/// No option is taken and then left out of account: what says nothing in a mode is refused there.
final class SilentOptionsTests: XCTestCase {
  private let model = "experiments/teachers/nano-1b-seed1"
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  func testWhatSaysNothingIsRefused() throws {
    let requests = folder.appendingPathComponent("requests.jsonl")
    try writeFile("{\"prompt\": \"The town\", \"max_tokens\": 2}\n", to: requests)
    let throughput = ["throughput", "--model", model]
    let serve = throughput + ["--requests", requests.path]
    let samples = ["ruler", "--write", path("samples"), "--tasks", "vt", "--lengths", "256", "--samples", "1"]
    for (arguments, option, words) in [
      (["generate", "--model", model, "--chat", "--prompt", "Hi", "--bos", "on"], "--bos", "says nothing with --chat"),
      (serve + ["--batch", "2"], "--batch", "says nothing with --requests"),
      (serve + ["--tokens", "2"], "--tokens", "says nothing with --requests"),
      (serve + ["--prefill"], "--prefill", "says nothing with --requests"),
      (throughput + ["--tokens", "1", "--csv", path("one.csv")], "--csv", "is of a sweep"),
      (samples + ["--csv", path("scores.csv")], "--csv", "needs a model"),
      (samples + ["--json"], "--json", "needs a model"),
      (samples + ["--grid"], "--grid", "needs a model"),
    ] { try assertRefused("hybrid", arguments, status: 2, saying: [option, words]) }
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("samples")))
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("one.csv")))
  }

  /// Each set is a folder: no set is missing, written twice, hidden or out of its place.
  func testSetsOfTasksAreNames() throws {
    for sets in ["", "a,,b", "a,a", "a,..", ".a", "a/../../b", "/tmp/a"] {
      let generate = ["generate", "--pretraining-tokens", "0", "--items", "1", "--out", path("world"), "--sets", sets]
      try assertRefused("shards", generate, status: 2, saying: ["--sets", "expected different names", "'\(sets)'"])
    }
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.path), [])
  }

  /// A conversation tells what memory its last answer took.
  func testAConversationReportsMemory() throws {
    let template = folder.appendingPathComponent("template.jinja")
    try writeFile("{{ messages[0].content }}", to: template)
    let program = builtProducts().appendingPathComponent("hybrid").path
    let result = try launch(
      "/bin/bash",
      [
        "-euo", "pipefail", "-c",
        "echo 'The town of' | '\(program)' generate --model \(model) --chat --chat-template '\(template.path)' "
          + "--tokens 2 --quiet --report-memory",
      ])
    XCTAssertEqual(result.status, 0, result.error)
    XCTAssertTrue(result.error.contains("bytes, whatever the length"), result.error)
  }
}
