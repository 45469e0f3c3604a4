import Foundation
import Groundwork

/// Byte-level byte-pair encoding (Radford et al. 2019): text is cut into words by the pre-tokenizer, each
/// word starts as its bytes, and the pair with the lowest merge rank is joined until none is left.
/// Any bytes encode, and decoding gives exactly them back, where the vocabulary has all 256.
struct ByteLevelBPE: Sendable {
  let preTokenizer: PreTokenizer
  /// A word that is itself a piece is taken whole, whatever the merges say (Llama-3).
  let ignoresMerges: Bool
  /// A text that does not start with a space gets one.
  let addsPrefixSpace: Bool
  /// Stands for the bytes that have no piece; without it they are left out.
  let unknown: Int32?
  /// The bytes of each id; an unused id and a special token's id are not findable.
  let pieces: ByteStringTable
  /// In rank order.
  let merges: [MergeTable.Merge]
  private let table: MergeTable
  /// -1 where a byte has no piece.
  private let byteIDs: [Int32]
  private let cache = WordCache()

  /// - Throws: when none of the 256 bytes has a piece.
  init(
    pieces: ByteStringTable, merges: [MergeTable.Merge], preTokenizer: PreTokenizer, ignoresMerges: Bool = false,
    addsPrefixSpace: Bool = false, unknown: Int32? = nil, file: String
  ) throws {
    self.pieces = pieces
    self.merges = merges
    self.preTokenizer = preTokenizer
    self.ignoresMerges = ignoresMerges
    self.addsPrefixSpace = addsPrefixSpace
    self.unknown = unknown
    table = MergeTable(merges)
    byteIDs = (0..<256).map { byte in pieces.find([UInt8(byte)]).map(Int32.init) ?? -1 }
    if byteIDs.allSatisfy({ $0 < 0 }) {
      throw UpcycleError(
        "is not a byte-level vocabulary", at: file, expected: "pieces for single bytes", found: "none")
    }
  }

  /// Appends the ids of `text`.
  /// - Parameter continuing: the text goes on from another, so that it gets no space in front.
  func encode(_ text: UnsafeBufferPointer<UInt8>, continuing: Bool = false, into out: inout [Int32]) {
    guard let base = text.baseAddress, text.count > 0 else { return }
    if addsPrefixSpace, !continuing, text[0] != 0x20 {
      let spaced = [0x20] + text
      return spaced.withUnsafeBufferPointer { encodeWords($0.baseAddress!, count: $0.count, into: &out) }
    }
    encodeWords(base, count: text.count, into: &out)
  }

  private func encodeWords(_ text: UnsafePointer<UInt8>, count: Int, into out: inout [Int32]) {
    let cached = cache.tryLock()
    defer { if cached { cache.unlock() } }
    var symbols: [Int32] = []
    preTokenizer.forEachWord(text, count: count) { start, end in
      let word = UnsafeRawBufferPointer(start: text + start, count: end - start)
      if cached, word.count <= WordCache.longestWord, cache.append(word, to: &out) { return }
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
    for byte in word {
      let id = byteIDs[Int(byte)]
      if id >= 0 { symbols.append(id) } else if let unknown { symbols.append(unknown) }
    }
    table.mergeAll(&symbols)
  }
}
