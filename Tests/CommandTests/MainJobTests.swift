import Foundation
import Groundwork
import TestKit
import XCTest

/// The main job as a user types it, on a small model made here: create, pack, convert, distil, measure, generate;
/// a run killed with kill -9 ends with the same bytes as one that was left alone.
final class MainJobTests: XCTestCase {
  private nonisolated(unsafe) static var folder: URL!

  override class func setUp() {
    folder = try! temporaryFolder()
    let lines = (0..<400).map {
      "The \(["cat", "dog", "hen"][$0 % 3]) number \($0) sat on the mat and looked at the moon."
    }
    try! writeFile(lines.joined(separator: "\n\n"), to: folder.appendingPathComponent("text.txt"))
  }
  override class func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func path(_ name: String) -> String { Self.folder.appendingPathComponent(name).path }

  private func succeed(_ tool: String, _ arguments: [String], line: UInt = #line) throws -> String {
    try assertSucceeds(tool, arguments, line: line).output
  }

  func testFromCheckpointToStoryWithKillsOnTheWay() throws {
    _ = try succeed("hybrid", ["create", "--preset", "nano-1b", "--out", path("base"), "--seed", "3"])
    try giveTokenizer(to: Self.folder.appendingPathComponent("base"))
    _ = try succeed(
      "shards", ["pack", "--input", path("text.txt"), "--tokenizer", path("base"), "--out", path("shards")])
    _ = try succeed("shards", ["verify", path("shards")])
    let info = try JSONValue(
      parsing: Data(
        try succeed(
          "xecomla",
          [
            "convert", "--model", path("base"), "--kv-rank", "16", "--q-rank", "auto", "--rope-dim", "4",
            "--nope-dim", "4", "--out", path("mla"), "--json",
          ]
        ).utf8), file: "convert --json")
    XCTAssertEqual(info["kv_percent"]?.double, 15.625)
    XCTAssertEqual(info["model"]?.string, path("mla"))

    func distil(_ out: String, _ more: [String] = []) -> [String] {
      [
        "distill", "--student", path("mla"), "--teacher", path("base"), "--data", path("shards"), "--tokens", "12k",
        "--batch", "4", "--sequence", "64", "--out", path(out), "--quiet",
      ] + more
    }
    _ = try succeed("xecomla", distil("calm"))
    // Killed twice on the way, then left to finish.
    for _ in 0..<2 {
      try launchAndKillAtACheckpoint("xecomla", distil("killed", ["--save-every", "0"]), out: path("killed"))
    }
    _ = try succeed("xecomla", distil("killed"))
    XCTAssertEqual(
      try sha256(fileAt: URL(fileURLWithPath: path("calm/model.safetensors"))),
      try sha256(fileAt: URL(fileURLWithPath: path("killed/model.safetensors"))), "resumed against uninterrupted")
    try sideBySide(distil)
    let rows = String(decoding: try readFile(URL(fileURLWithPath: path("killed/run/metrics.csv"))), as: UTF8.self)
    XCTAssertEqual(rows.split(separator: "\n").count, 1 + 12_000 / 256, "one line per step, none twice")

    for weights in ["stored", "int8"] {
      let printed = try succeed(
        "hybrid",
        [
          "perplexity", "--model", path("calm"), "--data", path("shards"), "--windows", "4", "--length", "64",
          "--weights", weights, "--json",
        ])
      let report = try JSONValue(parsing: Data(printed.utf8), file: "perplexity --json")
      XCTAssertEqual(
        try XCTUnwrap(report["loss"]?.double), log(2048), accuracy: 0.3, "taught by a model that knows nothing")
      XCTAssertEqual(report["weights"]?.string, weights)
    }
    let window = ["perplexity", "--model", path("calm"), "--data", path("shards"), "--length", "64", "--windows"]
    XCTAssertTrue(try succeed("hybrid", window + ["4"]).contains(" +- "))
    XCTAssertFalse(try succeed("hybrid", window + ["1"]).contains(" +- "), "one window tells no error")
    let text = try succeed(
      "hybrid",
      ["generate", "--model", path("calm"), "--prompt", "The cat", "--tokens", "8", "--temperature", "0", "--quiet"])
    XCTAssertTrue(text.hasPrefix("The cat") && text.count > "The cat".count, "the prompt and something new: \(text)")

    try refusals()
  }

