import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// 3,000 nasty strings through tokenizers of every published structure: ids and decoded text as `tokenizers` and
/// `sentencepiece` give them (Scripts/goldens/make_tokenizers.py).
final class TokenizerStructureTests: XCTestCase {
  /// - Parameter adapt: what the golden's library was given instead of a string.
  private func check(_ tokenizer: Tokenizer, _ name: String, adapt: (String) -> String = { $0 }) throws {
    let strings = try NastyStrings()
    let digests = try NastyStrings.digests(name)
    XCTAssertEqual(digests.count, strings.count)
    var wrong: [Int] = []
    for index in 0..<strings.count {
      let ids = tokenizer.encode(adapt(strings[index]), parsingSpecials: true)
      if NastyStrings.digest(ids, tokenizer.decode(ids)) != digests[index] { wrong.append(index) }
    }
    XCTAssertEqual(wrong, [], "\(name): \(wrong.count) strings differ")
    if let first = wrong.first {
      let text = adapt(strings[first])
      print("\(name), string \(first): \(text.debugDescription) \(tokenizer.encode(text, parsingSpecials: true))")
    }
  }

  private func check(folder name: String, adapt: (String) -> String = { $0 }) throws {
    try check(Tokenizer.load(from: NastyStrings.folder.appendingPathComponent(name)), name, adapt: adapt)
  }

  func testByteLevelStructures() throws {
    for name in ["llama3-like", "qwen2-like", "qwen3.5-like", "llama4-like", "deepseek3-like", "smollm2-like"] {
      try check(folder: name)
    }
  }

  func testVocabularyWithoutAllBytes() throws { try check(folder: "some-bytes") }

  func testFlagsOfAddedTokens() throws { try check(folder: "added-flags") }

  func testTokenizersMadeFromSentencePiece() throws {
    for name in ["mistral-like", "metaspace-split"] { try check(folder: name) }
    for name in ["llama2-like", "gemma-like"] {
      let file = NastyStrings.folder.appendingPathComponent(name + "/tokenizer.json")
      try check(Tokenizer.load(from: file), name)
    }
  }

  /// sentencepiece ends a string at a zero byte, so none is given to it; control tokens are text to it.
  func testSentencePieceSettings() throws {
    for name in ["identity", "nfkc", "suffix", "symbols", "unknown"].map({ "sentencepiece-" + $0 }) {
      let tokenizer = try Tokenizer.load(from: NastyStrings.folder.appendingPathComponent(name))
      let strings = try NastyStrings()
      let digests = try NastyStrings.digests(name)
      let wrong = (0..<strings.count).filter { index in
        let ids = tokenizer.encode(strings[index].replacing("\0", with: ""))
        return NastyStrings.digest(ids, tokenizer.decode(ids)) != digests[index]
      }
      XCTAssertEqual(wrong, [], "\(name): \(wrong.count) strings differ")
    }
  }

  func testPublishedVocabularies() throws {
    func pair(_ vocabulary: String, _ merges: String, _ pattern: String) throws -> Tokenizer {
      let folder = "data/tokenizers/"
      let paths = try [vocabulary, merges].map { try sharedFolder(folder + $0).path }
      return try Tokenizer.load(from: (paths + [pattern]).joined(separator: ","))
    }
    try check(pair("gpt2_encoder.json", "gpt2_vocab.bpe", "gpt2"), "gpt2")
    try check(pair("llama3.2_encoder.json", "llama3.2_vocab.bpe", "llama3"), "llama3")
    try check(pair("qwen_vocab.json", "qwen_merges.txt", "qwen"), "qwen2")
  }
}
