import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// What a tokenizer puts in front of a text and behind it, which tokens end a text, and which files say so.
final class BoundaryTokenTests: XCTestCase {
  /// A folder with a small tokenizer whose tokens 0 and 1 begin and end a text, and other files.
  private func folder(_ files: [String: String], postProcessor: String = "null") throws -> URL {
    let folder = try temporaryFolder()
    addTeardownBlock { try? FileManager.default.removeItem(at: folder) }
    let text = String(decoding: try TokenizerInputTests.huggingFace(TokenizerTests.trained()), as: UTF8.self)
    let start = try XCTUnwrap(text.range(of: "\"post_processor\": ")).upperBound
    let end = try XCTUnwrap(text[start...].range(of: ",\n")).lowerBound
    try writeFile(
      text.replacingCharacters(in: start..<end, with: postProcessor),
      to: folder.appendingPathComponent("tokenizer.json"))
    for (name, content) in files { try writeFile(content, to: folder.appendingPathComponent(name)) }
    return folder
  }

  private func start(_ configuration: String, postProcessor: String = "null") throws -> [Int32] {
    let tokenizer = try Tokenizer.load(
      from: folder(["tokenizer_config.json": configuration], postProcessor: postProcessor))
    XCTAssertEqual(tokenizer.encodeDocument("hi"), tokenizer.documentStart + tokenizer.encode("hi"))
    return tokenizer.documentStart
  }

