import Foundation
import Groundwork
import ModelCore
import TestKit
import XCTest

/// H2O, PALU and MHA2MLA as people type them, on a committed model.
final class BaselineCommandTests: XCTestCase {
  private let smol = "experiments/teachers/nano-smol-seed1"

  func testH2OIsAnOptionOfEvaluationGenerationAndInfo() throws {
    let scores = ["evaluate", "--model", smol, "--tasks", "recall", "--items", "20", "--quiet", "--json"]
    func score(_ options: [String] = []) throws -> Double {
      let printed = Data(try assertSucceeds("hybrid", scores + options).output.utf8)
      return try XCTUnwrap(
        JSONValue(parsing: printed, file: "evaluate --json")["tasks"]?.array?.first?["score"]?["value"]?.double)
    }
    let whole = try score()
    XCTAssertEqual(try score(["--cache", "h2o:100%"]), whole)
    XCTAssertNotEqual(try score(["--cache", "h2o:6%"]), whole)
    let text = try assertSucceeds(
      "hybrid",
      ["generate", "--model", smol, "--prompt", "There was once", "--tokens", "40", "--cache", "h2o:25%"])
    XCTAssertTrue(text.error.contains("this model keeps 2"), text.error)
    let info = try assertSucceeds("hybrid", ["info", "--model", smol, "--cache", "h2o:12.5%"])
    XCTAssertTrue(info.output.contains("512 recent tokens and 512 heavy hitters of 8,192"), info.output)
    for command in [scores, ["info", "--model", smol], ["generate", "--model", smol]] {
      try assertRefused("hybrid", command + ["--cache", "h2o:120%"], status: 2, saying: ["--cache", "120"])
      try assertRefused("hybrid", command + ["--cache", "snap:20%"], status: 2, saying: ["--cache", "h2o:PERCENT%"])
    }
    try assertRefused(
      "hybrid",
      ["info", "--preset", "llama-3.2-1b", "--kv-rank", "64", "--rope-dim", "32", "--cache", "h2o:20%"], status: 2,
      saying: ["--cache", "latent_attention"])
  }

