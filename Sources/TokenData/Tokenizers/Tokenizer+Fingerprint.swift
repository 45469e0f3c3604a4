import Foundation
import Groundwork

extension Tokenizer {
  /// SHA-256 over: kind, its options, every piece with its length, merges as id pairs in rank order or
  /// scores as bit patterns, and the added tokens. Numbers are little-endian 32 bits.
  static func fingerprint(_ model: Model, _ normalizer: TextNormalizer, addedTokens: [AddedToken]) -> String {
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
    func append(_ merges: [MergeTable.Merge]) {
      for merge in merges {
        append(UInt32(bitPattern: merge.left))
        append(UInt32(bitPattern: merge.right))
      }
    }
    switch model {
    case .byteLevel(let bpe):
      let composes = normalizer.summary == TextNormalizer.nfc.summary
      append("byte-level")
      append("\(bpe.preTokenizer.summary) composes=\(composes) ignoresMerges=\(bpe.ignoresMerges)")
      if !composes, !normalizer.steps.isEmpty { append(normalizer.summary) }
      if bpe.addsPrefixSpace { append("prefix space") }
      if bpe.unknown != nil { append("unknown \(bpe.unknown!)") }
      append(bpe.pieces)
      append(UInt32(bpe.merges.count))
      append(bpe.merges)
    case .pieces(let vocabulary):
      append(vocabulary.scores != nil ? "llama2c" : vocabulary.merges.isEmpty ? "characters" : "merged")
      if !vocabulary.settings.summary.isEmpty { append(vocabulary.settings.summary) }
      if !normalizer.steps.isEmpty { append(normalizer.summary) }
      append(UInt32(bitPattern: vocabulary.unknown ?? -1))
      append(vocabulary.pieces)
      for score in vocabulary.scores ?? [] { append(score.bitPattern) }
      append(vocabulary.merges)
    }
    append(UInt32(addedTokens.count))
    for token in addedTokens {
      append(UInt32(bitPattern: token.id))
      append(token.text)
      append(token.isSpecial ? 1 : 0)
      if !token.flags.isEmpty { append(token.flags) }
    }
    return sha256(Data(canonical))
  }
}