  /// Two processes that share the teacher's states give the same bytes, whoever records them.
  private func sideBySide(_ distil: (String, [String]) -> [String]) throws {
    let commands = ["left", "right"].map { distil($0, ["--teacher-states", path("states")]) }
    DispatchQueue.concurrentPerform(iterations: 2) { index in
      do { try assertSucceeds("xecomla", commands[index]) } catch { XCTFail("\(error)") }
    }
    for name in ["left", "right"] {
      XCTAssertEqual(
        try sha256(fileAt: URL(fileURLWithPath: path("\(name)/model.safetensors"))),
        try sha256(fileAt: URL(fileURLWithPath: path("calm/model.safetensors"))), name)
    }
    let kept = try FileManager.default.contentsOfDirectory(atPath: path("states"))
    XCTAssertEqual(kept.count, 1, "one folder of states, and no lock left: \(kept)")
    // A damaged file is named, and what it held computed again.
    let file = URL(fileURLWithPath: path("states/\(kept[0])/states-00000.zst"))
    var bytes = try readFile(file)
    bytes[40] ^= 1
    try bytes.write(to: file)
    let mended = try assertSucceeds("xecomla", distil("mended", ["--teacher-states", path("states")]))
    XCTAssertTrue(mended.error.contains("states-00000.zst: damaged"), mended.error)
    XCTAssertEqual(
      try sha256(fileAt: URL(fileURLWithPath: path("mended/model.safetensors"))),
      try sha256(fileAt: URL(fileURLWithPath: path("calm/model.safetensors"))))
  }

