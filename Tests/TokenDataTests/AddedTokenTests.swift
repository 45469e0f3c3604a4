import Foundation
import Groundwork
import XCTest

@testable import TokenData

/// Added tokens that take white space or bytes which others want: ids as `tokenizers` 0.23 gives them.
final class AddedTokenTests: XCTestCase {
  /// Byte-level, of six bytes; "é" is spelled like the byte 0xE9.
  private func tokenizer(_ added: String) throws -> Tokenizer {
    let text = """
      {"added_tokens": [\(added)], "normalizer": null, "post_processor": null, "decoder": {"type": "ByteLevel"},
       "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false},
       "model": {"type": "BPE", "merges": [],
         "vocab": {"a": 0, "b": 1, "Ġ": 2, "Ċ": 3, "x": 4, "é": 5, "Ã": 6, "©": 7}}}
      """
    return try HuggingFaceTokenizer.parse(Data(text.utf8), configuration: nil, file: "tokenizer.json")
  }

  /// `<|assistant|>` of Phi-3 takes the line breaks behind it; a token that begins in them is there all the same.
  func testTokensThatBeginInWhiteSpaceTakenByAnother() throws {
    let tokenizer = try tokenizer(
      #"""
      {"id": 8, "content": "<r>", "rstrip": true, "special": true},
      {"id": 9, "content": "\n\n", "special": false, "normalized": false},
      {"id": 10, "content": "<l>", "lstrip": true, "special": true}
      """#)
    let expected: [(String, [Int32])] = [
      ("<r> \n\nx", [8, 9, 4]), ("<r>\n\n  x", [8, 9, 2, 2, 4]), ("<r> <l>x", [8, 10, 4]),
      ("a <r>  <l> x", [0, 2, 8, 10, 2, 4]), ("<r> \n\n", [8, 9]), ("<r> \n\n <l>b", [8, 9, 10, 1]),
    ]
    for (text, ids) in expected { XCTAssertEqual(tokenizer.encode(text, parsingSpecials: true), ids, text) }
    // One that takes all white space is one, however much there is.
    let wide = try self.tokenizer(#"{"id": 8, "content": " ", "lstrip": true, "rstrip": true, "special": false}"#)
    XCTAssertEqual(wide.encode("ba   xb"), [1, 0, 8, 4, 1])
  }

  func testSpecialTokensSpelledLikeABytesPieceLoseNoByte() throws {
    let tokenizer = try tokenizer(
      #"""
      {"id": 0, "content": "a", "special": true}, {"id": 5, "content": "é", "single_word": true, "special": true}
      """#)
    let expected: [(String, [Int32])] = [("ab", [0, 1]), ("éb", [6, 7, 1]), ("b é", [1, 2, 5]), ("xé", [4, 6, 7])]
    for (text, ids) in expected { XCTAssertEqual(tokenizer.encode(text, parsingSpecials: true), ids, text) }
    XCTAssertEqual(tokenizer.encode("ab"), [0, 1], "as text")
    XCTAssertEqual(tokenizer.encode(bytes: [0xE9, 0x78]), [5, 4], "a byte that no text of its own is")
  }
}
