import Foundation
import Groundwork
import TestKit
import XCTest

/// `farskip convert` and `farskip distill` as a user types them, on models made here.
final class FarskipCommandTests: XCTestCase {
  private nonisolated(unsafe) static var folder: URL!

  override class func setUp() {
    folder = try! temporaryFolder()
    for preset in ["nano-qwen-moe", "nano-1b"] {
      try! assertSucceeds(
        "hybrid", ["create", "--preset", preset, "--out", folder.path + "/" + preset, "--seed", "3"])
      try! giveTokenizer(to: folder.appendingPathComponent(preset))
    }
    let text = (0..<600).map { "User: Where is cat \($0 * 7 % 91)?\nAssistant: On mat \($0 * 3 % 17).\n<|endoftext|>" }
    try! writeFile(text.joined(separator: "\n") + "\n", to: folder.appendingPathComponent("text.txt"))
    try! assertSucceeds(
      "shards",
      [
        "pack", "--input", folder.path + "/text.txt", "--tokenizer", folder.path + "/nano-1b", "--out",
        folder.path + "/shards",
      ])
  }
  override class func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func path(_ name: String) -> String { Self.folder.appendingPathComponent(name).path }

  private func convert(_ out: String, _ more: [String] = [], model: String = "nano-qwen-moe") -> [String] {
    let data = more.contains("--no-measure") ? [] : ["--data", path("shards")]
    return ["convert", "--model", path(model), "--out", path(out)] + data + more
  }

  private func hash(_ name: String) throws -> String {
    try sha256(fileAt: URL(fileURLWithPath: path("\(name)/model.safetensors")))
  }

  func testConvertRewiresWithoutTouchingAWeight() throws {
    let result = try JSONValue(
      parsing: Data(try assertSucceeds("farskip", convert("far", ["--layers", "last:75%", "--json"])).output.utf8),
      file: "convert --json")
    XCTAssertEqual(result["model"]?.string, path("far"))
    XCTAssertEqual(result["rewired_layers"]?.array?.compactMap(\.int), [2, 3, 4, 5, 6, 7])
    XCTAssertNotEqual(result["loss"]?.double, result["loss_before"]?.double)
    XCTAssertEqual(try hash("far"), try hash("nano-qwen-moe"), "weights are untouched")
    let config = try JSONValue(contentsOf: URL(fileURLWithPath: path("far/config.json")))
    XCTAssertEqual(
      config["farskip_connectivity"]?.array?.map(\.string),
      ["standard", "standard"] + Array(repeating: "farskip", count: 6))
    let text = try assertSucceeds("farskip", convert("one", ["--layers", "2-3", "--connectivity", "attention-only"]))
      .output
    XCTAssertTrue(text.contains("attention-only: layers 2,3") && text.contains("perplexity"), text)
    let info = try assertSucceeds("hybrid", ["info", "--model", path("far")]).output
    XCTAssertTrue(info.contains("2 of 16, width 96") && info.contains("farskip in layers 2-7"), info)
    let known = try assertSucceeds("hybrid", ["info", "--preset", "deepseek-v3", "--json"]).output
    let sizes = try JSONValue(parsing: Data(known.utf8), file: "info --json")
    XCTAssertEqual(sizes["feed_forward_parameters_per_layer"]?.int, 396_361_728, "of the layers without experts")
    XCTAssertEqual(sizes["experts_parameters_per_layer"]?.int, 11_320_164_608)
    try assertRefused(
      "hybrid", ["info", "--preset", "deepseek-v3", "--kv-rank", "64"], status: 2,
      saying: ["cannot replace layers", "without experts", "found 256 experts"])
    // Standard again is the model that it was.
    try assertSucceeds(
      "farskip",
      ["convert", "--model", path("far"), "--connectivity", "standard", "--no-measure", "--out", path("back")])
    XCTAssertNil(try JSONValue(contentsOf: URL(fileURLWithPath: path("back/config.json")))["farskip_connectivity"])
    let said = try assertSucceeds(
      "hybrid", ["generate", "--model", path("far"), "--prompt", "User: Where", "--tokens", "4", "--quiet"]
    ).output
    XCTAssertGreaterThan(said.count, "User: Where".count, said)
    try writeFile("[[1,2,3]]", to: URL(fileURLWithPath: path("ids.json")))
    try assertSucceeds(
      "hybrid", ["logits", "--model", path("far"), "--ids", path("ids.json"), "--out", path("logits.safetensors")])
  }

