import Foundation
import Groundwork
import ModelCore
import TestKit
import XCTest

/// What commands must not damage, and what they say of damage: files of models, results that lost a part, numbers that
/// are none, files that are no text, and impossible options before long work.
final class DamageTests: XCTestCase {
  private nonisolated(unsafe) static var folder: URL!

  override class func setUp() {
    folder = try! temporaryFolder()
    for (name, preset) in [("base", "nano-1b"), ("moe", "nano-qwen-moe")] {
      let model = folder.appendingPathComponent(name)
      _ = try! launch("hybrid", ["create", "--preset", preset, "--dtype", "float32", "--out", model.path])
      try! giveTokenizer(to: model)
    }
    try! writeFile("[[1, 2, 3]]", to: folder.appendingPathComponent("ids.json"))
    try! packSentences(for: folder.appendingPathComponent("base").path, in: folder)
  }
  override class func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func path(_ name: String) -> String { Self.folder.appendingPathComponent(name).path }
  private func text(_ name: String) throws -> String {
    String(decoding: try readFile(URL(fileURLWithPath: path(name))), as: UTF8.self)
  }

  // MARK: Files that others consist of

  func testNoFileOfAModelIsAnOutput() throws {
    let (model, weights) = (path("base"), try readFile(URL(fileURLWithPath: path("base/model.safetensors"))))
    let config = try text("base/config.json")
    try assertRefused(
      "hybrid", ["logits", "--model", model, "--ids", path("ids.json"), "--out", model + "/model.safetensors"],
      status: 2, saying: ["--out", "belongs to what the folder holds"])
    try assertRefused(
      "hybrid", ["evaluate", "--model", model, "--tasks", "recall", "--items", "1", "--out", model + "/config.json"],
      status: 2, saying: ["--out", "belongs to what the folder holds"])
    XCTAssertEqual(try readFile(URL(fileURLWithPath: path("base/model.safetensors"))), weights)
    XCTAssertEqual(try text("base/config.json"), config)
    for name in ["vocab.json", "added_tokens.json"] {
      try FileManager.default.copyItem(atPath: model + "/tokenizer.json", toPath: model + "/" + name)
      try assertRefused(
        "hybrid", ["evaluate", "--model", model, "--tasks", "recall", "--items", "1", "--out", model + "/" + name],
        status: 2, saying: ["--out", "belongs to what the folder holds"])
      try FileManager.default.removeItem(atPath: model + "/" + name)
    }
    // Scores beside the weights are written and replaced.
    for _ in 0..<2 {
      try assertSucceeds(
        "hybrid",
        ["evaluate", "--model", model, "--tasks", "recall", "--items", "1", "--quiet", "--out", model + "/scores.json"])
    }
    try FileManager.default.removeItem(atPath: path("base/scores.json"))
  }

  /// The Hub's cache: a model's files are links to others.
  func testNoLinkedFileOfAModelIsAnOutput() throws {
    try makeDirectory(URL(fileURLWithPath: path("hub/snapshot")))
    try makeDirectory(URL(fileURLWithPath: path("hub/blobs")))
    for name in try FileManager.default.contentsOfDirectory(atPath: path("base")) {
      try FileManager.default.copyItem(atPath: path("base/\(name)"), toPath: path("hub/blobs/\(name)"))
      try FileManager.default.createSymbolicLink(
        atPath: path("hub/snapshot/\(name)"), withDestinationPath: "../blobs/\(name)")
    }
    let weights = path("hub/snapshot/model.safetensors")
    try assertRefused(
      "hybrid", ["logits", "--model", path("hub/snapshot"), "--ids", path("ids.json"), "--out", weights], status: 2,
      saying: ["belongs to what the folder holds"])
    XCTAssertEqual(
      try readFile(URL(fileURLWithPath: path("hub/blobs/model.safetensors"))),
      try readFile(URL(fileURLWithPath: path("base/model.safetensors"))))
  }

  func testTheCurveOfATrainingIsNotItsOwnTable() throws {
    try assertSucceeds(
      "hybrid",
      [
        "pretrain", "--preset", "nano-1b", "--tokens", "512", "--batch", "2", "--sequence", "64", "--quiet", "--out",
        path("trained"),
      ])
    let csv = path("trained/run/metrics.csv")
    let before = try text("trained/run/metrics.csv")
    try assertRefused(
      "hybrid", ["curve", path("trained"), "--csv", csv], status: 2,
      saying: ["--csv", "belongs to what the folder holds"])
    XCTAssertEqual(try text("trained/run/metrics.csv"), before)
  }

