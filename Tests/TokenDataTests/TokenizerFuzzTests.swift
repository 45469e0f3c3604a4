import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Mutated tokenizer files of every kind: refused, or they encode within their vocabulary; never a crash.
final class TokenizerFuzzTests: XCTestCase {
  func testMutatedTokenizersNeverCrash() throws {
    var random = RandomStream(seed: 5, "fuzz tokenizers")
    let byteLevel = try TokenizerInputTests.huggingFace(TokenizerTests.trained(size: 280))
    let llama = try TokenizerTests.llama2c()
    let pieces = try TokenizerInputTests.huggingFace(llama)
    let binary = llamaTokenizerFile([("<unk>", 0), ("<s>", 0), ("</s>", 0), ("a", 1), ("b", 2), ("ab", 3), (" ", 4)])
    let text = TokenizerTests.story
    for _ in 0..<Mutation.count {
      let tokenizer: Tokenizer?
      switch random.next(below: 3) {
      case 0:
        let data = Mutation.of(byteLevel, &random)
        tokenizer = try? HuggingFaceTokenizer.parse(data, configuration: nil, file: "f")
      case 1: tokenizer = try? PieceFile.load(Mutation.of(pieces, &random), file: "f")
      default: tokenizer = try? LlamaTokenizerFile.parse(Mutation.of(binary, &random), file: "f")
      }
      guard let tokenizer else { continue }
      let ids = tokenizer.encode(text)
      XCTAssertTrue(ids.allSatisfy { $0 >= 0 && Int($0) < tokenizer.vocabularySize })
      _ = tokenizer.decode(ids)
    }
  }
}