  func testConvertRefusesDenseModelsAndOddLayers() throws {
    try assertRefused("farskip", convert("bad", model: "nano-1b"), status: 2, saying: ["dense model", "nano-1b"])
    try assertRefused("farskip", convert("bad", ["--layers", "2-11"]), status: 2, saying: ["--layers", "0...7"])
    try assertRefused("farskip", convert("bad", ["--layers", "last:0%"]), status: 2, saying: ["--layers", "last:0%"])
    try assertRefused("farskip", convert("bad", ["--layers", "first:9"]), status: 2, saying: ["--layers", "9"])
    try assertRefused(
      "farskip", convert("bad", ["--connectivity", "ladder"]), status: 2, saying: ["ladder", "farskip"])
    try assertRefused("farskip", convert("nano-qwen-moe"), status: 2, saying: ["is what the command reads"])
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("bad")))
  }

  private func distill(_ out: String, _ more: [String] = [], student: String = "kd-student", tokens: String = "4096")
    -> [String]
  {
    [
      "distill", "--student", path(student), "--teacher", path("nano-qwen-moe"), "--data", path("shards"), "--tokens",
      tokens,
      "--batch", "2", "--sequence", "64", "--out", path(out), "--quiet",
    ] + more
  }

  func testAKilledDistillationEndsWithTheSameBitsAndOptionsMatter() throws {
    try assertSucceeds("farskip", convert("kd-student", ["--no-measure"]))
    try assertSucceeds("farskip", distill("calm"))
    try launchAndKillAtACheckpoint("farskip", distill("killed", ["--save-every", "0"]), out: path("killed"))
    try assertSucceeds("farskip", distill("killed"))
    XCTAssertEqual(try hash("killed"), try hash("calm"), "resumed against uninterrupted")
    let config = try JSONValue(contentsOf: URL(fileURLWithPath: path("calm/config.json")))
    XCTAssertEqual(config["farskip_connectivity"]?.array?.count, 8)
    try assertSucceeds("farskip", distill("short", tokens: "512"))
    for (name, options) in [
      ("sft", ["--objective", "sft"]), ("hidden", ["--objective", "kl+hidden"]), ("frozen", ["--frozen-embeddings"]),
      ("all", ["--all-tokens"]),
    ] {
      try assertSucceeds("farskip", distill(name, options, tokens: "512"))
      XCTAssertNotEqual(try hash(name), try hash("short"), name)
    }
    // A rate of next to nothing improves nothing: two validations later it ends, with the weights of the best.
    let stopped = try JSONValue(
      parsing: Data(
        try assertSucceeds(
          "farskip",
          distill(
            "stopped",
            ["--lr", "1e-12", "--patience", "2", "--validate-every", "4", "--held-out", path("shards"), "--json"])
        ).output.utf8), file: "distill --json")
    XCTAssertEqual(stopped["stopped_early"]?.bool, true)
    XCTAssertEqual(stopped["model"]?.string, path("stopped"))
    XCTAssertEqual(stopped["validation"]?.array?.compactMap { $0.array?[0].int }, [0, 4, 8])
    // Without --patience the held-out text is measured on the way, as `xecomla distill` does.
    let follow = distill("followed", ["--held-out", path("shards"), "--json"])
    let followed = try assertSucceeds("farskip", follow).output
    let points = try JSONValue(parsing: Data(followed.utf8), file: "distill --json")["held_out"]?.array ?? []
    let tokens = points.compactMap { $0.array?[0].double }
    XCTAssertEqual(tokens, Array(stride(from: 0.0, through: 4096, by: 640)) + [4096])
    XCTAssertEqual(try assertSucceeds("farskip", follow).output, followed)
    XCTAssertEqual(try hash("followed"), try hash("calm"), "measuring changes nothing")
    // The finished command says the same again.
    try assertSucceeds("farskip", distill("calm"))
    try assertRefused("farskip", distill("calm", ["--lr", "0.1"]), status: 2, saying: ["other settings"])
  }

  func testDistillRefusesImpossiblePlans() throws {
    try assertSucceeds("farskip", convert("far2", ["--no-measure"]))
    try assertRefused("farskip", distill("bad", student: "nano-1b"), status: 2, saying: ["dense model"])
    try assertRefused(
      "farskip",
      [
        "distill", "--student", path("far2"), "--teacher", path("far2"), "--data", path("shards"), "--tokens", "4096",
        "--batch", "2", "--sequence", "64", "--out", path("bad"),
      ],
      status: 2, saying: ["is the student itself"])
    try assertRefused("farskip", distill("bad", student: "far2", tokens: "some"), status: 2, saying: ["--tokens"])
    try assertRefused(
      "farskip", distill("bad", ["--patience", "0", "--held-out", path("shards")], student: "far2"), status: 2,
      saying: ["--patience"])
    try assertRefused("farskip", distill("bad", ["--patience", "2"], student: "far2"), status: 2, saying: ["held-out"])
    try assertRefused("farskip", distill("bad", ["--objective", "mse"], student: "far2"), status: 2, saying: ["mse"])
    let lines = (0..<200).map { "The cat number \($0) sat on the mat." }
    try writeFile(lines.joined(separator: "\n\n"), to: URL(fileURLWithPath: path("plain.txt")))
    try assertSucceeds(
      "shards", ["pack", "--input", path("plain.txt"), "--tokenizer", path("nano-1b"), "--out", path("plain")])
    try assertRefused(
      "farskip", distill("bad", ["--data", path("plain")], student: "far2"), status: 2,
      saying: ["plain", "holds no answers", "--all-tokens"])
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("bad/config.json")))
  }
}