  /// As many ids do not make the same tokenizer.
  func testShardsOfAnotherTokenizerAreRefused() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    let other = folder.appendingPathComponent("other")
    try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
    try giveTokenizer(to: other)
    try exchangeTwoPieces(ofTokenizerIn: other)
    try packSentences(for: other.path, in: folder)
    let others = ["--out", path("x"), "--model", smol]
    let calibration = ["--calibration", path("shards"), "--calibration-tokens", "256"]
    let convert = ["convert", "--kv-rank", "16", "--rope-dim", "4", "--nope-dim", "4"]
    let commands: [(tool: String, words: [String])] = [
      ("xecomla", convert + ["--data", path("shards")]),
      ("xecomla", convert + ["--svd", "covariance"] + calibration),
      ("xecomla", ["palu"] + calibration),
      (
        "xecomla",
        ["mha2mla", "--kv-rank", "16", "--rope-dim", "2", "--keep", "high", "--data", path("shards")]
      ),
      ("zebra", ["prune", "--intermediate-size", "100"] + calibration),
    ]
    for (tool, words) in commands {
      try assertRefused(tool, words + others, status: 1, saying: ["packed with another tokenizer", path("shards")])
    }
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("x")))
  }

  /// What a command makes of a bfloat16 base is no larger than it need be; a hybrid holds the numbers of both students.
  func testConvertedModelsAreStoredAsTheBaseUnlessAsked() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    let teacher = repositoryRoot().appendingPathComponent("experiments/teachers/nano-1b-seed1/config.json")
    let small = try JSONValue(contentsOf: teacher).merging(.object(["num_hidden_layers": .int(3)]))
    try writeFile(small.text(pretty: true), to: folder.appendingPathComponent("small.json"))
    try assertSucceeds("hybrid", ["create", "--config", path("small.json"), "--out", path("base")])
    try giveTokenizer(to: folder.appendingPathComponent("base"))
    try packSentences(for: path("base"), in: folder)
    let calibration = ["--model", path("base"), "--calibration", path("shards"), "--calibration-tokens", "512"]
    let layerwise = [
      "--base", path("base"), "--data", path("shards"), "--batch", "2", "--sequence", "64", "--tokens", "128",
      "--quiet",
    ]
    let mha2mla = ["mha2mla", "--kv-rank", "16", "--rope-dim", "2"] + calibration
    let compose = ["compose", "--base", path("base"), "--mla", path("mla"), "--layers", "1", "--linear"]
    func check(_ tool: String, _ words: [String], _ out: String, _ type: ElementType, parts: [String] = []) throws {
      try assertSucceeds(tool, words + ["--out", path(out)])
      for model in [out] + parts {
        let weights = try SafetensorsFile(URL(fileURLWithPath: path("\(model)/model.safetensors")))
        XCTAssertEqual(Set(weights.tensors.map(\.type)), [type], model)
      }
    }
    try check("xecomla", ["palu"] + calibration, "palu", .bfloat16)
    try check("xecomla", mha2mla, "mha2mla", .bfloat16)
    try check("xecomla", mha2mla + ["--dtype", "float32"], "mha2mla-whole", .float32)
    try check("zebra", ["prune", "--intermediate-size", "100"] + calibration, "pruned", .bfloat16)
    try check("zebra", ["ild", "--mixer", "mla"] + layerwise, "mla", .bfloat16)
    try check("zebra", ["ild", "--mixer", "mamba2"] + layerwise, "mamba2", .bfloat16)
    try check("zebra", ["ild", "--mixer", "mamba2", "--dtype", "float32"] + layerwise, "mamba2-whole", .float32)
    try check("zebra", compose + [path("mamba2")], "hybrid", .bfloat16)
    try check("zebra", compose + [path("mamba2"), "--dtype", "float16"], "hybrid-asked", .float16)
    try check("zebra", compose + [path("mamba2-whole")], "hybrid-whole", .float32)
    let convert = ["convert", "--linear", "gdn", "--mla-layers", "1"] + layerwise
    try check("hylo", convert, "hylo", .bfloat16, parts: ["hylo.ild/mla", "hylo.ild/gdn"])
    // Students that hold the base's embedding rounded are its own all the same.
    let float16 = convert + ["--dtype", "float16"]
    try check("hylo", float16, "hylo-asked", .float16, parts: ["hylo-asked.ild/mla", "hylo-asked.ild/gdn"])
  }

  func testPALUAndMHA2MLAConvertReportAndRefuse() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    try packSentences(for: smol, in: folder)
    let text = ["--calibration", path("shards"), "--calibration-tokens", "1k"]

    let palu = ["palu", "--model", smol, "--out", path("palu")]
    let report = try JSONValue(
      parsing: Data(
        try assertSucceeds(
          "xecomla", palu + text + ["--kv-share", "37.5%", "--group-heads", "4", "--json"]
        ).output.utf8), file: "palu --json")
    XCTAssertEqual(report["kv_percent"]?.double, 37.5)
    XCTAssertEqual(report["model"]?.string, path("palu"))
    XCTAssertEqual(report["layers"]?.array?.count, 12)
    XCTAssertEqual(report["layers"]?.array?.reduce(0) { $0 + ($1["kv_numbers_per_token"]?.int ?? 0) }, 12 * 96)
    let told = try assertSucceeds("xecomla", palu + text + ["--kv-share", "37.5%", "--group-heads", "4"]).output
    XCTAssertTrue(told.contains("KV cache: 1,152 of 3,072 numbers per token, 37.50 %"), told)
    XCTAssertTrue(told.contains("(base 2,231,424, "), told)
    let info = try assertSucceeds("hybrid", ["info", "--model", path("palu")]).output
    XCTAssertTrue(info.contains("2 groups of heads"), info)
    XCTAssertTrue(info.contains("37.5 % (2.67x smaller)"), info)

    let mha2mla = ["mha2mla", "--model", smol, "--kv-rank", "16", "--rope-dim", "2", "--out", path("mha2mla")]
    let made = try assertSucceeds("xecomla", mha2mla + text).output
    XCTAssertTrue(made.contains("KV cache: 384 of 3,072 numbers per token, 12.50 %"), made)
    XCTAssertTrue(made.contains("before training: loss"), made)
    try assertSucceeds("xecomla", mha2mla + ["--keep", "high", "--force"])
    let shape = try assertSucceeds("hybrid", ["info", "--model", path("mha2mla")]).output
    XCTAssertTrue(shape.contains("kv rank 16, rope 2 of 16 in every head"), shape)
    for model in ["palu", "mha2mla"] {
      try assertSucceeds(
        "hybrid", ["generate", "--model", path(model), "--prompt", "The key", "--tokens", "4", "--quiet"])
    }

    func elsewhere(_ command: [String]) -> [String] {
      command.map { [path("palu"), path("mha2mla")].contains($0) ? path("x") : $0 }
    }
    try assertRefused("xecomla", elsewhere(palu), status: 2, saying: ["--calibration", "is needed"])
    try assertRefused("xecomla", elsewhere(mha2mla), status: 2, saying: ["--calibration", "is needed"])
    try assertRefused(
      "xecomla", elsewhere(palu) + text + ["--kv-share", "150%"], status: 2, saying: ["--kv-share", "150"])
    try assertRefused(
      "xecomla", elsewhere(palu) + text + ["--kv-share", "half"], status: 2, saying: ["--kv-share", "half"])
    try assertRefused(
      "xecomla", elsewhere(palu) + text + ["--group-heads", "3"], status: 2, saying: ["--group-heads", "3"])
    try assertRefused(
      "xecomla",
      ["mha2mla", "--model", smol, "--kv-rank", "16", "--rope-dim", "3", "--keep", "high", "--out", path("x")],
      status: 2, saying: ["--rope-dim", "3"])
    try assertRefused(
      "xecomla", ["palu", "--model", "experiments/teachers/nano-qwen-seed1", "--out", path("x")] + text, status: 2,
      saying: ["--model", "qk_norm"])
    try assertRefused(
      "xecomla", ["palu", "--model", path("palu"), "--out", path("x")] + text, status: 2,
      saying: ["--model: ", "low_rank_attention"])
    try assertRefused(
      "xecomla", ["palu", "--model", path("palu"), "--layers", "0", "--out", path("x")] + text, status: 2,
      saying: ["--layers", "low_rank_attention"])
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("x")))
  }
}
