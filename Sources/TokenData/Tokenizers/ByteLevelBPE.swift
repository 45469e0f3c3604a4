import Foundation
import Groundwork

/// Byte-level byte-pair encoding (Radford et al. 2019): text is cut into words by a split pattern, each
/// word starts as its bytes, and the pair with the lowest merge rank is joined until none is left.
/// Any bytes encode, and decoding gives exactly them back.
struct ByteLevelBPE: Sendable {
  let pattern: SplitPattern
  /// Text is brought to Unicode's composed form first (Qwen's tokenizer.json); only then is encoding not
  /// exact on bytes.
  let composes: Bool
  /// A word that is itself a piece is taken whole, whatever the merges say (Llama-3).
  let ignoresMerges: Bool
  /// The bytes of each id; an unused id and a special token's id are not findable.
  let pieces: ByteStringTable
  /// In rank order.
  let merges: [MergeTable.Merge]
  private let table: MergeTable
  private let byteIDs: [Int32]
  private let cache = WordCache()

  /// - Throws: when one of the 256 bytes has no piece.
  init(
    pieces: ByteStringTable, merges: [MergeTable.Merge], pattern: SplitPattern, composes: Bool = false,
    ignoresMerges: Bool = false, file: String
  ) throws {
    self.pieces = pieces
    self.merges = merges
    self.pattern = pattern
    self.composes = composes
    self.ignoresMerges = ignoresMerges
    table = MergeTable(merges)
    byteIDs = try (0..<256).map { byte in
      guard let id = pieces.find([UInt8(byte)]) else {
        throw UpcycleError(
          "is not a byte-level vocabulary", at: file, expected: "a piece for each of the 256 bytes",
          found: "none for byte \(byte)")
      }
      return Int32(id)
    }
  }

  /// Appends the ids of `text`.
  func encode(_ text: UnsafeBufferPointer<UInt8>, into out: inout [Int32]) {
    guard let base = text.baseAddress, text.count > 0 else { return }
    if composes, let composed = Self.composed(text) {
      composed.withUnsafeBufferPointer { encodeWords($0.baseAddress!, count: $0.count, into: &out) }
    } else {
      encodeWords(base, count: text.count, into: &out)
    }
  }

  private func encodeWords(_ text: UnsafePointer<UInt8>, count: Int, into out: inout [Int32]) {
    let cached = cache.tryLock()
    defer { if cached { cache.unlock() } }
    var symbols: [Int32] = []
    var start = 0
    while start < count {
      let end = pattern.wordEnd(text, from: start, end: count)
      let word = UnsafeRawBufferPointer(start: text + start, count: end - start)
      start = end
      if cached, word.count <= WordCache.longestWord, cache.append(word, to: &out) { continue }
      merge(word, into: &symbols)
      out.append(contentsOf: symbols)
      if cached, word.count <= WordCache.longestWord { cache.remember(word, symbols) }
    }
  }

  private func merge(_ word: UnsafeRawBufferPointer, into symbols: inout [Int32]) {
    symbols.removeAll(keepingCapacity: true)
    if ignoresMerges, let id = pieces.find(word) {
      symbols.append(Int32(id))
      return
    }
    for byte in word { symbols.append(byteIDs[Int(byte)]) }
    table.mergeAll(&symbols)
  }

  /// The composed form of `text`; nil when it is not UTF-8 or composes already.
  private static func composed(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    if text.allSatisfy({ $0 < 0x80 }) { return nil }
    guard let string = String(validating: text, as: UTF8.self) else { return nil }
    return Array(string.precomposedStringWithCanonicalMapping.utf8)
  }
}
