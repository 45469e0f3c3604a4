import Evaluation
import Foundation
import Groundwork
import ModelCore
import TestKit
import TokenData
import XCTest

/// Published models reproduce what is known of them.
final class RealCheckpointTests: XCTestCase {
  private func load(_ checkpoint: String, _ tokenizer: String) throws -> (LanguageModel, Tokenizer) {
    let file = try Llama2CFile(sharedFolder("data/checkpoints/\(checkpoint)"))
    return (
      try LanguageModel(file.config, weights: file),
      try Tokenizer.load(from: sharedFolder("data/checkpoints/\(tokenizer)"))
    )
  }

  func testStories260KWritesItsGoldenStory() throws {
    let (model, tokenizer) = try load("stories260K/stories260K.bin", "stories260K/tok512.bin")
    let golden = try JSONValue(contentsOf: sharedFolder("data/checkpoints/stories260K/golden_greedy.json"))
    var stream = TextStream(tokenizer)
    var text = ""
    let report = try generate(model, prompt: tokenizer.documentStart, maximum: 200, ends: [1, 2]) {
      text += stream.append($0)
      return true
    }
    text += stream.finish()
    XCTAssertEqual(text, golden["text"]?.string)
    XCTAssertEqual(report.newTokens, 200)
  }

  /// 0.6775 nats was measured independently: 128 windows of 256 ids, the first id of each unpredicted.
  func testBabyLlamaHasItsMeasuredLoss() throws {
    let (model, tokenizer) = try load("babyllama/babyllama_tok361.bin", "babyllama/tok361.json")
    let text = try String(decoding: readFile(sharedFolder("data/tinystories/hf_validation_prefix.txt")), as: UTF8.self)
    let ids = tokenizer.documentStart + tokenizer.encode(text)
    XCTAssertEqual(Array(ids.prefix(2)), [1] + tokenizer.encode(" ").prefix(1))
    let report = try perplexity(of: model, windows: 32, tokenizer: tokenizer) { Array(ids[$0 * 256..<($0 + 1) * 256]) }
    let whole = try perplexity(of: model, windows: 128) { Array(ids[$0 * 256..<($0 + 1) * 256]) }
    XCTAssertEqual(whole.loss, 0.6775, accuracy: 5e-5)
    XCTAssertEqual(whole.tokens, 128 * 255)
    // One character is one token here, and nearly all are one byte.
    XCTAssertEqual(try XCTUnwrap(report.bitsPerByte), report.loss / log(2), accuracy: 0.01)
  }
}