  /// Bad input on the same folders: one clear line, the documented exit code, nothing half-written.
  private func refusals() throws {
    func convert(_ changes: [String: String]) -> [String] {
      var options = [
        "--model": path("base"), "--kv-rank": "16", "--rope-dim": "4", "--nope-dim": "4", "--out": path("bad"),
      ]
      options.merge(changes) { $1 }
      return ["convert"] + options.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    }
    try assertRefused("xecomla", convert(["--kv-rank": "1000"]), status: 2, saying: ["rank", "1000"])
    try assertRefused("xecomla", convert(["--rope-dim": "3"]), status: 2, saying: ["rope", "3"])
    try assertRefused("xecomla", convert(["--layers": "1,99"]), status: 2, saying: ["layer", "99"])
    try assertRefused("xecomla", convert(["--model": path("nothing")]), status: 1, saying: ["nothing"])
    try assertRefused("xecomla", convert(["--out": "/proc/nowhere"]), status: 1, saying: ["/proc"])
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("bad")), "a refused conversion leaves nothing")

    try FileManager.default.copyItem(atPath: path("base"), toPath: path("cut"))
    let weights = URL(fileURLWithPath: path("cut/model.safetensors"))
    try writeFile(try readFile(weights).prefix(100_000), to: weights)
    try assertRefused(
      "hybrid", ["generate", "--model", path("cut"), "--prompt", "x"], status: 1, saying: ["model.safetensors"])

    try FileManager.default.copyItem(atPath: path("base"), toPath: path("odd"))
    let config = URL(fileURLWithPath: path("odd/config.json"))
    let wider = try JSONValue(contentsOf: config).merging(.object(["hidden_size": .int(256)]))
    try writeFile(wider.text(), to: config)
    try assertRefused(
      "hybrid", ["generate", "--model", path("odd"), "--prompt", "x"], status: 1, saying: ["expected", "found"])
    let moe = try JSONValue(contentsOf: config).merging(
      .object(["model_type": .string("mixtral"), "architectures": .array([.string("MixtralForCausalLM")])]))
    try writeFile(moe.text(), to: config)
    try assertRefused("hybrid", ["generate", "--model", path("odd"), "--prompt", "x"], status: 1, saying: ["ixtral"])

    try writeFile("", to: URL(fileURLWithPath: path("empty.txt")))
    try assertRefused(
      "shards", ["pack", "--input", path("empty.txt"), "--tokenizer", path("base"), "--out", path("none")], status: 1,
      saying: ["empty"])
    let frame = try XCTUnwrap(
      FileManager.default.contentsOfDirectory(atPath: path("shards")).first {
        $0.hasSuffix(".zst") && !$0.hasPrefix("doc")
      })
    let shard = URL(fileURLWithPath: path("shards/\(frame)"))
    var bytes = try readFile(shard)
    bytes[bytes.count / 2] ^= 0x10
    try writeFile(bytes, to: shard)
    try assertRefused("shards", ["verify", path("shards")], status: 1, saying: [frame])
  }

  /// As many ids do not make the same words: what such a teacher says would be nonsense.
  func testATeacherOfAnotherTokenizerIsRefused() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let student = repositoryRoot().appendingPathComponent("experiments/teachers/nano-smol-seed1")
    let teacher = folder.appendingPathComponent("teacher")
    try makeDirectory(teacher)
    try giveTokenizer(to: teacher)
    try exchangeTwoPieces(ofTokenizerIn: teacher)
    for name in ["config.json", "model.safetensors"] {
      try FileManager.default.copyItem(
        at: student.appendingPathComponent(name), to: teacher.appendingPathComponent(name))
    }
    try packSentences(for: student.path, in: folder)
    let out = folder.appendingPathComponent("out")
    let result = try launch(
      "xecomla",
      [
        "distill", "--student", student.path, "--teacher", teacher.path, "--data",
        folder.appendingPathComponent("shards").path, "--tokens", "256", "--batch", "2", "--sequence", "64", "--out",
        out.path, "--quiet",
      ])
    XCTAssertTrue([1, 2].contains(result.status), "status \(result.status) \(result.error)")
    XCTAssertEqual(result.errorLines.count, 1, result.error)
    XCTAssertTrue(result.error.contains("tokenizer"), result.error)
    XCTAssertFalse(FileManager.default.fileExists(atPath: out.path + "/model.safetensors"))
  }

  func testInfoPrintsThePublishedNumbersOfAPreset() throws {
    let text = try succeed(
      "hybrid",
      [
        "info", "--preset", "llama-3.2-1b", "--kv-rank", "512", "--q-rank", "auto", "--rope-dim", "32", "--nope-dim",
        "32",
        "--json",
      ])
    let info = try JSONValue(parsing: Data(text.utf8), file: "info --json")
    XCTAssertEqual(info["kv_percent"]?.double, 53.125)
    XCTAssertEqual(info["kv_numbers_per_token"]?.int, 16 * 544)
    XCTAssertEqual(info["parameters"]?.int, 1_235_814_400)
  }

  /// What the weights take on disk, and what they would take in other types; a file of weights says what it is.
  func testInfoSaysWhatTheWeightsTake() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    func info(_ arguments: [String]) throws -> (text: String, json: JSONValue) {
      let printed = try assertSucceeds("hybrid", ["info", "--json"] + arguments).output
      return (
        try assertSucceeds("hybrid", ["info"] + arguments).output,
        try JSONValue(parsing: Data(printed.utf8), file: "info --json")
      )
    }
    let model = repositoryRoot().appendingPathComponent("experiments/teachers/nano-1b-seed1").path
    let stored = try info(["--model", model])
    let parameters = try XCTUnwrap(stored.json["parameters"]?.int)
    XCTAssertEqual(stored.json["stored_bytes"]?.int, 2 * parameters)
    XCTAssertEqual(stored.json["stored_type"]?.string, "bfloat16")
    XCTAssertEqual(stored.json["float32_bytes"]?.int, 4 * parameters)
    XCTAssertTrue(
      stored.text.contains(
        "\(formatBytes(2 * parameters)) as bfloat16 (\(formatBytes(4 * parameters)) as float32)"), stored.text)
    for alone in [["--preset", "nano-1b"], ["--model", model + "/config.json"]] {
      let counted = try info(alone)
      XCTAssertNil(counted.json["stored_bytes"])
      XCTAssertNotNil(counted.json["bfloat16_bytes"]?.int)
      XCTAssertTrue(counted.text.contains(" as bfloat16, "), counted.text)
    }
    // Before its weights are there.
    let waiting = folder.appendingPathComponent("waiting")
    try makeDirectory(waiting)
    try writeFile(
      readFile(URL(fileURLWithPath: model + "/config.json")), to: waiting.appendingPathComponent("config.json"))
    try writeFile(
      "version https://git-lfs.github.com/spec/v1\n", to: waiting.appendingPathComponent("model.safetensors"))
    XCTAssertNil(try info(["--model", waiting.path]).json["stored_bytes"])
    try writeFile(Data("GGUF".utf8) + Data(count: 20), to: folder.appendingPathComponent("m.gguf"))
    try writeFile(Data([64, 0, 0, 0, 172, 0, 0, 0]), to: folder.appendingPathComponent("stories.bin"))
    let alone = folder.appendingPathComponent("alone")
    try makeDirectory(alone)
    try writeFile(Data("GGUF".utf8) + Data(count: 20), to: alone.appendingPathComponent("m.gguf"))
    for words in [["info"], ["generate", "--prompt", "x"], ["throughput"]] {
      try assertRefused(
        "hybrid", [words[0], "--model", path("m.gguf")] + words.dropFirst(), status: 1,
        saying: ["m.gguf: is a GGUF file", "safetensors"])
      try assertRefused(
        "hybrid", [words[0], "--model", alone.path] + words.dropFirst(), status: 1, saying: ["m.gguf", "as GGUF alone"])
    }
    try assertRefused(
      "hybrid", ["info", "--model", path("stories.bin")], status: 1,
      saying: ["stories.bin: is a binary file", "hybrid import --llama2c"])
  }

  func testUsageErrorsExitWithTwoAndEveryToolHasHelp() throws {
    try assertRefused("hybrid", ["info", "--preset", "llama-9"], status: 2, saying: ["llama-9", "llama-3.2-1b"])
    try assertRefused(
      "hybrid", ["info", "--preset", "llama-3.2-1"], status: 2, saying: ["did you mean llama-3.2-1b?"])
    try assertRefused(
      "hybrid", ["evaluate", "--model", "experiments/teachers/nano-1b-seed1", "--tasks", "recal"], status: 2,
      saying: ["--tasks", "did you mean recall?"])
    try assertRefused("xecomla", ["convert", "--no-such-option"], status: 2, saying: ["--help"])
    try assertRefused("shards", ["pack", "--input"], status: 2, saying: ["--input"])
    for tool in ["hybrid", "xecomla", "shards", "lab"] {
      XCTAssertTrue(try launch(tool, ["--help"]).output.contains("USAGE"), tool)
    }
  }
}