  func testAMakefileOfOthersStays() throws {
    try writeFile("all:\n", to: URL(fileURLWithPath: path("Makefile")))
    try assertRefused(
      "lab", ["plan", "xecomla/kv", "--makefile", path("Makefile")], status: 2, saying: ["--makefile", ".mk"])
    XCTAssertEqual(try text("Makefile"), "all:\n")
  }

  func testAGGUFFileIsReplacedWhereThatIsAskedFor() throws {
    let export = ["export", "--model", path("base"), "--format", "gguf", "--out", path("base.gguf"), "--dtype"]
    try assertSucceeds("hybrid", export + ["float32"])
    let made = try readFile(URL(fileURLWithPath: path("base.gguf")))
    try assertRefused(
      "hybrid", export + ["q8_0"], status: 2, saying: ["--out", "is there already", "base.gguf", "--force"])
    XCTAssertEqual(try readFile(URL(fileURLWithPath: path("base.gguf"))), made)
    try assertSucceeds("hybrid", export + ["q8_0", "--force"])
    // A device is written in place.
    try assertSucceeds(
      "hybrid", ["export", "--model", path("base"), "--format", "gguf", "--out", "/dev/null", "--dtype", "q8_0"])
    XCTAssertLessThan(try readFile(URL(fileURLWithPath: path("base.gguf"))).count, made.count)
  }

  // MARK: Results that lost a part

  func testAResultThatLostAPartIsMadeAgain() throws {
    let convert = ["convert", "--model", path("base"), "--kv-rank", "8", "--out", path("mla")]
    try assertSucceeds("xecomla", convert)
    let weights = URL(fileURLWithPath: path("mla/model.safetensors"))
    let made = try readFile(weights)
    for damage in ["removed", "cut"] {
      if damage == "removed" {
        try FileManager.default.removeItem(at: weights)
      } else {
        try made.prefix(1000).write(to: weights)
      }
      let again = try assertSucceeds("xecomla", convert)
      XCTAssertTrue(again.error.contains("has lost model.safetensors; it is made again"), again.error)
      XCTAssertEqual(try readFile(weights), made, damage)
    }
    XCTAssertTrue(try assertSucceeds("xecomla", convert).error.contains("finished already"))
    // What somebody edited or added is theirs.
    let config = URL(fileURLWithPath: path("mla/config.json"))
    let edited = try text("mla/config.json").replacing(
      "\"max_position_embeddings\" : 512", with: "\"max_position_embeddings\" : 64")
    try writeFile(edited, to: config)
    try writeFile("mine", to: URL(fileURLWithPath: path("mla/NOTES.md")))
    XCTAssertTrue(try assertSucceeds("xecomla", convert).error.contains("finished already"))
    XCTAssertEqual(try text("mla/config.json"), edited)
    for lost in ["model.safetensors", "config.json"] {
      try FileManager.default.removeItem(atPath: path("mla/\(lost)"))
      try assertRefused("xecomla", convert, status: 2, saying: ["has lost", "NOTES.md"])
      XCTAssertEqual(try text("mla/NOTES.md"), "mine", lost)
    }
  }

  /// The folder beside it, which is whole, is made again with it.
  func testHeldOutShardsAreMadeAgainWithTheOthers() throws {
    let pack = [
      "pack", "--input", path("text.txt"), "--tokenizer", path("base"), "--hold-out", "20%", "--document-separator",
      "blank-line",
      "--quiet", "--out", path("split"),
    ]
    try assertSucceeds("shards", pack)
    let made = try readFile(URL(fileURLWithPath: path("split/shard-00000.zst")))
    try FileManager.default.removeItem(atPath: path("split/shard-00000.zst"))
    XCTAssertTrue(try assertSucceeds("shards", pack).error.contains("has lost shard-00000.zst"))
    XCTAssertEqual(try readFile(URL(fileURLWithPath: path("split/shard-00000.zst"))), made)
  }

