import Groundwork
import TestKit
import XCTest

/// Our recipe as people type it.
final class UpcycleCommandTests: XCTestCase {
  private let base = "experiments/teachers/nano-1b-seed1"
  private var folder = URL(fileURLWithPath: "/")
  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  override func setUpWithError() throws {
    folder = try temporaryFolder()
    let lines = (0..<400).map { "The key number \($0) opens the \(["red", "old", "tall"][$0 % 3]) gate of the town." }
    try writeFile(lines.joined(separator: "\n\n"), to: folder.appendingPathComponent("text.txt"))
    try assertSucceeds(
      "shards", ["pack", "--input", path("text.txt"), "--tokenizer", base, "--out", path("shards")])
  }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func upcycle(_ out: String, _ options: [String] = ["--kv", "5%", "--tokens", "1024"]) -> [String] {
    [
      "upcycle", "--model", base, "--data", path("shards"), "--held-out", path("shards"), "--batch", "2", "--sequence",
      "64", "--windows", "1", "--out", path(out), "--quiet",
    ] + options
  }

  func testAPlanThenAHybridOfFivePercent() throws {
    let planned = try assertSucceeds("zebra", upcycle("hybrid") + ["--plan"])
    XCTAssertTrue(
      planned.output.contains("5 of 16 layers latent, KV cache 4.88 % of the base's (with the states"), planned.output)
    for experiment in ["zebra/best", "zebra/own-placement", "hylo/table2"] {
      XCTAssertTrue(planned.output.contains("\(experiment), "), planned.output)
    }
    let named = [
      "upcycle", "--model", base, "--data", path("shards"), "--tokens", "1024", "--batch", "2", "--sequence", "64",
      "--plan", "--out", "runs/none", "--teacher", "experiments/teachers/nano-8b-seed1",
    ]
    let places = try assertSucceeds("zebra", named).output
    XCTAssertTrue(places.contains(" -> runs/none\n"), "as the user named it: \(places)")
    XCTAssertTrue(places.contains("follows experiments/teachers/nano-8b-seed1, "), "as the user named it: \(places)")
    let json = try assertSucceeds("zebra", upcycle("hybrid") + ["--plan", "--json"]).output
    let plan = try JSONValue(parsing: Data(json.utf8), file: "plan")
    XCTAssertEqual(plan["steps"]?.array?.compactMap { $0["tokens"]?.int }, [256, 256, 0, 0, 512], json)
    XCTAssertEqual(plan["why"]?.array?.count, 10, json)
    for name in ["hybrid", "hybrid.stages"] { XCTAssertFalse(FileManager.default.fileExists(atPath: path(name)), name) }

    let made = try assertSucceeds("zebra", upcycle("hybrid"))
    XCTAssertTrue(made.output.hasPrefix(planned.output), made.output)
    XCTAssertEqual(made.output.split(separator: "\n").filter { $0.hasSuffix("  latent") }.count, 5, made.output)
    let info = try assertSucceeds("hybrid", ["info", "--model", path("hybrid"), "--json"]).output
    let report = try JSONValue(parsing: Data(info.utf8), file: "info")
    XCTAssertEqual(report["kv_percent"]?.double ?? 0, 4.8828125, accuracy: 1e-6, info)
    try assertSucceeds(
      "hybrid", ["generate", "--model", path("hybrid"), "--prompt", "The key", "--tokens", "4", "--quiet"])
    let again = try assertSucceeds("zebra", upcycle("hybrid"))
    XCTAssertEqual(again.output, made.output)
    XCTAssertTrue(again.error.contains("finished already"), again.error)
    try assertRefused(
      "zebra",
      ["upcycle", "--model", path("hybrid"), "--data", path("shards"), "--tokens", "1M", "--out", path("x")], status: 2,
      saying: ["--model: ", "attention"])
  }

  func testWhatCannotBeDone() throws {
    for (options, words) in [
      (["--kv", "5%", "--tokens", "200"], ["--tokens", "without a step"]),
      (["--kv", "0.5%", "--tokens", "1024"], ["--kv", "0.98%"]),
      (["--kv", "20%", "--tokens", "1024"], ["--kv", "20%", "xecomla convert"]),
      (["--kv", "5", "--tokens", "1024"], ["--kv", "5%"]),
      (["--windows", "0", "--tokens", "1024"], ["--windows"]),
    ] { try assertRefused("zebra", upcycle("x", options), status: 2, saying: words) }
    try assertRefused(
      "zebra", upcycle("x", ["--tokens", "1024", "--teacher", path("none")]), status: 1, saying: [path("none")])
    for name in ["x", "x.stages"] { XCTAssertFalse(FileManager.default.fileExists(atPath: path(name)), name) }
  }
}
