import Groundwork
import TestKit
import XCTest

/// MambaInLlama, Llamba and Minitron as people type them.
final class MohawkCommandTests: XCTestCase {
  private let smol = "experiments/teachers/nano-smol-seed1"
  private var folder = URL(fileURLWithPath: "/")
  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  override func setUpWithError() throws {
    folder = try temporaryFolder()
    try packSentences(for: smol, in: folder)
  }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  func testMohawkMakesAModelWithoutACache() throws {
    let mohawk = [
      "mohawk", "--base", smol, "--data", path("shards"), "--held-out", path("shards"), "--shares", "1,1,2",
      "--batch", "2", "--sequence", "64", "--out", path("llamba"),
    ]
    let made = try assertSucceeds("zebra", mohawk + ["--tokens", "1024", "--quiet"])
    XCTAssertEqual(made.output.split(separator: "\n").filter { $0.contains("(matrices)") }.count, 12, made.output)
    XCTAssertTrue(made.output.contains("held-out loss"), made.output)
    let info = try assertSucceeds("hybrid", ["info", "--model", path("llamba"), "--json"]).output
    let report = try JSONValue(parsing: Data(info.utf8), file: "info")
    XCTAssertEqual(report["kv_percent"]?.double, 0, info)
    XCTAssertNil(report["attention_parameters_per_layer"]?.int, "there is no attention")
    try assertSucceeds(
      "hybrid", ["generate", "--model", path("llamba"), "--prompt", "The key", "--tokens", "4", "--quiet"])
    let again = try assertSucceeds("zebra", mohawk + ["--tokens", "1024", "--quiet"])
    XCTAssertEqual(again.output, made.output)
    XCTAssertTrue(again.error.contains("finished already"), again.error)
    let json = try assertSucceeds("zebra", mohawk + ["--tokens", "1024", "--quiet", "--json"]).output
    let outcome = try JSONValue(parsing: Data(json.utf8), file: "mohawk --json")
    XCTAssertNotNil(outcome["held_out"], json)
    XCTAssertEqual(outcome["model"]?.string, path("llamba"))
    XCTAssertEqual(json, outcome.text(pretty: true) + "\n", "one style for all commands")
    try assertRefused("zebra", mohawk + ["--tokens", "2k"], status: 2, saying: ["--out", "other settings"])
    let slower = try launch("zebra", mohawk + ["--tokens", "1024", "--layer-lr", "1e-3"])
    XCTAssertEqual(slower.status, 2)
    XCTAssertFalse(slower.error.contains("--lr"), "which is another option: \(slower.error)")
    let other = mohawk.dropLast() + [path("other")]
    try assertRefused("zebra", other + ["--tokens", "200"], status: 2, saying: ["--tokens", "without a step"])
    try assertRefused("zebra", other + ["--tokens", "0"], status: 2, saying: ["--tokens"])
    try assertRefused(
      "zebra", other + ["--tokens", "1024", "--shares", "1,2"], status: 2, saying: ["--shares", "1,2"])
    try assertRefused(
      "zebra", other + ["--tokens", "1024", "--shares", "1,2,-3"], status: 2, saying: ["--shares", "positive"])
    try assertRefused(
      "zebra", ["mohawk", "--base", path("llamba"), "--data", path("shards"), "--tokens", "1M", "--out", path("x")],
      status: 2, saying: ["--base: ", "attention", "mamba2"])
    try assertRefused(
      "zebra",
      [
        "ild", "--base", smol, "--mixer", "mla", "--loss", "matrices", "--data", path("shards"), "--tokens", "1M",
        "--out", path("x"),
      ], status: 2, saying: ["--loss", "layer 0: latent_attention"])
    for name in ["x", "x.stages", "other", "other.stages"] {
      XCTAssertFalse(FileManager.default.fileExists(atPath: path(name)), name)
    }
  }