  func testATrainingThatLostItsWeightsSaysHowToMendIt() throws {
    let train = [
      "pretrain", "--preset", "nano-1b", "--tokens", "512", "--batch", "2", "--sequence", "64", "--quiet", "--out",
      path("lost"),
    ]
    try assertSucceeds("hybrid", train)
    let weights = URL(fileURLWithPath: path("lost/model.safetensors"))
    let made = try readFile(weights)
    try FileManager.default.removeItem(at: weights)
    try assertRefused("hybrid", train, status: 1, saying: ["has lost its weights", "--force"])
    try assertSucceeds("hybrid", train + ["--force"])
    XCTAssertEqual(try readFile(weights), made)
  }

  func testATrainingWhoseStatesHaveOtherNamesSaysThatItBeginsAnew() throws {
    let train = [
      "distill", "--student", path("base"), "--teacher", path("base"), "--kl-weight", "0", "--ce-weight", "1", "--data",
      path("shards"), "--tokens", "4096", "--batch", "2", "--sequence", "64", "--save-every", "0", "--quiet", "--out",
      path("renamed"),
    ]
    try launchAndKillAtACheckpoint("xecomla", train, out: path("renamed"))
    let states = path("renamed/run/checkpoint") + "/"
    for name in try FileManager.default.contentsOfDirectory(atPath: states) where name.hasSuffix(".safetensors") {
      try FileManager.default.moveItem(atPath: states + name, toPath: states + name + ".bak")
    }
    let again = try assertSucceeds("xecomla", train)
    XCTAssertTrue(again.error.contains("warning: \(states)state-"), again.error)
    XCTAssertTrue(again.error.contains("begins anew"), again.error)
    // Finished, it says what the loss did, again and again.
    let first = try XCTUnwrap(again.output.split(separator: "\n").first)
    XCTAssertNotNil(first.wholeMatch(of: /loss [0-9.]+ -> [0-9.]+/), again.output)
    XCTAssertEqual(try assertSucceeds("xecomla", train).output, again.output)
  }

  func testARefusalNamesTheInputThatChanged() throws {
    try FileManager.default.copyItem(atPath: path("base"), toPath: path("moved"))
    let convert = ["convert", "--model", path("moved"), "--kv-rank", "8", "--out", path("from moved")]
    try assertSucceeds("xecomla", convert)
    try damage("moved", "model.norm.weight", with: 2)
    try assertRefused("xecomla", convert, status: 2, saying: ["from another \(path("moved"))"])
  }

  // MARK: Numbers that are none, texts that are none

