import Foundation
import Groundwork
import TestKit
import TokenData
import XCTest

/// `shards pack` as people type it.
final class PackCommandTests: XCTestCase {
  /// What comes through a pipe is never known again: the same command says why it asks for --force.
  func testACommandKilledBesideItsPipeSaysWhy() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try writeFile((0..<60).map { "Line \($0).\n" }.joined(), to: folder.appendingPathComponent("text"))
    let tokenizer = repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer").path
    let pack =
      "'\(builtProducts().path)/shards' pack --document-separator line --tokenizer '\(tokenizer)' --hold-out 20% "
      + "--out '\(folder.path)/out' --quiet --input - "
    func run(_ more: String = "") throws -> CommandResult {
      try launch("/bin/bash", ["-c", "cat '\(folder.path)/text' | \(pack)\(more)"])
    }
    XCTAssertEqual(try run().status, 0)
    // As a kill between the two folders leaves them.
    try FileManager.default.removeItem(at: folder.appendingPathComponent("out"))
    let again = try run()
    XCTAssertEqual(again.status, 2, again.error)
    XCTAssertTrue(again.error.contains("what comes through - cannot be told from what came then"), again.error)
    XCTAssertTrue(again.error.contains("replace it with --force"), again.error)
    XCTAssertEqual(try run("--force").status, 0)
  }

  /// A mapped file whose bytes are gone is a signal: one line, and not a page of addresses.
  func testATextThatBecomesShorterWhileItIsReadIsOneLine() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = folder.appendingPathComponent("text.txt")
    try writeFile(String(repeating: "A line that is read while somebody cuts it.\n", count: 400_000), to: text)
    let result = try launch(
      "shards",
      [
        "pack", "--input", text.path, "--document-separator", "line", "--tokenizer",
        repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer").path, "--out",
        folder.appendingPathComponent("out").path, "--quiet",
      ],
      killWhen: {
        let names = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        // The first of some 300 frames is written.
        if names.contains(where: { $0.contains("shard-") }) { truncate(text.path, 0) }
        return false
      })
    XCTAssertFalse(result.wasKilled, result.error)
    XCTAssertEqual(result.status, 1, result.error)
    XCTAssertEqual(result.error.split(separator: "\n").count, 1, result.error)
    XCTAssertTrue(result.error.contains("text.txt: cannot be read any more: it became shorter"), result.error)
    XCTAssertFalse(FileManager.default.fileExists(atPath: folder.appendingPathComponent("out").path))
  }

  /// The same documents as files, a folder, a pattern, standard input and a pipe give the same tokens.
  func testInputsAreFilesFoldersPatternsAndPipes() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let corpus = folder.appendingPathComponent("corpus")
    try makeDirectory(corpus)
    var lines: [String] = []
    for name in ["a", "b", "c"] {
      let own = (0..<20).map { "{\"text\": \"document \($0) of \(name)\"}\n" }.joined()
      try writeFile(own, to: corpus.appendingPathComponent("\(name).jsonl"))
      lines.append(own)
    }
    try writeFile(lines.joined(), to: folder.appendingPathComponent("all.jsonl"))
    let tokenizer = repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer").path
    func tokens(_ name: String, _ input: String, before: String = "") throws -> [Int32] {
      let out = folder.appendingPathComponent(name).path
      let program = builtProducts().appendingPathComponent("shards").path
      let result = try launch(
        "/bin/bash",
        [
          "-euo", "pipefail", "-c",
          "\(before) '\(program)' pack --input \(input) --tokenizer '\(tokenizer)' --out '\(out)' --quiet",
        ],
        in: folder)
      XCTAssertEqual(result.status, 0, "\(name): \(result.error)")
      let shards = try TokenShards(URL(fileURLWithPath: out))
      XCTAssertEqual(shards.manifest.documents.count, 60, name)
      return try shards.read(0..<shards.count)
    }
    let whole = try tokens("files", "corpus/a.jsonl corpus/b.jsonl corpus/c.jsonl")
    XCTAssertEqual(try tokens("folder", "corpus"), whole)
    XCTAssertEqual(try tokens("pattern", "'corpus/*.jsonl'"), whole)
    XCTAssertEqual(try tokens("standard input", "-", before: "cat all.jsonl |"), whole)
    XCTAssertEqual(try tokens("pipe", "<(gzip -c all.jsonl)"), whole)
    try writeFile("PAR1 and more", to: folder.appendingPathComponent("d.parquet"))
    try assertRefused(
      "shards",
      ["pack", "--input", folder.path + "/d.parquet", "--tokenizer", tokenizer, "--out", folder.path + "/no"],
      status: 1,
      saying: ["a Parquet file", "read_parquet('d.parquet').to_json('d.jsonl'"])
  }

  /// A process may hold fewer files open than a corpus has; one that is no text is told before the work on the others.
  func testACorpusOfMoreFilesThanMayBeOpen() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    for number in 0..<150 {
      try writeFile("document \(number)", to: folder.appendingPathComponent("corpus/\(number).txt"))
    }
    let tokenizer = repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer").path
    let program = builtProducts().appendingPathComponent("shards").path
    func run(_ command: String) throws -> CommandResult {
      try launch("/bin/bash", ["-c", "ulimit -n 100; exec '\(program)' \(command)"], in: folder)
    }
    let packed = try run("pack --input corpus --tokenizer '\(tokenizer)' --out out --shard-tokens 4 --quiet")
    XCTAssertEqual(packed.status, 0, packed.error)
    let verified = try run("verify out --quiet")
    XCTAssertEqual(verified.status, 0, verified.error)
    XCTAssertEqual(try TokenShards(folder.appendingPathComponent("out")).manifest.documents.count, 150)
    let trained = try run("train-tokenizer --input corpus --vocabulary-size 270 --out tokens --quiet")
    XCTAssertEqual(trained.status, 0, trained.error)
    try writeFile("PAR1", to: folder.appendingPathComponent("corpus/zz.txt"))
    for command in ["pack --tokenizer '\(tokenizer)'", "train-tokenizer --vocabulary-size 270"] {
      let refused = try run("\(command) --input corpus --out no --quiet")
      XCTAssertEqual(refused.status, 1, refused.error)
      XCTAssertTrue(refused.errorLines.count == 1 && refused.error.contains("zz.txt: is not text"), refused.error)
    }
    XCTAssertFalse(FileManager.default.fileExists(atPath: folder.path + "/no"))
  }

  /// A conversation that the template refuses is a bad line like any other, named and counted.
  func testConversationsThatTheTemplateRefusesAreBadLines() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    func chat(_ role: String) -> String {
      #"{"messages": [{"role": "\#(role)", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}"#
    }
    try writeFile(
      [chat("user"), chat("tool"), chat("user")].joined(separator: "\n"),
      to: folder.appendingPathComponent("chats.jsonl"))
    try writeFile(
      "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"
        + "<|bos|>{{ m.role }}: {{ m.content }}<|eos|>{% endfor %}"
        + "{% if add_generation_prompt %}<|bos|>assistant: {% endif %}", to: folder.appendingPathComponent("t.jinja"))
    let pack = [
      "pack", "--input", path("chats.jsonl"), "--chat", "--chat-template", path("t.jinja"), "--tokenizer",
      repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer").path,
    ]
    try assertRefused(
      "shards", pack + ["--out", path("no")], status: 1,
      saying: ["chats.jsonl:2", "t.jinja: template line 1", "no tools"])
    let result = try assertSucceeds("shards", pack + ["--out", path("shards"), "--skip-bad-lines", "1"])
    XCTAssertTrue(result.error.contains("1 line left out, the first: \(path("chats.jsonl")):2"), result.error)
    let quiet = try assertSucceeds(
      "shards", pack + ["--out", path("quiet"), "--skip-bad-lines", "1", "--quiet", "--json"])
    XCTAssertTrue(quiet.error.contains("1 line left out"), "no progress is not no notes: \(quiet.error)")
    XCTAssertEqual(
      try JSONValue(parsing: Data(quiet.output.utf8), file: "pack --json")["lines_left_out"]?.int, 1)
    XCTAssertEqual(try TokenShards(URL(fileURLWithPath: path("shards"))).manifest.documents.count, 2)
  }

  /// A model folder may be a link to one, as in the Hub's cache: its template and its special tokens are read there.
  func testALinkToAModelFolderHasItsTemplate() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    try makeDirectory(folder.appendingPathComponent("model"))
    try giveTokenizer(to: folder.appendingPathComponent("model"))
    try writeFile(
      "{% for m in messages %}{{ bos_token }}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}"
        + "{% if add_generation_prompt %}{{ bos_token }}assistant: {% endif %}",
      to: folder.appendingPathComponent("model/chat_template.jinja"))
    try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: path("model"))
    try writeFile(
      #"{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}"# + "\n",
      to: folder.appendingPathComponent("chats.jsonl"))
    let read = try ["model", "link"].map { name in
      try assertSucceeds(
        "shards",
        [
          "pack", "--input", path("chats.jsonl"), "--chat", "--tokenizer", path(name), "--out", path("from \(name)"),
          "--quiet",
        ])
      let shards = try TokenShards(URL(fileURLWithPath: path("from \(name)")))
      return try shards.read(0..<shards.count)
    }
    XCTAssertEqual(read[0], read[1])
  }

  /// A conversation that the assistant opens, with a template that looks at the first message; loss on it is of its
  /// answers alone, as in training, and its text packs again.
  func testConversationsThatTheAssistantOpens() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    let turns = (0..<30).map {
      #"{"role": "\#($0 % 2 == 0 ? "assistant" : "user")", "content": "The sun rose, day \#($0)."}"#
    }
    try writeFile(
      #"{"messages": [\#(turns.joined(separator: ", "))]}"# + "\n", to: folder.appendingPathComponent("chats.jsonl"))
    try writeFile(
      "{% if messages[0].role == 'system' %}system{% endif %}{% for m in messages %}"
        + "<|bos|>{{ m.role }}: {{ m.content }}<|eos|>{% endfor %}"
        + "{% if add_generation_prompt %}<|bos|>assistant: {% endif %}", to: folder.appendingPathComponent("t.jinja"))
    let model = repositoryRoot().appendingPathComponent("experiments/teachers/nano-smol-seed1").path
    let tokenizer = ["--tokenizer", model]
    try assertSucceeds(
      "shards",
      ["pack", "--input", path("chats.jsonl"), "--chat", "--chat-template", path("t.jinja"), "--out", path("chats")]
        + tokenizer)
    let shards = try TokenShards(URL(fileURLWithPath: path("chats")))
    let marks = try XCTUnwrap(shards.answers(in: 0..<shards.count))
    let read = try shards.read(0..<shards.count)
    let said = try Tokenizer.load(from: model).decode(zip(read, marks).filter(\.1).map(\.0))
    XCTAssertTrue(said.hasPrefix("The sun rose, day 0."), said)
    XCTAssertFalse(said.contains("day 1."), said)

    let measured = try assertSucceeds(
      "hybrid", ["perplexity", "--model", model, "--data", path("chats"), "--length", "64", "--quiet", "--json"])
    XCTAssertTrue(measured.error.contains("answers alone"), measured.error)
    let scored = try JSONValue(parsing: Data(measured.output.utf8), file: "perplexity")["tokens"]?.int
    let windows = shards.count / 64
    let expected = (0..<windows).reduce(0) { sum, window in
      sum + marks[window * 64 + 1..<(window + 1) * 64].count { $0 }
    }
    XCTAssertEqual(scored, expected)

    let text = try assertSucceeds("shards", ["cat", path("chats")] + tokenizer).output
    try writeFile(text, to: folder.appendingPathComponent("again.txt"))
    try assertSucceeds(
      "shards",
      ["pack", "--input", path("again.txt"), "--special-tokens", "parse", "--bos", "off", "--out", path("again")]
        + tokenizer)
    let again = try TokenShards(URL(fileURLWithPath: path("again")))
    // A piece may lie across the beginning of an answer there.
    func spelled(_ ids: [Int32]) throws -> String {
      String(decoding: try Tokenizer.load(from: model).decodeBytes(ids, showingSpecials: true), as: UTF8.self)
    }
    XCTAssertEqual(try spelled(again.read(0..<again.count)), try spelled(read))
  }

  func testPackShufflesAndHoldsOut() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = (0..<400).map { "document number \($0) of many" }.joined(separator: "\n")
    let input = folder.appendingPathComponent("in.txt")
    try writeFile(text, to: input)
    let tokenizer = repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer").path
    func pack(_ name: String, _ options: [String]) throws -> [String] {
      let out = folder.appendingPathComponent(name).path
      try assertSucceeds(
        "shards",
        ["pack", "--input", input.path, "--document-separator", "line", "--tokenizer", tokenizer, "--out", out]
          + options
      )
      return try [out, out + "-held-out"].filter { FileManager.default.fileExists(atPath: $0) }.flatMap {
        let shards = try TokenShards(URL(fileURLWithPath: $0))
        return try (0..<shards.manifest.documents.count).map {
          try Tokenizer.load(from: tokenizer).decode(shards.read(shards.document($0)))
        }
      }
    }
    let plain = try pack("plain", [])
    let mixed = try pack("mixed", ["--shuffle", "7", "--hold-out", "10%"])
    XCTAssertEqual(plain.count, 400)
    XCTAssertNotEqual(plain, mixed)
    XCTAssertEqual(plain.sorted(), mixed.sorted())
    let printed = try assertSucceeds(
      "shards",
      [
        "pack", "--input", input.path, "--document-separator", "line", "--tokenizer", tokenizer, "--hold-out", "10%",
        "--out", folder.path + "/told", "--json",
      ])
    let told = try JSONValue(parsing: Data(printed.output.utf8), file: "pack --json")
    XCTAssertEqual(told["held_out"]?["folder"]?.string, folder.path + "/told-held-out")
    XCTAssertEqual(told["documents"]?.int, 360, printed.output)
    XCTAssertEqual(told["held_out"]?["documents"]?.int, 40, printed.output)
    // However few documents: two of twenty for 10 %.
    let few = folder.appendingPathComponent("few.jsonl")
    try writeFile((0..<20).map { "{\"text\": \"The cat \($0).\"}\n" }.joined(), to: few)
    let packed = try assertSucceeds(
      "shards",
      [
        "pack", "--input", few.path, "--tokenizer", tokenizer, "--hold-out", "10%", "--json", "--quiet", "--out",
        folder.path + "/few",
      ])
    let small = try JSONValue(parsing: Data(packed.output.utf8), file: "pack --json")
    XCTAssertEqual(small["held_out"]?["documents"]?.int, 2, packed.output)
    let base = ["pack", "--input", input.path, "--tokenizer", tokenizer, "--out", folder.path + "/no"]
    try assertRefused("shards", base + ["--hold-out", "120%"], status: 2, saying: ["--hold-out", "such as 1%"])
    for (option, value, expected) in [
      ("--level", "99", "1 to 19"), ("--shard-tokens", "0", "1 or more"), ("--frame-tokens", "0", "1 to "),
    ] {
      try assertRefused(
        "shards", base + [option, value], status: 2, saying: ["error: \(option): is", expected, "found \(value)"])
    }
    try assertRefused(
      "shards", base + ["--hold-out", "1%"], status: 2, saying: ["leaves one of the two folders empty"])
  }

  /// A result is finished with the folder beside it: one that is gone is made again, one that was changed stays.
  func testAHeldOutFolderBelongsToTheResult() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let input = folder.appendingPathComponent("in.txt")
    try writeFile((0..<400).map { "document number \($0) of many" }.joined(separator: "\n"), to: input)
    let tokenizer = repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer").path
    let pack = [
      "pack", "--input", input.path, "--document-separator", "line", "--tokenizer", tokenizer, "--hold-out", "10%",
      "--quiet", "--out", folder.appendingPathComponent("out").path,
    ]
    let heldOut = folder.appendingPathComponent("out-held-out")
    func manifest() throws -> Data { try readFile(heldOut.appendingPathComponent("manifest.json")) }
    try assertSucceeds("shards", pack)
    let made = try manifest()
    XCTAssertTrue(try assertSucceeds("shards", pack).error.contains("finished already"))
    try FileManager.default.removeItem(at: heldOut)
    XCTAssertFalse(try assertSucceeds("shards", pack).error.contains("finished already"))
    XCTAssertEqual(try manifest(), made)
    try writeFile("mine", to: heldOut.appendingPathComponent("shard-00000.zst"))
    try assertRefused("shards", pack, status: 2, saying: ["out-held-out", "token shards already", "--force"])
    try assertSucceeds("shards", pack + ["--force"])
    XCTAssertTrue(try assertSucceeds("shards", pack).error.contains("finished already"))
    // As a kill leaves it that comes between the two folders: the same command goes on, another one does not.
    try FileManager.default.removeItem(at: folder.appendingPathComponent("out"))
    let words = ["out-held-out", "token shards already, made by `shards pack"]
    try assertRefused("shards", pack + ["--append-end"], status: 2, saying: words)
    try assertSucceeds("shards", pack)
    XCTAssertEqual(try manifest(), made)
    XCTAssertTrue(try assertSucceeds("shards", pack).error.contains("finished already"))
    // Beside the folder also where its name ends in a slash or is that of the folder around.
    try makeDirectory(folder.appendingPathComponent("here"))
    for (number, out) in ["slashes//", "here/.", "here/inside/.."].enumerated() {
      let name = number == 0 ? "slashes" : "here"
      try assertSucceeds("shards", Array(pack.dropLast()) + [folder.path + "/" + out])
      for place in [name, name + "-held-out"] {
        XCTAssertNoThrow(try TokenShards(folder.appendingPathComponent(place)), out)
        try FileManager.default.removeItem(at: folder.appendingPathComponent(place))
      }
    }
  }
}
