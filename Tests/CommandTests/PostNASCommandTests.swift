import Groundwork
import TestKit
import XCTest

/// Jet-Nemotron as people type it.
final class PostNASCommandTests: XCTestCase {
  private let qwen = "experiments/teachers/nano-qwen-seed1"
  private var folder = URL(fileURLWithPath: "/")
  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  override func setUpWithError() throws {
    folder = try temporaryFolder()
    try packSentences(for: qwen, in: folder)
  }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func common(_ out: String) -> [String] {
    [
      "postnas", "--base", qwen, "--data", path("shards"), "--held-out", path("shards"), "--shares", "1,1,2", "--batch",
      "2",
      "--sequence", "64", "--out", path(out),
    ]
  }

  func testASearchLeavesAModelThatDecodes() throws {
    let search = common("jet") + ["--count", "2", "--beam", "1", "--windows", "1", "--tokens", "1024", "--quiet"]
    let made = try assertSucceeds("hylo", search)
    XCTAssertEqual(
      made.output.split(separator: "\n").filter { $0.contains("best with attention in") }.count, 2, made.output)
    XCTAssertTrue(made.output.contains("attention layers: "), made.output)
    XCTAssertTrue(made.output.contains("whole: held-out loss"), made.output)
    let info = try assertSucceeds("hybrid", ["info", "--model", path("jet"), "--json"]).output
    let report = try JSONValue(parsing: Data(info.utf8), file: "info")
    XCTAssertEqual(report["kv_percent"]?.double, 12.5, info)
    XCTAssertEqual(report["jet_layers"]?.array?.count, 14, info)
    // 14 layers of 16 states of 6 x 16 and three rows of 256 values.
    XCTAssertEqual(report["state_numbers"]?.int, 14 * (16 * 6 * 16 + 3 * 256), info)
    let text = try assertSucceeds("hybrid", ["info", "--model", path("jet")]).output
    XCTAssertTrue(text.contains("16 heads, state 6 x 16, 4 taps made of the input"), text)
    try assertSucceeds(
      "hybrid", ["generate", "--model", path("jet"), "--prompt", "The key", "--tokens", "4", "--quiet"])
    let again = try assertSucceeds("hylo", search)
    XCTAssertEqual(again.output, made.output)
    XCTAssertTrue(again.error.contains("finished already"), again.error)
    try assertRefused(
      "hybrid", ["export", "--model", path("jet"), "--format", "transformers", "--out", path("x")], status: 2,
      saying: ["modelling file does not compute", "found jet"])
  }

  func testGivenLayersAndRefusals() throws {
    let given = common("given") + ["--layers", "5,11", "--tokens", "512", "--quiet"]
    let printed = try assertSucceeds("hylo", given + ["--json"]).output
    let report = try JSONValue(parsing: Data(printed.utf8), file: "postnas --json")
    XCTAssertEqual(report["attention_layers"]?.array?.compactMap(\.int), [5, 11], printed)
    XCTAssertEqual(report["model"]?.string, path("given"))
    XCTAssertEqual(printed, report.text(pretty: true) + "\n", "one style for all commands")
    let other = common("x") + ["--quiet"]
    for (options, words) in [
      (["--tokens", "200"], ["--tokens", "without a step"]), (["--tokens", "0"], ["--tokens"]),
      (["--tokens", "1024", "--shares", "1,2"], ["--shares", "1,2"]),
      (["--tokens", "1024", "--count", "16"], ["--count", "1...15"]),
      (["--tokens", "1024", "--beam", "0"], ["--beam"]), (["--tokens", "1024", "--windows", "0"], ["--windows"]),
      (["--tokens", "1024", "--layers", "16"], ["--layers", "0...15"]),
      (["--tokens", "1024", "--layers", "all"], ["--layers", "all"]),
      (["--tokens", "1024", "--layers", "5", "--count", "2"], ["--count", "--layers"]),
      (["--tokens", "1024", "--layers", "5", "--beam", "2"], ["--beam", "--layers"]),
    ] { try assertRefused("hylo", other + options, status: 2, saying: words) }
    try assertRefused(
      "hylo", other + ["--tokens", "1024", "--teacher", path("none")], status: 1, saying: [path("none")])
    try assertRefused(
      "hylo", ["postnas", "--base", path("given"), "--data", path("shards"), "--tokens", "1M", "--out", path("x")],
      status: 2, saying: ["attention", "jet"])
    for name in ["x", "x.stages"] { XCTAssertFalse(FileManager.default.fileExists(atPath: path(name)), name) }
  }
}
