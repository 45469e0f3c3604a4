import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Malformed and unsupported tokenizer files: refused in one line, no crash.
final class TokenizerInputTests: XCTestCase {
  static func huggingFace(_ tokenizer: Tokenizer) throws -> Data {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try tokenizer.save(to: folder)
    return try readFile(folder.appendingPathComponent("tokenizer.json"))
  }

  private func parse(_ text: String) throws -> Tokenizer {
    try HuggingFaceTokenizer.parse(Data(text.utf8), configuration: nil, file: "tokenizer.json")
  }

  func testUnsupportedFeaturesAreNamed() throws {
    let good = String(decoding: try Self.huggingFace(TokenizerTests.trained()), as: UTF8.self)
    XCTAssertNoThrow(try parse(good))
    func refused(_ old: String, _ new: String, _ expected: String, line: UInt = #line) {
      XCTAssertTrue(good.contains(old), line: line)
      XCTAssertThrowsError(try parse(good.replacingOccurrences(of: old, with: new)), line: line) {
        XCTAssertTrue("\($0)".contains(expected), "\($0)", line: line)
        XCTAssertTrue("\($0)".hasPrefix("tokenizer.json: "), "\($0)", line: line)
        XCTAssertFalse("\($0)".contains("\n"), line: line)
      }
    }
    refused("\"type\": \"BPE\"", "\"type\": \"Unigram\"", "Unigram")
    refused("\"normalizer\": null", "\"normalizer\": {\"type\": \"Lowercase\"}", "Lowercase")
    refused("\"dropout\": null", "\"dropout\": 0.1", "dropout")
    refused("\"add_prefix_space\":false", "\"add_prefix_space\":true", "add_prefix_space")
    refused("\\\\p{N}", "\\\\p{Han}", "split pattern")
    refused("\"id\": 0,", "\"id\": -1,", "added token")
    refused("\"id\": 1,", "\"id\": 0,", "added token")
    refused("\"id\": 0,", "\"id\": 123456789,", "added token")
    refused("\"A\": 67,", "\"A\": 68,", "one id")
    refused("\"A\": 67,", "\"A\": 16000000,", "far beyond")
    refused("\"A\": 67,", "\"A\": 67, \"A\": 67,", "twice")
    refused("\"A\": 67,", "\"A\": 3.4,", "whole number")
    refused("\"merges\": [", "\"merges\": [\"Q Q\",", "merge 0")
    refused("\"merges\": [", "\"merges\": [7,", "JSON")
    refused("\"version\"", "version", "JSON")
  }

  func testBothSpellingsOfMergesLoad() throws {
    let tokenizer = try TokenizerTests.trained()
    let text = String(decoding: try Self.huggingFace(tokenizer), as: UTF8.self)
    let start = try XCTUnwrap(text.range(of: "\"merges\": [")).upperBound
    let merges = text[start...].replacingOccurrences(of: "\", \"", with: " ").replacingOccurrences(
      of: "[\"", with: "\""
    )
    .replacingOccurrences(of: "\"]", with: "\"")
    XCTAssertEqual(try parse(text[..<start] + merges).fingerprint, tokenizer.fingerprint)
  }

  func testBoundaryTokensComeFromTheConfigurationFirst() throws {
    let data = try Self.huggingFace(TokenizerTests.trained())
    func tokenizer(_ configuration: JSONValue?) throws -> Tokenizer {
      try HuggingFaceTokenizer.parse(data, configuration: configuration, file: "tokenizer.json")
    }
    XCTAssertEqual(try tokenizer(nil).bos, 0)
    XCTAssertNil(try tokenizer(.object(["bos_token": .null])).bos)
    XCTAssertEqual(try tokenizer(.object(["bos_token": .object(["content": .string("<|eos|>")])])).bos, 1)
    XCTAssertThrowsError(try tokenizer(.object(["bos_token": .string("<nowhere>")])))
  }

  func testMissingAndForeignPathsAreNamed() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    XCTAssertThrowsError(try Tokenizer.load(from: folder))
    XCTAssertThrowsError(try Tokenizer.load(from: folder.appendingPathComponent("absent.json")))
    XCTAssertThrowsError(try Tokenizer.load(from: "absent.json,absent.txt"))
    let vocabulary = folder.appendingPathComponent("vocab.json")
    try writeFile("{\"a\": 0}", to: vocabulary)
    XCTAssertThrowsError(try Tokenizer.load(from: vocabulary)) {
      XCTAssertTrue("\($0)".contains("without merges"))
    }
    try writeFile("{}", to: vocabulary)
    XCTAssertThrowsError(try Tokenizer.load(from: vocabulary)) {
      XCTAssertTrue("\($0)".contains("holds no tokenizer"), "\($0)")
    }
    for text in ["", "hello", "[]", "{", "{\"pieces\": []}", "{\"pieces\": [1]}", "{\"model\": {}}"] {
      try writeFile(text, to: vocabulary)
      XCTAssertThrowsError(try Tokenizer.load(from: vocabulary), text)
    }
  }

  func testDeepNestingIsRefused() {
    let deep = String(repeating: "[", count: 100_000)
    XCTAssertThrowsError(try parse("{\"x\": \(deep)"))
    XCTAssertThrowsError(try PieceFile.load(Data("{\"x\": \(deep)".utf8), file: "x"))
  }
}
