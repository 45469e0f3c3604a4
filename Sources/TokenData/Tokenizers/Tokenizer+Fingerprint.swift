import Foundation
import Groundwork

extension Tokenizer {
  /// SHA-256 over: kind, its options, every piece with its length, merges as id pairs in rank order or
  /// scores as bit patterns, and the added tokens. Numbers are little-endian 32 bits.
  static func fingerprint(_ model: Model, addedTokens: [AddedToken]) -> String {
    var canonical: [UInt8] = []
    func append(_ value: UInt32) {
      withUnsafeBytes(of: value.littleEndian) { canonical.append(contentsOf: $0) }
    }
    func append(_ bytes: some Collection<UInt8>) {
      append(UInt32(bytes.count))
      canonical.append(contentsOf: bytes)
    }
    func append(_ text: String) { append(Array(text.utf8)) }
    func append(_ pieces: ByteStringTable) {
      append(UInt32(pieces.count))
      for id in 0..<pieces.count { append(pieces[id]) }
    }
    switch model {
    case .byteLevel(let bpe):
      append("byte-level")
      append("\(bpe.pattern.rawValue) composes=\(bpe.composes) ignoresMerges=\(bpe.ignoresMerges)")
      append(bpe.pieces)
      append(UInt32(bpe.merges.count))
      for merge in bpe.merges {
        append(UInt32(bitPattern: merge.left))
        append(UInt32(bitPattern: merge.right))
      }
    case .pieces(let vocabulary):
      append(vocabulary.scores == nil ? "characters" : "llama2c")
      append(UInt32(bitPattern: vocabulary.unknown ?? -1))
      append(vocabulary.pieces)
      for score in vocabulary.scores ?? [] { append(score.bitPattern) }
    }
    append(UInt32(addedTokens.count))
    for token in addedTokens {
      append(UInt32(bitPattern: token.id))
      append(token.text)
      append(token.isSpecial ? 1 : 0)
    }
    return sha256(Data(canonical))
  }
}
