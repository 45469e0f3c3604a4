import Groundwork
import TestKit
import XCTest

/// HypeNet as people type it.
final class HALOCommandTests: XCTestCase {
  private let qwen = "experiments/teachers/nano-qwen-seed1"
  private var folder = URL(fileURLWithPath: "/")
  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  override func setUpWithError() throws {
    folder = try temporaryFolder()
    let lines = (0..<400).map { "The key number \($0) opens the \(["red", "old", "tall"][$0 % 3]) gate of the town." }
    try writeFile(lines.joined(separator: "\n\n"), to: folder.appendingPathComponent("text.txt"))
    try assertSucceeds(
      "shards", ["pack", "--input", path("text.txt"), "--tokenizer", qwen, "--out", path("shards")])
  }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  func testAHybridOfAQuarterOfTheLayers() throws {
    func halo(_ out: String) -> [String] {
      [
        "halo", "--base", qwen, "--data", path("shards"), "--held-out", path("shards"), "--batch", "2", "--sequence",
        "64",
        "--windows", "1", "--out", path(out), "--quiet",
      ]
    }
    let made = try assertSucceeds("hylo", halo("hype") + ["--count", "4", "--tokens", "1024"])
    XCTAssertEqual(made.output.split(separator: "\n").filter { $0.contains("KL without") }.count, 16, made.output)
    XCTAssertEqual(made.output.split(separator: "\n").filter { $0.hasSuffix("  attention") }.count, 4, made.output)
    let info = try assertSucceeds("hybrid", ["info", "--model", path("hype"), "--json"]).output
    let report = try JSONValue(parsing: Data(info.utf8), file: "info")
    XCTAssertEqual(report["kv_percent"]?.double, 25, info)
    XCTAssertEqual(report["lightning_layers"]?.array?.count, 12, info)
    XCTAssertEqual(report["state_numbers"]?.int, 12 * 16 * 8 * 8, info)
    try assertSucceeds(
      "hybrid", ["generate", "--model", path("hype"), "--prompt", "The key", "--tokens", "4", "--quiet"])
    // States stand by themselves: what is called the cache is what the share of the base's is of.
    let told = try assertSucceeds(
      "hybrid", ["generate", "--model", path("hype"), "--prompt", "The key", "--tokens", "4"])
    let numbers = try XCTUnwrap(
      told.error.firstMatch(of: /KV cache ([0-9,]+) bytes per token, ([0-9,]+) in all \(([0-9]+) tokens/), told.error)
    func value(_ text: Substring) -> Int { Int(text.filter(\.isNumber)) ?? 0 }
    XCTAssertEqual(value(numbers.1) * value(numbers.3), value(numbers.2), told.error)
    XCTAssertNotNil(told.error.firstMatch(of: /\nstate    [0-9,]+ bytes, whatever the length/), told.error)
    let timed = try assertSucceeds("hybrid", ["throughput", "--model", path("hype"), "--prompt", "2", "--tokens", "1"])
    XCTAssertTrue(timed.output.contains(" bytes, states included (base model: "), timed.output)
    let again = try assertSucceeds("hylo", halo("hype") + ["--count", "4", "--tokens", "1024"])
    XCTAssertEqual(again.output, made.output)
    XCTAssertTrue(again.error.contains("finished already"), again.error)
    for (options, words) in [
      (["--count", "4", "--tokens", "200"], ["--tokens", "without a step"]),
      (["--count", "16", "--tokens", "1024"], ["--count", "1...15"]),
      (["--count", "4", "--tokens", "1024", "--shares", "1,2,3"], ["--shares", "1,2,3"]),
    ] { try assertRefused("hylo", halo("x") + options, status: 2, saying: words) }
    try assertRefused(
      "hylo",
      ["halo", "--base", path("hype"), "--count", "1", "--data", path("shards"), "--tokens", "1M", "--out", path("x")],
      status: 2, saying: ["--base: ", "attention", "lightning-attn"])
    for name in ["x", "x.stages"] { XCTAssertFalse(FileManager.default.fileExists(atPath: path(name)), name) }
  }
}
