import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Mutated tokenizer files of every kind: refused, or they encode within their vocabulary; never a crash.
final class TokenizerFuzzTests: XCTestCase {
  func testMutatedTokenizersNeverCrash() throws {
    let byteLevel = try TokenizerInputTests.huggingFace(TokenizerTests.trained(size: 280))
    let llama = try TokenizerTests.llama2c()
    let pieces = try TokenizerInputTests.huggingFace(llama)
    let binary = llamaTokenizerFile([
      ("<unk>", 0), ("<s>", 0), ("</s>", 0), ("a", 1), ("b", 2), ("ab", 3), (" ", 4),
    ])
    let model = Self.sentencePieceModel(["<unk>", "<s>", "</s>", "a", "b", "ab", "\u{2581}"])
    XCTAssertNoThrow(try SentencePieceFile.parse(model, file: "f"))
    let text = TokenizerTests.story
    Fuzz.run("tokenizers", place: "f") { _, random in
      let tokenizer: Tokenizer =
        switch random.next(below: 4) {
        case 0: try HuggingFaceTokenizer.parse(Mutation.of(byteLevel, &random), configuration: nil, file: "f")
        case 1: try PieceFile.load(Mutation.of(pieces, &random), file: "f")
        case 2: try SentencePieceFile.parse(Mutation.of(model, &random), file: "f")
        default: try LlamaTokenizerFile.parse(Mutation.of(binary, &random), file: "f")
        }
      let ids = tokenizer.encode(text)
      XCTAssertTrue(ids.allSatisfy { $0 >= 0 && Int($0) < tokenizer.vocabularySize })
      _ = tokenizer.decode(ids)
    }
  }

  /// A character model: pieces with score -id, the first unknown, the next two control.
  private static func sentencePieceModel(_ pieces: [String]) -> Data {
    var model: [UInt8] = []
    for (id, piece) in pieces.enumerated() {
      var message: [UInt8] = [0x0A, UInt8(piece.utf8.count)] + Array(piece.utf8) + [0x15]
      withUnsafeBytes(of: (-Float(id)).bitPattern.littleEndian) { message += $0 }
      if id < 3 { message += [0x18, id == 0 ? 2 : 3] }
      model += [0x0A, UInt8(message.count)] + message
    }
    return Data(model + [0x12, 2, 0x18, 4])
  }
}