  func testTheFilesDecideWhatComesFirst() throws {
    let named = #""bos_token": "<|bos|>", "eos_token": "<|eos|>""#
    let template =
      #"{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|bos|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "special_tokens": {"<|bos|>": {"ids": [0]}}}"#
    XCTAssertEqual(try start("{\(named)}"), [0])
    // As Python writes what has no limit.
    XCTAssertEqual(try start(#"{\#(named), "model_max_length": Infinity}"#), [0])
    XCTAssertEqual(try start(#"{\#(named), "add_bos_token": false}"#), [])
    XCTAssertEqual(try start(#"{\#(named), "add_bos_token": false}"#, postProcessor: template), [])
    XCTAssertEqual(try start(#"{\#(named), "tokenizer_class": "GPT2Tokenizer"}"#), [])
    XCTAssertEqual(try start(#"{\#(named), "tokenizer_class": "GPT2Tokenizer"}"#, postProcessor: template), [0])
    XCTAssertEqual(try start(#"{\#(named), "tokenizer_class": "LlamaTokenizerFast"}"#), [0])
    XCTAssertEqual(try start(#"{\#(named)}"#, postProcessor: #"{"type": "ByteLevel", "trim_offsets": false}"#), [])
    // The end token never takes the place of a beginning token that is null.
    XCTAssertEqual(try start(#"{"bos_token": null, "eos_token": "<|eos|>"}"#), [])
    XCTAssertEqual(try start(#"{"bos_token": "<|eos|>", "eos_token": "<|eos|>"}"#), [])
    XCTAssertEqual(try start(#"{"bos_token": "<|eos|>", "eos_token": "<|eos|>", "add_bos_token": true}"#), [1])
  }

  func testAnEmptyTextStartsWithAToken() throws {
    let tokenizer = try Tokenizer.load(
      from: folder(["tokenizer_config.json": #"{"bos_token": null, "eos_token": "<|eos|>"}"#]))
    XCTAssertEqual(tokenizer.prompt(""), [1])
    XCTAssertEqual(tokenizer.prompt("hi"), tokenizer.encode("hi"))
    XCTAssertThrowsError(try tokenizer.addingBeginning(true))
    let own = try TokenizerTests.trained()
    XCTAssertEqual(try own.addingBeginning(false).documentStart, [])
    XCTAssertEqual(try own.addingBeginning(false).addingBeginning(true).documentStart, [0])
  }

  func testEndTokensOfTheGenerationSettings() throws {
    let ends = ["generation_config.json": #"{"eos_token_id": [1, 77], "top_p": Infinity}"#]
    XCTAssertEqual(try Tokenizer.load(from: folder(ends)).endTokens, [0, 1, 77])
    XCTAssertEqual(
      try Tokenizer.load(from: folder(["generation_config.json": #"{"eos_token_id": 5}"#])).endTokens, [0, 1, 5])
    XCTAssertThrowsError(try Tokenizer.load(from: folder(["generation_config.json": "{"])))
  }

  func testTemplatesBehindTheTextEndDocuments() throws {
    let template =
      #"{"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "<|eos|>"}}], "special_tokens": {"<|eos|>": {"ids": [1]}}}"#
    let tokenizer = try Tokenizer.load(from: folder([:], postProcessor: template))
    XCTAssertEqual(tokenizer.encodeDocument("hi", appendingEnd: true), tokenizer.encode("hi") + [1])
  }

  func testSavingCarriesEveryFile() throws {
    let files = [
      "chat_template.jinja": "{{ messages }}", "generation_config.json": "{\"eos_token_id\": 1}",
      "special_tokens_map.json": "{}", "tokenizer_config.json": "{ \"bos_token\": \"<|bos|>\"}",
    ]
    let source = try folder(files, postProcessor: #"{"type": "ByteLevel"}"#)
    let tokenizer = try Tokenizer.load(from: source)
    let out = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: out) }
    let expected = try readFile(source.appendingPathComponent("tokenizer.json"))
    // The files that were read count, whatever happens to their folder.
    try FileManager.default.removeItem(at: source)
    try tokenizer.save(to: out)
    XCTAssertEqual(try readFile(out.appendingPathComponent("tokenizer.json")), expected)
    for (name, content) in files {
      XCTAssertEqual(try readFile(out.appendingPathComponent(name)), Data(content.utf8), name)
    }
  }

  func testAddedTokensBesideAPairOfFiles() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let alphabet = ByteAlphabet.scalars.enumerated().map { "\(JSONValue.string(String($1)).text()): \($0)" }
    try writeFile("{\(alphabet.joined(separator: ", "))}", to: folder.appendingPathComponent("vocab.json"))
    try writeFile("#version: 0.2\n", to: folder.appendingPathComponent("merges.txt"))
    try writeFile(#"{"<|im_end|>": 257, "<x>": 256}"#, to: folder.appendingPathComponent("added_tokens.json"))
    XCTAssertThrowsError(try Tokenizer.load(from: folder)) {
      XCTAssertTrue("\($0)".contains("tokenizer_class") && "\($0)".contains("qwen"), "\($0)")
    }
    try writeFile(
      #"{"tokenizer_class": "Qwen2Tokenizer", "bos_token": null, "eos_token": "<|im_end|>"}"#,
      to: folder.appendingPathComponent("tokenizer_config.json"))
    let tokenizer = try Tokenizer.load(from: folder)
    XCTAssertEqual([tokenizer.eos], [257])
    XCTAssertEqual(tokenizer.encode("a<x>"), [97, 256])
    XCTAssertEqual(tokenizer.encode("<|im_end|>", parsingSpecials: true), [257])
    XCTAssertEqual(tokenizer.encode("e\u{301}"), [195, 169])
  }

  // MARK: Normalisation

  func testManyMarksTakeLinearTime() throws {
    let marks = "a" + String(repeating: "\u{301}\u{323}", count: 75_000)
    let start = clock()
    let normal = Array(marks.utf8).withUnsafeBufferPointer { UnicodeForm.nfc.normalized($0) }
    XCTAssertLessThan(Double(clock() - start) / Double(CLOCKS_PER_SEC), 2)
    // ạ, the other dots below, then the acutes.
    let expected =
      "\u{1EA1}" + String(repeating: "\u{323}", count: 74_999) + String(repeating: "\u{301}", count: 75_000)
    XCTAssertTrue(normal.map { $0.elementsEqual(expected.utf8) } ?? false)
  }

  func testComposedForms() {
    for (text, expected) in [
      ("\u{AC00}\u{11A8}", "\u{AC01}"), ("\u{1100}\u{1161}\u{11A7}", "\u{AC00}\u{11A7}"),
      ("\u{AC00}\u{11A7}", "\u{AC00}\u{11A7}"),
      ("\u{0F40}\u{0F75}\u{0F75}", "\u{0F40}\u{0F71}\u{0F71}\u{0F74}\u{0F74}"),
      ("q\u{0F73}\u{323}", "q\u{0F71}\u{0F72}\u{323}"),
      ("\u{E9}\u{323}", "\u{1EB9}\u{301}"), ("\u{212B}", "\u{C5}"), ("\u{958}", "\u{915}\u{93C}"),
      ("e\u{301}", "\u{E9}"),
      ("\u{344}", "\u{308}\u{301}"), ("plain", "plain"),
    ] {
      let normal = Array(text.utf8).withUnsafeBufferPointer { UnicodeForm.nfc.normalized($0) } ?? Array(text.utf8)
      XCTAssertEqual(
        normal, Array(expected.utf8), text.unicodeScalars.map { String($0.value, radix: 16) }.joined(separator: " "))
    }
  }
}