  /// Changes the last number of a tensor of a float32 checkpoint.
  private func damage(_ model: String, _ tensor: String, with value: Float) throws {
    let file = URL(fileURLWithPath: path(model) + "/model.safetensors")
    var data = try readFile(file)
    let header = Int(data.prefix(8).withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
    let entry = try JSONValue(parsing: data.dropFirst(8).prefix(header), file: "header")[tensor]
    let end = 8 + header + (try XCTUnwrap(entry?["data_offsets"]?.array?.last?.int))
    data.replaceSubrange(end - 4..<end, with: withUnsafeBytes(of: value) { Data($0) })
    try data.write(to: file)
  }

  func testNumbersThatAreNoneDoNotPassThroughConversions() throws {
    for (name, model, tensor) in [
      ("nan embedding", "base", "model.embed_tokens.weight"),
      ("nan norm", "base", "model.layers.0.input_layernorm.weight"),
      ("nan moe", "moe", "model.layers.3.self_attn.o_proj.weight"),
    ] {
      try FileManager.default.copyItem(atPath: path(model), toPath: path(name))
      try damage(name, tensor, with: .nan)
      let (tool, convert) =
        model == "moe" ? ("farskip", ["--no-measure"]) : ("xecomla", ["--kv-rank", "8", "--layers", "3"])
      try assertRefused(
        tool, ["convert", "--model", path(name), "--out", path("out of \(name)")] + convert, status: 1,
        saying: ["\(path(name))/model.safetensors: \(tensor): holds NaN or infinity"])
      XCTAssertFalse(FileManager.default.fileExists(atPath: path("out of \(name)")), name)
      try assertRefused(
        "hybrid", ["logits", "--model", path(name), "--ids", path("ids.json"), "--out", path("l.safetensors")],
        status: 1,
        saying: ["holds NaN or infinity"])
    }
  }

  func testWhatIsNoTextIsNotScored() throws {
    let sentence = "The cat sat on the mat and saw the moon. "
    let plain = String(repeating: sentence, count: 40)
    try writeFile(plain, to: URL(fileURLWithPath: path("plain.txt")))
    try XCTUnwrap(plain.data(using: .utf16)).write(to: URL(fileURLWithPath: path("wide.txt")))
    let measure = ["perplexity", "--model", path("base"), "--length", "16", "--quiet", "--text"]
    for name in ["wide.txt", "base/model.safetensors"] {
      try assertRefused("hybrid", measure + [path(name)], status: 1, saying: [path(name), "is not text"])
    }
    // As `head -c` cuts.
    try Data((plain + "é").utf8.dropLast()).write(to: URL(fileURLWithPath: path("cut.txt")))
    try assertSucceeds("hybrid", measure + [path("cut.txt")])
    XCTAssertEqual(try launch("/bin/bash", ["-c", "gzip -k '\(path("plain.txt"))'"]).status, 0)
    XCTAssertEqual(
      try assertSucceeds("hybrid", measure + [path("plain.txt.gz")]).output,
      try assertSucceeds("hybrid", measure + [path("plain.txt")]).output)
    try Data([0x41, 0xFF, 0xFE, 0x41]).write(to: URL(fileURLWithPath: path("broken.txt")))
    try assertRefused(
      "hybrid", ["generate", "--model", path("base"), "--prompt-file", path("broken.txt")], status: 1,
      saying: ["broken.txt", "is not text"])
  }

  // MARK: Before long work

  func testImpossibleOptionsAreRefusedBeforeAnythingIsMeasured() throws {
    let serve = ["serve-length", "--model", path("base"), "--budget", "64MiB", "--quiet"]
    for chunk in ["\(Int.max)", "100000"] {
      try assertRefused(
        "hylo", serve + ["--chunk", chunk], status: 2, saying: ["--chunk", "take more than the budget"])
    }
    let vs = try launch("hylo", serve + ["--vs", path("nosuch")])
    XCTAssertEqual(vs.status, 1, vs.error)
    XCTAssertTrue(vs.error.contains("nosuch"), vs.error)
    try assertRefused(
      "hybrid", ["ruler", "--model", path("base"), "--lengths", "10", "--quiet"], status: 2,
      saying: ["--lengths", "is too short for every one of these tasks", "found 10"])
    try assertRefused(
      "farskip", ["overlap", "--durations", "A=2,B=3,G=1,D=4,E=5,C=4,S=2", "--ranks", "0"], status: 2,
      saying: ["--ranks", "found 0"])
    let ild = [
      "ild", "--base", path("base"), "--data", path("shards"), "--tokens", "64", "--batch", "2", "--sequence", "32",
    ]
    for mixer in ["mla", "mamba2"] {
      try assertSucceeds("zebra", ild + ["--mixer", mixer, "--quiet", "--out", path("all-\(mixer)")])
    }
    let select = try launch(
      "zebra",
      [
        "select", "--base", path("base"), "--mla", path("all-mla"), "--linear", path("all-mamba2"), "--data",
        path("shards"), "--count", "99",
      ])
    XCTAssertEqual(select.status, 2, select.error)
    XCTAssertFalse(select.error.contains("select batch"), "measured first: \(select.error)")
  }

  func testVariablesThatSayNothingAreRefused() throws {
    for (variable, words) in [
      ("UPCYCLE_THREADS=abc", "1 or more, found abc"), ("UPCYCLE_THREADS=0", "found 0"),
      ("UPCYCLE_BLAS=mkl", "openblas"),
    ] {
      let result = try launch(
        "/usr/bin/env",
        [
          variable, builtProducts().appendingPathComponent("hybrid").path, "logits", "--model",
          path("base"), "--ids", path("ids.json"), "--out", path("logits.safetensors"),
        ])
      XCTAssertEqual(result.status, 2, result.error)
      XCTAssertTrue(result.error.contains(words), result.error)
    }
  }
  // MARK: What an error names

  func testErrorsNameTheOptionThatIsWrong() throws {
    let tiny = ["--tokens", "64", "--batch", "2", "--sequence", "32", "--quiet", "--out", path("nothing")]
    let data = ["--base", path("base"), "--data", path("shards")] + tiny
    try assertRefused("zebra", ["mohawk", "--layer-lr", "nan"] + data, status: 2, saying: ["--layer-lr", "found nan"])
    try assertRefused(
      "hylo", ["halo", "--count", "4", "--layer-lr", "nan"] + data, status: 2, saying: ["--layer-lr", "found nan"])
    try assertRefused(
      "farskip",
      [
        "distill", "--student", path("moe"), "--teacher", path("moe"), "--patience", "1", "--validate-items", "0",
        "--validate-task", "recall", "--data", path("shards"),
      ] + tiny, status: 2, saying: ["--validate-items", "found 0"])
    try assertRefused(
      "farskip", ["train", "--model", path("moe"), "--data", path("shards"), "--expert-parallel", "0"] + tiny,
      status: 2,
      saying: ["--expert-parallel", "1 or more ranks, found 0"])
    try assertRefused(
      "zebra", ["upcycle", "--model", path("base"), "--data", path("shards"), "--kv", "-5%", "--out", path("nothing")],
      status: 2, saying: ["--kv", "is below zero"])
    try assertRefused(
      "shards", ["cat", path("shards"), "--from", "3", "--document", "2"], status: 2,
      saying: ["--document", "leave out --from"])
    try assertRefused(
      "shards", ["cat", path("shards"), "--from", "3", "--tokens", "0"], status: 2, saying: ["--tokens"])
    try assertRefused("bench", ["--list", "--json"], status: 2, saying: ["--json", "--list"])
  }

  /// Norms over all heads have no place in most methods: each says so by its own flag.
  func testABaseThatNoMethodTakesIsNamedByItsFlag() throws {
    try writeFile(
      """
      {"model_type": "olmo2", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
       "num_key_value_heads": 4, "intermediate_size": 128, "vocab_size": 2048, "max_position_embeddings": 512,
       "tie_word_embeddings": false}
      """, to: URL(fileURLWithPath: path("olmo.json")))
    try assertSucceeds("hybrid", ["create", "--config", path("olmo.json"), "--out", path("olmo")])
    try giveTokenizer(to: URL(fileURLWithPath: path("olmo")))
    let train = ["--data", path("shards"), "--tokens", "512", "--batch", "2", "--sequence", "32", "--quiet"]
    for (tool, command, flag, more) in [
      ("hylo", "convert", "--base", ["--mla-layers", "0", "--linear", "gdn"] + train),
      ("zebra", "ild", "--base", ["--mixer", "mla"] + train), ("hylo", "halo", "--base", ["--count", "1"] + train),
      ("xecomla", "convert", "--model", ["--kv-rank", "4"]),
      ("zebra", "prune", "--model", ["--hidden-size", "32", "--calibration", path("shards")]),
    ] {
      let arguments = [command, flag, path("olmo"), "--out", path("olmo out")] + more
      try assertRefused(tool, arguments, status: 2, saying: ["error: \(flag): "])
      XCTAssertFalse(try launch(tool, arguments).error.contains("`"), "\(tool) \(command)")
    }
  }

  /// Items that would count as one task are not mixed.
  func testTasksOfOneNameAreNotMixed() throws {
    let item =
      #"{"id": "m-0", "task": "recall", "context": "The cat", "choices": [" sat", " ran"], "answer": 0, "facts": [], "metric": "acc"}"#
    try writeFile(item + "\n", to: URL(fileURLWithPath: path("mine.jsonl")))
    try assertRefused(
      "hybrid", ["evaluate", "--model", path("base"), "--tasks", "recall,\(path("mine.jsonl"))", "--items", "1"],
      status: 2,
      saying: ["--tasks", "names a task twice", "mine.jsonl has items of it too"])
    try assertRefused(
      "hybrid", ["evaluate", "--model", path("base"), "--tasks", "recall", "--set", ""], status: 2, saying: ["--set"])
  }

  /// Numbers on sequences that a model was not made for say so; one of anything is not several.
  func testWhatIsSaidBesideNumbers() throws {
    let measure = ["perplexity", "--model", path("base"), "--data", path("shards"), "--windows", "1", "--length"]
    let beyond = try assertSucceeds("hybrid", measure + ["600"])
    XCTAssertTrue(beyond.error.contains("beyond the model's 512 positions"), beyond.error)
    XCTAssertFalse(try assertSucceeds("hybrid", measure + ["64"]).error.contains("beyond"), "within them")
    let said = try assertSucceeds("shards", ["verify", path("shards")])
    XCTAssertTrue(said.output.contains(": 1 shard, "), said.output)
  }
}