  func testMambaInLlamaHalvesTheAttentionLayers() throws {
    let mamba = [
      "mambainllama", "--base", smol, "--data", path("shards"), "--held-out", path("shards"), "--batch", "2",
      "--sequence",
      "64", "--quiet", "--out", path("mamba"),
    ]
    let made = try assertSucceeds("zebra", mamba + ["--tokens", "1024", "--rounds", "2"])
    XCTAssertTrue(made.output.contains("attention layers: 3,7,11"), made.output)
    XCTAssertTrue(made.output.contains("round 2, frozen feed-forwards: held-out loss"), made.output)
    let info = try assertSucceeds("hybrid", ["info", "--model", path("mamba"), "--json"]).output
    XCTAssertEqual(try JSONValue(parsing: Data(info.utf8), file: "info")["kv_percent"]?.double, 25, info)
    let again = try assertSucceeds("zebra", mamba + ["--tokens", "1024", "--rounds", "2"])
    XCTAssertEqual(again.output, made.output)
    let json = try assertSucceeds(
      "zebra", mamba.dropLast() + [path("listed"), "--tokens", "512", "--layers", "3,7", "--json"]
    ).output
    let outcome = try JSONValue(parsing: Data(json.utf8), file: "mambainllama --json")
    XCTAssertEqual(outcome["attention_layers"]?.array?.compactMap(\.int), [3, 7], json)
    let other = Array(mamba.dropLast() + [path("other"), "--tokens", "1024"])
    for (options, words) in [
      (["--rounds", "9"], ["--rounds", "1 to 4 for 12 layers"]),
      (["--rounds", "2", "--layers", "3"], ["--rounds", "--layers"]),
      (["--layers", "all"], ["--layers", "3,7,11"]), (["--layers", "12"], ["12"]),
      (["--shares", "1,2,3"], ["--shares"]),
      (["--layers", "0,1,2,3,4,5,6,7,8,9,10,11"], ["--layers"]),
    ] { try assertRefused("zebra", other + options, status: 2, saying: words) }
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("other")))
  }

  func testPruneWritesAnOrdinarySmallerModel() throws {
    let prune = ["prune", "--model", smol, "--calibration", path("shards"), "--calibration-tokens", "1k"]
    let printed = try assertSucceeds(
      "zebra",
      prune + [
        "--hidden-size", "60", "--intermediate-size", "100", "--num-key-value-heads", "6", "--out", path("pruned"),
        "--json",
      ]
    ).output
    let report = try JSONValue(parsing: Data(printed.utf8), file: "prune --json")
    XCTAssertEqual(report["kv_percent"]?.double, 75)
    let config = try JSONValue(contentsOf: folder.appendingPathComponent("pruned/config.json"))
    XCTAssertEqual(config["model_type"]?.string, "llama")
    for (key, size) in [
      ("hidden_size", 60), ("intermediate_size", 100), ("num_key_value_heads", 6), ("num_attention_heads", 6),
    ] { XCTAssertEqual(config[key]?.int, size, key) }
    XCTAssertEqual(config["rope_theta"], config["rope_parameters"]?["rope_theta"], "for transformers before 5")
    XCTAssertNotNil(config["rope_theta"])
    try assertSucceeds(
      "hybrid", ["generate", "--model", path("pruned"), "--prompt", "The key", "--tokens", "4", "--quiet"])
    try assertSucceeds(
      "zebra",
      [
        "distill", "--student", path("pruned"), "--teacher", smol, "--data", path("shards"), "--tokens", "256",
        "--batch", "2", "--sequence", "64", "--out", path("taught"), "--quiet",
      ])
    let text = try assertSucceeds("zebra", prune + ["--intermediate-size", "100", "--out", path("narrow")]).output
    XCTAssertTrue(text.contains("before training: loss"), text)
    for (options, words) in [
      (["--hidden-size", "4000"], ["--hidden-size", "4000"]), (["--hidden-size", "0"], ["--hidden-size", "0"]),
      (["--intermediate-size", "-1"], ["--intermediate-size"]),
      (["--num-key-value-heads", "9"], ["--num-key-value-heads", "9"]),
    ] { try assertRefused("zebra", prune + options + ["--out", path("x")], status: 2, saying: words) }
    try assertRefused(
      "zebra", ["prune", "--model", smol, "--hidden-size", "60", "--out", path("x")], status: 2,
      saying: ["--calibration", "is needed"])
    try assertRefused(
      "zebra",
      [
        "prune", "--model", "experiments/teachers/nano-qwen-moe-seed1", "--hidden-size", "64", "--out", path("x"),
        "--calibration", path("shards"),
      ],
      status: 2, saying: ["--model", "experts"])
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("x")))
  }
}
