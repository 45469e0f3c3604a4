import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Pieces in our own format become a tokenizer.json for others, which gives the same ids.
final class HubPieceTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func tokenizers() throws -> [(name: String, tokenizer: Tokenizer)] {
    try [
      ("made up", TokenizerTests.llama2c()),
      ("tok512", Tokenizer.load(from: sharedFolder("data/checkpoints/stories260K/tok512.bin"))),
      ("tok361", Tokenizer.load(from: sharedFolder("data/checkpoints/babyllama/tok361.json"))),
    ]
  }

  /// A folder with the tokenizer as an export leaves it.
  private func published(_ tokenizer: Tokenizer, _ name: String) throws -> URL {
    let (own, other) = (folder.appendingPathComponent("own \(name)"), folder.appendingPathComponent("other \(name)"))
    for place in [own, other] { try makeDirectory(place) }
    try tokenizer.save(to: own)
    let (files, notes) = try TokenizerFile.forOtherPrograms(in: own)
    XCTAssertEqual(notes.count, 1, name)
    for file in files { try writeFile(file.content, to: other.appendingPathComponent(file.name)) }
    return other
  }

  /// Nasty ones and short ones of a few letters, in which pieces compete; none with U+2581, which is a space there.
  private func texts() throws -> [String] {
    let nasty = try NastyStrings()
    var random = RandomStream(seed: 3, "texts")
    let parts = [
      "a", "b", "c", "ab", "bc", "é", "e\u{301}", " ", "  ", "\n", "\t", "🦙", "日本", "\u{0}", ".", "the", "once upon",
    ]
    var texts = [TokenizerTests.story]
    for _ in 0..<2000 {
      var text = ""
      for _ in 0..<random.next(below: 24) { text += random.pick(parts) }
      texts.append(text)
    }
    for index in 0..<min(nasty.count - 1, 2000) { texts.append(nasty[index]) }
    return texts.filter { text in !text.unicodeScalars.contains("\u{2581}") }
  }

  func testTheHubsFileGivesTheSameIds() throws {
    let texts = try texts()
    for (name, tokenizer) in try tokenizers() {
      let place = try published(tokenizer, name)
      let json = try JSONValue(contentsOf: place.appendingPathComponent("tokenizer.json"))
      XCTAssertEqual(json["model"]?["type"]?.string, "BPE", name)
      let loaded = try Tokenizer.load(from: place)
      XCTAssertEqual([loaded.bos, loaded.eos], [tokenizer.bos, tokenizer.eos], name)
      XCTAssertEqual(loaded.vocabularySize, tokenizer.vocabularySize, name)
      XCTAssertEqual(loaded.addedTokens, tokenizer.addedTokens, name)
      for text in texts {
        let ids = tokenizer.prompt(text)
        XCTAssertEqual(loaded.prompt(text), ids, "\(name): \(text.debugDescription)")
        XCTAssertEqual(loaded.decode(ids), tokenizer.decode(ids), "\(name): \(text.debugDescription)")
      }
      XCTAssertNotEqual(loaded.encode("\u{2581}x"), tokenizer.encode("\u{2581}x"), "\(name): what the note says")
    }
  }

  /// With a Python that has tokenizers, its ids are ours.
  func testTheHubsTokenizersAgreesOnTheSpot() throws {
    guard let python = ProcessInfo.processInfo.environment["UPCYCLE_PEER_PYTHON"] else {
      throw XCTSkip("skipped: UPCYCLE_PEER_PYTHON names no Python with tokenizers")
    }
    if try launch(python, ["-c", "import tokenizers"]).status != 0 { throw XCTSkip("skipped: tokenizers absent") }
    let script = """
      import json, sys, tokenizers
      tokenizer = tokenizers.Tokenizer.from_file(sys.argv[1])
      texts = json.load(open(sys.argv[2], encoding="utf-8"))
      print(json.dumps([tokenizer.encode(text).ids for text in texts]))
      """
    let texts = try texts()
    let file = folder.appendingPathComponent("texts.json")
    try writeFile(JSONValue.array(texts.map { .string($0) }).text(), to: file)
    for (name, tokenizer) in try tokenizers() {
      let place = try published(tokenizer, name).appendingPathComponent("tokenizer.json")
      let result = try launch(python, ["-c", script, place.path, file.path])
      XCTAssertEqual(result.status, 0, result.error)
      let answers = try XCTUnwrap(JSONValue(parsing: Data(result.output.utf8), file: name).array)
      XCTAssertEqual(answers.count, texts.count)
      for (text, answer) in zip(texts, answers) {
        let ids = tokenizer.prompt(text)
        XCTAssertEqual(answer.array?.compactMap(\.int), ids.map(Int.init), "\(name): \(text.debugDescription)")
      }
    }
  }

  /// What would get other ids there is left out, and said.
  func testPiecesThatNoTokenizerJSONGivesAreLeftOut() throws {
    let head = ["<unk>", "<s>", "</s>", "\u{2581}", "a", "b"]
    func pieces(_ texts: [String], scores: [Double]) -> String {
      let list = { (values: [JSONValue]) in JSONValue.array(values).text() }
      return "{\"type\": \"llama2c\", \"pieces\": \(list(texts.map { .string($0) })), "
        + "\"scores\": \(list(scores.map { .double($0) }))}"
    }
    for (index, (text, reason)) in [
      (pieces(head + ["ab", "ba"], scores: [0, 0, 0, -1, -2, -3, 1, 1]), "have one score"),
      (pieces(head + ["a"], scores: [0, 0, 0, -1, -2, -3, -4]), "two of its pieces are spelled \"a\""),
      (pieces(["<unk>", "<s>", "</s>", "a"], scores: [0, 0, 0, -1]), "none of its pieces is a space"),
    ].enumerated() {
      let place = folder.appendingPathComponent("\(index)")
      try makeDirectory(place)
      try writeFile(text, to: place.appendingPathComponent("tokenizer.json"))
      try writeFile("{{ messages }}", to: place.appendingPathComponent("chat_template.jinja"))
      let (files, notes) = try TokenizerFile.forOtherPrograms(in: place)
      XCTAssertEqual(files.map(\.name), ["chat_template.jinja"], reason)
      XCTAssertTrue(notes.count == 1 && notes[0].contains("tokenizer.json is left out"), "\(notes)")
      XCTAssertTrue(notes[0].contains(reason), "\(notes)")
    }
  }

  /// What others read already stays as it is, to the byte.
  func testOtherTokenizersAreCarriedAlong() throws {
    for settings in [#"{"add_bos_token": true}"#, #"{"tokenizer_class": "Qwen2Tokenizer"}"#] {
      let place = folder.appendingPathComponent("\(settings.count)")
      try makeDirectory(place)
      let ladder = repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer/tokenizer.json")
      try FileManager.default.copyItem(at: ladder, to: place.appendingPathComponent("tokenizer.json"))
      try writeFile(settings, to: place.appendingPathComponent("tokenizer_config.json"))
      let (files, notes) = try TokenizerFile.forOtherPrograms(in: place)
      XCTAssertEqual(notes, [])
      XCTAssertEqual(files.map(\.name), try TokenizerFile.all(in: place).map(\.name))
      XCTAssertEqual(files.map(\.content), try TokenizerFile.all(in: place).map(\.content))
    }
  }

  /// The ladder's tokenizer begins texts although its file does not say so: other programs are told.
  func testABeginningThatNoFileSaysIsWrittenDown() throws {
    let place = repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer")
    let (files, _) = try TokenizerFile.forOtherPrograms(in: place)
    let before = try JSONValue(contentsOf: place.appendingPathComponent("tokenizer.json"))
    let json = try XCTUnwrap(files.first { $0.name == "tokenizer.json" })
    let after = try JSONValue(parsing: json.content, file: json.path)
    XCTAssertEqual(before["post_processor"], .null)
    XCTAssertEqual(after["post_processor"]?["type"]?.string, "TemplateProcessing")
    var told = try XCTUnwrap(after.object)
    told["post_processor"] = .null
    XCTAssertEqual(.object(told), before, "nothing else differs")
    for file in files { try writeFile(file.content, to: folder.appendingPathComponent(file.name)) }
    let (own, other) = (try Tokenizer.load(from: place), try Tokenizer.load(from: folder))
    XCTAssertEqual(own.documentStart, [0])
    XCTAssertEqual(other.documentStart, own.documentStart)
    XCTAssertEqual(other.encode("There was once a writer"), own.encode("There was once a writer"))
  }
}
