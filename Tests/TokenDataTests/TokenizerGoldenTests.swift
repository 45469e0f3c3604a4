import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Ids that tiktoken and sentencepiece gave for 46 texts, for five published vocabularies.
final class TokenizerGoldenTests: XCTestCase {
  private struct Case {
    var text: String
    var ids: [String: [Int32]]
  }

  private func cases() throws -> [Case] {
    let url = try sharedFolder("data/tokenizers/golden_tokenization.json")
    return try XCTUnwrap(JSONValue(contentsOf: url)["cases"]?.array).map { value in
      let object = try XCTUnwrap(value.object)
      let lists = object.compactMapValues { $0.array?.compactMap { $0.int.map { Int32($0) } } }
      return Case(text: try XCTUnwrap(object["text"]?.string), ids: lists)
    }
  }

  private func check(_ tokenizer: Tokenizer, _ key: String, where include: (String) -> Bool = { _ in true })
    throws
  {
    var checked = 0
    for golden in try cases() where include(golden.text) {
      let expected = try XCTUnwrap(golden.ids[key])
      XCTAssertEqual(tokenizer.encode(golden.text), expected, "\(key): \(golden.text.prefix(60))")
      checked += 1
    }
    XCTAssertGreaterThan(checked, 20)
  }

  private func checkRoundTrip(_ tokenizer: Tokenizer) throws {
    for golden in try cases() { XCTAssertEqual(tokenizer.decode(tokenizer.encode(golden.text)), golden.text) }
  }

  func testGPT2MatchesTheGoldenIds() throws {
    let tokenizer = try Tokenizer.load(from: sharedFolder("data/tokenizers/gpt2_encoder.json"))
    XCTAssertEqual(tokenizer.vocabularySize, 50257)
    XCTAssertEqual(tokenizer.eos, 50256)
    try check(tokenizer, "gpt2")
    try checkRoundTrip(tokenizer)
  }

  func testLlama3MatchesTheGoldenIds() throws {
    let vocabulary = try sharedFolder("data/tokenizers/llama3.2_encoder.json")
    let merges = try sharedFolder("data/tokenizers/llama3.2_vocab.bpe")
    let tokenizer = try Tokenizer.load(from: "\(vocabulary.path),\(merges.path),llama3")
    XCTAssertEqual(tokenizer.vocabularySize, 128_000)
    try check(tokenizer, "llama3")
    try checkRoundTrip(tokenizer)
  }

  func testQwenMatchesTheGoldenIds() throws {
    let vocabulary = try sharedFolder("data/tokenizers/qwen_vocab.json")
    let merges = try sharedFolder("data/tokenizers/qwen_merges.txt")
    // The pair alone does not say how text is cut.
    XCTAssertThrowsError(try Tokenizer.load(from: vocabulary)) {
      XCTAssertTrue("\($0)".contains("tokenizer_class"), "\($0)")
    }
    let tokenizer = try Tokenizer.load(from: "\(vocabulary.path),\(merges.path),qwen")
    try check(tokenizer, "qwen")
    try checkRoundTrip(tokenizer)
  }

  func testLoadingIsFast() throws {
    let vocabulary = try sharedFolder("data/tokenizers/llama3.2_encoder.json")
    let merges = try sharedFolder("data/tokenizers/llama3.2_vocab.bpe")
    // Processor time: other work on the machine does not count.
    let start = clock()
    _ = try Tokenizer.load(from: "\(vocabulary.path),\(merges.path),llama3")
    let seconds = Double(clock() - start) / Double(CLOCKS_PER_SEC)
    print("128,000 pieces and 280,147 merges load in \(String(format: "%.2f", seconds)) s")
    #if !DEBUG
      XCTAssertLessThan(seconds, 1)
    #endif
  }

  // MARK: SentencePiece

  /// sentencepiece drops repeated and outer spaces before it encodes; llama2.c keeps them.
  private func hasPlainSpaces(_ text: String) -> Bool {
    !text.isEmpty && !text.contains("  ") && !text.hasPrefix(" ") && !text.hasSuffix(" ")
      && !isNormalised(text)
  }

  /// Texts with characters that its NFKC-like rules rewrite.
  private func isNormalised(_ text: String) -> Bool {
    text.contains { $0 == "\t" || $0 == "…" || $0 == "\r\n" }
      || text.precomposedStringWithCompatibilityMapping != text
  }

  func testLlama2csTokenizerMatchesTheGoldenIds() throws {
    let tokenizer = try Tokenizer.load(from: sharedFolder("data/checkpoints/stories260K/tok512.bin"))
    XCTAssertEqual(tokenizer.vocabularySize, 512)
    XCTAssertEqual(tokenizer.bos, 1)
    try check(tokenizer, "sp_tok512", where: hasPlainSpaces)
    try checkRoundTrip(tokenizer)
  }

  func testTok105WithoutBytePieces() throws {
    // The .vocab file lists "piece TAB score"; llama2.c's .bin holds the same.
    let vocabulary = String(
      decoding: try readFile(sharedFolder("data/checkpoints/babyllama/tok105.vocab")), as: UTF8.self)
    let entries = vocabulary.split(separator: "\n").map { $0.split(separator: "\t") }
    let pieces = try entries.map { (String(try XCTUnwrap($0.first)), try XCTUnwrap(Float($0[1]))) }
    let tokenizer = try LlamaTokenizerFile.parse(llamaTokenizerFile(pieces), file: "tok105.bin")
    XCTAssertEqual(tokenizer.vocabularySize, 105)
    try check(tokenizer, "sp_tok105", where: hasPlainSpaces)
  }

  func testSentencePieceModelsMatchTheGoldenIds() throws {
    let stories = try Tokenizer.load(from: sharedFolder("data/checkpoints/stories260K/tok512.model"))
    XCTAssertEqual([stories.vocabularySize, Int(stories.bos ?? -1), Int(stories.eos ?? -1)], [512, 1, 2])
    try check(stories, "sp_tok512")
    let characters = try Tokenizer.load(from: sharedFolder("data/checkpoints/babyllama/tok105.model"))
    try check(characters, "sp_tok105")
  }

  func testTok361IsSpaceAndCharacters() throws {
    let tokenizer = try Tokenizer.load(from: sharedFolder("data/checkpoints/babyllama/tok361.json"))
    XCTAssertEqual(tokenizer.vocabularySize, 361)
    XCTAssertEqual([tokenizer.bos, tokenizer.eos], [1, 2])
    try checkRoundTrip(tokenizer)
    // Byte pieces sit at 3 + byte.
    XCTAssertEqual(tokenizer.encode("\u{1F999}").suffix(4), [0xF0, 0x9F, 0xA6, 0x99].map { $0 + 3 })
  }
}

/// Bytes of a llama2.c tokenizer.bin.
func llamaTokenizerFile(_ pieces: [(String, Float)]) -> Data {
  var data = Data()
  func append(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) } }
  append(UInt32(pieces.map { $0.0.utf8.count }.max() ?? 0))
  for (piece, score) in pieces {
    append(score.bitPattern)
    append(UInt32(piece.utf8.count))
    data.append(contentsOf: piece.utf8)
  }
  return data
}
