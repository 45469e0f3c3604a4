import Distillation
import Foundation
import Groundwork
import ModelCore
import TestKit
import XCTest

/// `hylo extend` as a user types it, on a hybrid made here.
final class ExtendCommandTests: XCTestCase {
  private nonisolated(unsafe) static var folder: URL!

  override class func setUp() {
    folder = try! temporaryFolder()
    func run(_ tool: String, _ arguments: [String]) { try! assertSucceeds(tool, arguments) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    for (name, seed) in [("base", "3"), ("teacher", "4"), ("other", "5")] {
      run("hybrid", ["create", "--preset", "nano-1b", "--out", path(name), "--seed", seed])
      try! giveTokenizer(to: folder.appendingPathComponent(name))
    }
    run(
      "xecomla",
      [
        "convert", "--model", path("base"), "--kv-rank", "16", "--q-rank", "84", "--rope-dim", "4", "--nope-dim", "4",
        "--layers", "all", "--out", path("hybrid"),
      ])
    let text = (0..<1500).map {
      "Document \($0): the cat number \($0 * 7 % 91) sat on mat \($0 * 3 % 17).\n<|endoftext|>"
    }
    try! writeFile(text.joined(separator: "\n") + "\n", to: folder.appendingPathComponent("text.txt"))
    run("shards", ["pack", "--input", path("text.txt"), "--tokenizer", path("base"), "--out", path("shards")])
  }
  override class func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func path(_ name: String) -> String { Self.folder.appendingPathComponent(name).path }

  private func extend(_ out: String, _ more: [String] = [], context: String = "640", tokens: String = "7680")
    -> [String]
  {
    [
      "extend", "--model", path("hybrid"), "--teacher", path("teacher"), "--data", path("shards"), "--context", context,
      "--tokens", tokens, "--out", path(out), "--batch", "2", "--quiet",
    ] + more
  }

  private func succeed(_ arguments: [String], line: UInt = #line) throws -> CommandResult {
    try assertSucceeds("hylo", arguments, line: line)
  }

  private func hash(_ name: String) throws -> String {
    try sha256(fileAt: URL(fileURLWithPath: path("\(name)/model.safetensors")))
  }

  /// It trains, writes its positions, and gives the same bytes when it is killed, and when the teacher's states come
  /// from disk.
  func testAKilledStageAndRecordedTeacherStatesGiveTheSameBits() throws {
    let calm = try succeed(extend("calm", ["--held-out", path("shards"), "--json"]))
    XCTAssertTrue(calm.error.contains("warning:") && calm.error.contains("512 positions"), calm.error)
    let result = try JSONValue(parsing: Data(calm.output.utf8), file: "extend --json")
    XCTAssertEqual(result["tokens"]?.int, 7680)
    let rows = try RunDirectory(Self.folder.appendingPathComponent("calm")).readMetrics().column("ce")
    XCTAssertEqual([result["first_loss"]?.double, result["last_loss"]?.double], [rows.first, rows.last])
    let heldOut = try XCTUnwrap(result["held_out"]?.array).compactMap { $0.array?.last?.double }
    XCTAssertLessThan(try XCTUnwrap(heldOut.last), try XCTUnwrap(heldOut.first))
    let config = try ModelConfig(contentsOf: Self.folder.appendingPathComponent("calm"))
    XCTAssertEqual(config.maxPosition, 640)
    XCTAssertEqual(config.latentRope.scaling, .yarn(.init(factor: 1.25, originalMaxPosition: 512)))

    for _ in 0..<2 {
      try launchAndKillAtACheckpoint(
        "hylo", extend("killed", ["--save-every", "0", "--cache-teacher"]), out: path("killed"))
    }
    _ = try succeed(extend("killed", ["--cache-teacher"]))
    XCTAssertEqual(try hash("killed"), try hash("calm"), "killed, resumed and on recorded states")
    _ = try succeed(extend("again", ["--teacher-states", path("killed/run/teacher")]))
    XCTAssertEqual(try hash("again"), try hash("calm"))

    let refused = try launch(
      "hylo", extend("mixed", ["--teacher", path("other"), "--teacher-states", path("killed/run/teacher")]))
    XCTAssertEqual(refused.status, 2)
    XCTAssertEqual(refused.errorLines.count, 1)
    XCTAssertTrue(refused.error.contains("states of something else"), refused.error)
  }

  func testRecordingTellsItsSteps() throws {
    let told = extend("told", ["--cache-teacher"], tokens: "1280").filter { $0 != "--quiet" }
    let notes = try succeed(told).error
    XCTAssertTrue(notes.contains("teacher states 1/1  steps"), notes)
    XCTAssertTrue(notes.contains("teacher states of 1 steps in "), notes)
    let again = try succeed(told + ["--json"]).output
    XCTAssertNil(try JSONValue(parsing: Data(again.utf8), file: "extend --json")["peak_bytes"], "nothing was trained")
    XCTAssertFalse(try succeed(told).output.contains("peak memory"))
  }

  /// No tokens: the positions change and nothing else.
  func testWithoutTokensOnlyPositionsChange() throws {
    let alone = ["extend", "--model", path("hybrid"), "--context", "8192", "--tokens", "0", "--out", path("alone")]
    XCTAssertTrue(try succeed(alone).output.contains("8192 positions, YaRN 16.0 of 512"))
    func values(_ name: String) throws -> [Float] {
      try LanguageModel(folder: Self.folder.appendingPathComponent(name)).parameters.values.toArray()
    }
    XCTAssertEqual(try values("alone"), try values("hybrid"))
    XCTAssertEqual(try ModelConfig(contentsOf: Self.folder.appendingPathComponent("alone")).maxPosition, 8192)
    let given = [
      "extend", "--model", path("alone"), "--context", "8192", "--tokens", "0", "--yarn", "1", "--out", path("off"),
    ]
    XCTAssertTrue(try succeed(given).output.contains("positions: 8192 positions\n"))
  }

  func testImpossibleStagesAreRefusedAndLeaveNothing() throws {
    for (arguments, expected) in [
      (extend("x", ["--budget", "2MiB"]), "weights, gradients and moments alone pass the budget"),
      (
        extend("x", ["--budget", "100MiB", "--no-checkpointing"], context: "4096", tokens: "8192"),
        "--checkpointing fit"
      ),
      (extend("x", ["--budget", "lots"]), "is not a number of bytes"),
      (extend("x", context: "1M"), "at least one step"),
      (extend("x", ["--model", path("base"), "--yarn", "4"]), "latent attention, which this model does not have"),
      (extend("x", ["--kl-weight=-1"]), "--ce-weight, --kl-weight"),
      (extend("x", ["--model", path("nothing")]), "nothing"),
      // Without --data: the microworld's long documents, for a model of its own.
      (
        ["extend", "--model", path("hybrid"), "--context", "640", "--tokens", "7680", "--out", path("x")],
        "a KL weight needs a teacher"
      ),
      (
        [
          "extend", "--model", path("hybrid"), "--data", path("shards"), "--context", "640", "--tokens", "7680",
          "--out", path("x"),
        ], "a KL weight needs a teacher"
      ),
      (extend("base"), "holds a model already"),
    ] {
      let result = try launch("hylo", arguments)
      XCTAssertEqual(result.errorLines.count, 1, result.error)
      XCTAssertTrue([1, 2].contains(result.status))
      XCTAssertTrue(result.error.contains(expected), "\(expected) in\n\(result.error)")
    }
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("x")), "nothing is left of what was refused")
  }
}
