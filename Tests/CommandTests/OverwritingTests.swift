import Foundation
import Groundwork
import TestKit
import XCTest

/// Every command that writes a folder: the same command finds its own result finished, another one is refused and names
/// what it would destroy, --force replaces that, and files that are not ours are left alone even then.
final class OverwritingTests: XCTestCase {
  private nonisolated(unsafe) static var folder: URL!

  override class func setUp() { folder = try! temporaryFolder() }
  override class func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func path(_ name: String) -> String { Self.folder.appendingPathComponent(name).path }

  /// A link to nothing is refused before the work, not when the folder is to take its place.
  func testALinkToNothingIsNoOutput() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let link = folder.appendingPathComponent("link").path
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: folder.path + "/gone")
    let base = repositoryRoot().appendingPathComponent("experiments/teachers/nano-smol-seed1").path
    for (tool, arguments) in [
      ("xecomla", ["convert", "--model", base, "--kv-rank", "8", "--out", link]),
      ("hybrid", ["create", "--preset", "nano-1b", "--out", link + "/"]),
      (
        "hybrid",
        ["pretrain", "--preset", "nano-1b", "--tokens", "512", "--batch", "2", "--sequence", "64", "--out", link]
      ),
    ] {
      try assertRefused(tool, arguments, status: 2, saying: ["link: is a link to ", "gone, which leads nowhere"])
    }
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.path), ["link"])
  }

  private struct Writer {
    /// Tool, subcommand and options but --out.
    let command: [String]
    /// What makes it another command: options that replace or join the others.
    let change: [String]
    /// What its folder holds, as a refusal says.
    let holds: String
  }

  private func writers() throws -> [Writer] {
    let train = ["--batch", "2", "--sequence", "32", "--quiet"]
    let half = ["--kv-rank", "8"]
    return [
      Writer(command: ["hybrid", "create", "--preset", "nano-1b"], change: ["--seed", "9"], holds: "a model"),
      Writer(
        command: ["hybrid", "import", "--llama2c", path("tiny.bin"), "--tokenizer", path("base")],
        change: ["--llama2c", path("tiny2.bin")], holds: "a model"),
      Writer(
        command: ["shards", "pack", "--input", path("text.txt"), "--tokenizer", path("base"), "--quiet"],
        change: ["--append-end"], holds: "token shards"),
      Writer(
        command: [
          "shards", "generate", "--pretraining-tokens", "0", "--instruction-tokens", "2k", "--valid-tokens", "1k",
          "--preferences", "4", "--items", "0",
        ], change: ["--seed", "2"], holds: "a microworld"),
      Writer(
        command: ["shards", "train-tokenizer", "--input", path("text.txt"), "--vocabulary-size", "270", "--quiet"],
        change: ["--pattern", "gpt2"], holds: "a tokenizer"),
      Writer(
        command: ["xecomla", "convert", "--model", path("base")] + half, change: ["--kv-rank", "4"], holds: "a model"),
      Writer(
        command: ["xecomla", "palu", "--model", path("base"), "--calibration", path("shards")],
        change: ["--kv-share", "25%"], holds: "a model"),
      Writer(
        command: [
          "xecomla", "mha2mla", "--model", path("base"), "--kv-rank", "8", "--rope-dim", "2", "--keep", "high",
        ],
        change: ["--kv-rank", "4"], holds: "a model"),
      Writer(
        command: ["hybrid", "export", "--model", path("mla"), "--format", "transformers"],
        change: ["--dtype", "bfloat16"], holds: "a model"),
      Writer(
        command: [
          "zebra", "compose", "--base", path("base"), "--mla", path("all-mla"), "--linear", path("all-mamba2"),
          "--layers", "1,5",
        ], change: ["--layers", "2,6"], holds: "a model"),
      Writer(
        command: [
          "hylo", "convert", "--base", path("base"), "--linear", "gdn", "--mla-layers", "1,5", "--data", path("shards"),
          "--tokens", "128", "--work", path("students"),
        ] + train, change: ["--mla-layers", "2,6"], holds: "a model"),
      Writer(
        command: ["farskip", "convert", "--model", path("moe"), "--no-measure"],
        change: ["--connectivity", "mlp-only"],
        holds: "a model"),
      Writer(
        command: [
          "zebra", "ild", "--base", path("base"), "--mixer", "mla", "--data", path("shards"), "--tokens", "128",
        ] + train, change: ["--tokens", "192"], holds: "a run with other settings"),
      Writer(
        command: [
          "xecomla", "distill", "--student", path("mla"), "--teacher", path("base"), "--data", path("shards"),
          "--tokens", "128",
        ] + train, change: ["--lr", "1e-4"], holds: "a run with other settings"),
      Writer(
        command: ["xecomla", "prefer", "--model", path("mla"), "--pairs", "4", "--batch", "2", "--quiet"],
        change: ["--beta", "0.2"], holds: "a run with other settings"),
      Writer(
        command: [
          "hylo", "extend", "--model", path("mla"), "--teacher", path("base"), "--context", "64", "--tokens", "128",
          "--batch", "1", "--data", path("shards"), "--quiet",
        ], change: ["--lr", "1e-4"], holds: "a run with other settings"),
      Writer(
        command: ["hylo", "extend", "--model", path("mla"), "--context", "2048", "--tokens", "0"],
        change: ["--context", "4096"], holds: "a model"),
      Writer(
        command: [
          "farskip", "distill", "--student", path("far"), "--teacher", path("moe"), "--data", path("shards"),
          "--tokens", "128", "--all-tokens",
        ] + train, change: ["--lr", "1e-4"], holds: "a run with other settings"),
      Writer(
        command: ["farskip", "train", "--model", path("moe"), "--data", path("shards"), "--tokens", "128"] + train,
        change: ["--lr", "1e-4"], holds: "a run with other settings"),
      Writer(
        command: ["hybrid", "pretrain", "--from", path("base"), "--mixture", "keys", "--tokens", "128"] + train,
        change: ["--lr", "1e-4"], holds: "a run with other settings"),
    ]
  }

  func testNoCommandDestroysWhatItDidNotMake() throws {
    try makeModels()
    // A program's settings are called config.json too.
    let project = URL(fileURLWithPath: path("project"))
    try makeDirectory(project.appendingPathComponent("src"))
    try writeFile(#"{"theme": "dark"}"#, to: project.appendingPathComponent("config.json"))
    try writeFile("thesis", to: project.appendingPathComponent("src/thesis.tex"))
    for (index, writer) in try writers().enumerated() {
      let onProject = Array(writer.command.dropFirst()) + ["--out", project.path, "--force"]
      try assertRefused(writer.command[0], onProject, status: 2, saying: ["other files", "config.json"])
      let out = path("out \(index)")
      let (tool, same) = (writer.command[0], Array(writer.command.dropFirst()) + ["--out", out])
      let other = Array(writer.command.dropFirst()) + writer.change + ["--out", out]
      let name = writer.command.prefix(2).joined(separator: " ")

      try makeDirectory(URL(fileURLWithPath: out))
      try writeFile("mine", to: URL(fileURLWithPath: out + "/notes.txt"))
      try assertRefused(tool, same + ["--force"], status: 2, saying: ["notes.txt"])
      XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: out), ["notes.txt"], name)
      try FileManager.default.removeItem(atPath: out)

      try assertSucceeds(tool, same)
      let made = try contents(of: out)
      XCTAssertFalse(made.isEmpty, name)
      let again = try assertSucceeds(tool, same)
      XCTAssertTrue(again.error.contains("finished already"), "\(name): \(again.error)")
      XCTAssertEqual(try contents(of: out), made, "\(name): its own result")
      try assertRefused(tool, other, status: 2, saying: ["holds \(writer.holds)", "--force"])
      XCTAssertEqual(try contents(of: out), made, "\(name): refused")
      // What somebody put there does not go with it, wherever it lies and whatever it looks like.
      for mine in [
        "notes/mine.txt", "run/mine.txt", "run/notes/a.json", "token-list.md", "backup.zst", "mine.safetensors",
      ] {
        let note = URL(fileURLWithPath: "\(out)/\(mine)")
        let folder = note.deletingLastPathComponent()
        let isNew = !FileManager.default.fileExists(atPath: folder.path)
        try makeDirectory(folder)
        try writeFile("mine", to: note)
        try assertRefused(tool, other + ["--force"], status: 2, saying: ["what this command did not make", mine])
        try FileManager.default.removeItem(at: isNew ? folder : note)
        XCTAssertEqual(try contents(of: out), made, "\(name): refused with \(mine)")
      }
      try assertSucceeds(tool, other + ["--force"])
      XCTAssertNotEqual(try contents(of: out), made, "\(name): replaced")
    }
  }

  /// A training may take the place of what another command made, files that no training writes included.
  func testATrainingReplacesWhatAnotherCommandMade() throws {
    let (base, out) = ("experiments/teachers/nano-smol-seed1", path("exported"))
    try assertSucceeds(
      "xecomla", ["convert", "--model", base, "--kv-rank", "9", "--position-free", "--out", path("latent")])
    try assertSucceeds("hybrid", ["export", "--model", path("latent"), "--format", "transformers", "--out", out])
    let pretrain = [
      "pretrain", "--from", base, "--mixture", "keys", "--tokens", "128", "--batch", "2", "--sequence", "32", "--quiet",
      "--out", out,
    ]
    try assertRefused("hybrid", pretrain, status: 2, saying: ["holds a model", "--force"])
    try assertSucceeds("hybrid", pretrain + ["--force"])
    XCTAssertFalse(FileManager.default.fileExists(atPath: out + "/modeling_upcycle.py"))
  }

  /// Neither the folder beside a result nor a result that lost a part takes somebody's files with it.
  func testWhatLiesBesideOrInADamagedResultStays() throws {
    try makeDirectory(URL(fileURLWithPath: path("spm")))
    try giveTokenizer(to: URL(fileURLWithPath: path("spm")))
    let text = (0..<40).map { "Day \($0): the sun rose." }.joined(separator: "\n<|endoftext|>\n")
    try writeFile(text, to: URL(fileURLWithPath: path("days.txt")))
    func pack(_ share: String) -> [String] {
      ["pack", "--input", path("days.txt"), "--tokenizer", path("spm"), "--hold-out", share, "--out", path("days")]
    }
    try assertSucceeds("shards", pack("20%"))
    for folder in ["days-held-out", "days"] {
      let note = URL(fileURLWithPath: path("\(folder)/notes/mine.txt"))
      try makeDirectory(note.deletingLastPathComponent())
      try writeFile("mine", to: note)
      try assertRefused("shards", pack("40%") + ["--force"], status: 2, saying: [folder, "notes/mine.txt"])
      if folder == "days" {
        try FileManager.default.removeItem(atPath: path("days/shard-00000.zst"))
        try assertRefused("shards", pack("20%") + ["--force"], status: 2, saying: [folder, "notes/mine.txt"])
      }
      try FileManager.default.removeItem(at: note.deletingLastPathComponent())
    }
    try assertSucceeds("shards", pack("20%"))
  }

  /// What was made by other contents of the same names is another thing.
  func testAnotherInputOfTheSameNameIsAnotherCommand() throws {
    let (text, out) = (path("other.txt"), path("other shards"))
    try writeFile("The cat sat on the mat.", to: URL(fileURLWithPath: text))
    try makeDirectory(URL(fileURLWithPath: path("tokens")))
    try giveTokenizer(to: URL(fileURLWithPath: path("tokens")))
    let pack = ["pack", "--input", text, "--tokenizer", path("tokens"), "--out", out]
    let made = try assertSucceeds("shards", pack + ["--json"]).output
    let again = try assertSucceeds("shards", pack + ["--json"])
    XCTAssertEqual(again.output, made, "the same numbers for scripts")
    try writeFile("The dog sat on the mat.", to: URL(fileURLWithPath: text))
    try assertRefused(
      "shards", pack, status: 2, saying: ["token shards already, made by `shards pack --input", "--force"])
    // A folder is no output of its own.
    try assertRefused(
      "farskip", ["convert", "--model", path("tokens"), "--out", path("tokens")], status: 2,
      saying: ["is what the command reads"])
  }

  /// What a path with `..` leads to is looked at before it is replaced, also where a folder on the way is not there yet
  /// or is a link.
  func testAPathThroughParentsDestroysNothing() throws {
    for name in ["taken", "far/away"] { try makeDirectory(URL(fileURLWithPath: path("parents/\(name)"))) }
    try FileManager.default.createSymbolicLink(atPath: path("parents/link"), withDestinationPath: "far/away")
    let text = path("parents/taken/notes.txt")
    try writeFile("The cat sat on the mat.", to: URL(fileURLWithPath: text))
    let train = ["train-tokenizer", "--input", text, "--vocabulary-size", "260", "--quiet", "--out"]
    for out in ["/taken/missing/..", "/link/../taken"] {
      let words = ["taken: holds other files (notes.txt)"]
      try assertRefused("shards", train + [path("parents") + out], status: 2, saying: words)
      XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: path("parents/taken")), ["notes.txt"], out)
    }
  }

  /// The digest of a large input, which is taken beside the work on it, neither keeps a refusal waiting nor breaks its end.
  func testARefusalEndsTheDigestOfALargeInput() throws {
    let model = repositoryRoot().appendingPathComponent("experiments/teachers/nano-qwen-seed1")
    try FileManager.default.copyItem(atPath: model.path, toPath: path("large"))
    // 64 gigabytes, of which the disk holds nothing.
    XCTAssertTrue(FileManager.default.createFile(atPath: path("large/notes.bin"), contents: nil))
    XCTAssertEqual(truncate(path("large/notes.bin"), 64 << 30), 0)
    let start = monotonicSeconds()
    try assertRefused(
      "xecomla", ["palu", "--model", path("large"), "--calibration", path("shards"), "--out", path("refused")],
      status: 2, saying: ["--model", "qk_norm"])
    XCTAssertLessThan(monotonicSeconds() - start, 20, "64 gigabytes take longer")
  }

  /// What fails on the way names the folder as it was given, not the hidden one that is written meanwhile.
  func testAFailureNamesTheFolderThatWasAskedFor() throws {
    try writeLlama2C("tiny3.bin", seed: 3)
    let tokenizer = try sharedFolder("data/checkpoints/babyllama/tok361.json").path
    let result = try launch(
      "hybrid", ["import", "--llama2c", path("tiny3.bin"), "--tokenizer", tokenizer, "--out", path("cx")])
    XCTAssertEqual(result.status, 1)
    XCTAssertTrue(result.error.contains("\(path("cx")): the tokenizer does not belong"), result.error)
    XCTAssertFalse(result.error.contains(".tmp"), result.error)
  }

  /// A single file is replaced where it is of the same kind.
  func testFilesOfAnotherKindStay() throws {
    let scores = path("scores.csv")
    try writeFile("layer,sensitivity\n0,-0.5\n1,0.25\n", to: URL(fileURLWithPath: scores))
    let notes = path("notes.md")
    try writeFile("mine", to: URL(fileURLWithPath: notes))
    try assertRefused(
      "zebra", ["select", "--scores", scores, "--count", "1", "--plot", notes], status: 2,
      saying: ["--plot", "notes.md"])
    try assertRefused(
      "farskip", ["simulate", "--durations", "A=2,B=3,G=1,D=4,E=5,C=4,S=2", "--timeline", notes], status: 2,
      saying: ["--timeline", "notes.md"])
    let model = repositoryRoot().appendingPathComponent("examples/model").path
    try assertRefused(
      "hybrid", ["export", "--model", model, "--format", "gguf", "--out", notes], status: 2,
      saying: ["--out", "notes.md"])
    XCTAssertEqual(String(decoding: try readFile(URL(fileURLWithPath: notes)), as: UTF8.self), "mine")
  }

  // MARK: Models and text

  private func makeModels() throws {
    let lines = (0..<60).map { "The \(["cat", "dog", "hen"][$0 % 3]) number \($0) sat on the mat and saw the moon." }
    try writeFile(lines.joined(separator: "\n\n"), to: URL(fileURLWithPath: path("text.txt")))
    for (name, preset) in [("base", "nano-1b"), ("moe", "nano-qwen-moe")] {
      try assertSucceeds("hybrid", ["create", "--preset", preset, "--dtype", "float32", "--out", path(name)])
      try giveTokenizer(to: URL(fileURLWithPath: path(name)))
    }
    try writeLlama2C("tiny.bin", seed: 1)
    try writeLlama2C("tiny2.bin", seed: 2)
    let ild = [
      "ild", "--base", path("base"), "--data", path("shards"), "--tokens", "64", "--batch", "2", "--sequence", "32",
    ]
    for (tool, arguments) in [
      ("shards", ["pack", "--input", path("text.txt"), "--tokenizer", path("base"), "--out", path("shards")]),
      ("xecomla", ["convert", "--model", path("base"), "--kv-rank", "16", "--out", path("mla")]),
      ("farskip", ["convert", "--model", path("moe"), "--no-measure", "--out", path("far")]),
      ("zebra", ild + ["--mixer", "mla", "--out", path("all-mla"), "--quiet"]),
      ("zebra", ild + ["--mixer", "mamba2", "--out", path("all-mamba2"), "--quiet"]),
    ] { try assertSucceeds(tool, arguments) }
  }

  /// A llama2.c checkpoint (version 0) of one layer with the ladder's vocabulary.
  private func writeLlama2C(_ name: String, seed: Int) throws {
    let (width, hidden, vocabulary, length) = (8, 16, 2048, 16)
    let header = [width, hidden, 1, 2, 2, vocabulary, length].map(Int32.init)
    let count =
      vocabulary * width + width + 4 * width * width + width + 3 * width * hidden + width + 2 * length * width / 2 / 2
    let weights = (0..<count).map { Float(($0 * 7 + seed) % 13) / 50 - 0.1 }
    let data = header.withUnsafeBytes { Data($0) } + weights.withUnsafeBytes { Data($0) }
    try writeFile(data, to: URL(fileURLWithPath: path(name)))
  }

  /// Path -> hash of everything below a folder but locks and times.
  private func contents(of folder: String) throws -> [String: String] {
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return try names.reduce(into: [:]) { hashes, name in
      let file = URL(fileURLWithPath: folder + "/" + name)
      if (try? file.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true {
        hashes[name] = try sha256(fileAt: file)
      }
    }
  }
}
