import Foundation
import Groundwork

/// llama2.c's tokenizer.bin: int32 length of the longest piece, then per piece float32 score, int32 length
/// and its bytes; little-endian. Ids 0, 1, 2 are unknown, beginning and end.
enum LlamaTokenizerFile {
  private static let longestPiece = 1024

  static func load(_ url: URL) throws -> Tokenizer {
    try parse(readFile(url), file: url.path)
  }

  static func parse(_ data: Data, file: String) throws -> Tokenizer {
    func broken(_ reason: String, at offset: Int) -> UpcycleError {
      UpcycleError("is not a llama2.c tokenizer: \(reason) at byte \(offset)", at: file)
    }
    var spellings: [[UInt8]] = []
    var scores: [Float] = []
    try data.withUnsafeBytes { bytes in
      guard bytes.count >= 4 else { throw broken("no header", at: 0) }
      let longest = Int(Int32(littleEndian: bytes.loadUnaligned(as: Int32.self)))
      guard (1...longestPiece).contains(longest) else {
        throw broken("longest piece of \(longest) bytes", at: 0)
      }
      var offset = 4
      while offset < bytes.count {
        guard offset + 8 <= bytes.count else { throw broken("truncated", at: offset) }
        let bits = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        let length = Int(Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 4, as: Int32.self)))
        let score = Float(bitPattern: bits)
        guard score.isFinite else { throw broken("score is not finite", at: offset) }
        guard (0...longestPiece).contains(length) else {
          throw broken("piece of \(length) bytes", at: offset + 4)
        }
        guard offset + 8 + length <= bytes.count else { throw broken("truncated", at: offset + 8) }
        let piece = Array(bytes[offset + 8..<offset + 8 + length])
        guard String(validating: piece, as: UTF8.self) != nil else {
          throw broken("piece is not UTF-8", at: offset + 8)
        }
        spellings.append(piece)
        scores.append(score)
        offset += 8 + length
      }
    }
    guard spellings.count >= 4 else { throw broken("only \(spellings.count) pieces", at: data.count) }
    let names = ["<unk>", "<s>", "</s>"]
    let tokens = names.indices.map { AddedToken(id: Int32($0), text: names[$0]) }
    let vocabulary = PieceVocabulary(spellings: spellings, scores: scores, unknown: 0, control: [0, 1, 2])
    return Tokenizer(model: .pieces(vocabulary), addedTokens: tokens, boundaries: BoundaryTokens(bos: 1, eos: 2))
  }
}
