import Foundation
import Groundwork

/// Trains byte-level BPE: the most frequent neighbouring pair over all words becomes a piece, until the
/// vocabulary is full (Sennrich et al. 2016; Radford et al. 2019). Ids: special tokens, the 256 bytes,
/// then the merges in order. Equal counts are decided by the smaller pair of ids, so that the same text
/// gives the same tokenizer whatever its order.
public struct BPETrainer {
  /// Special tokens of a tokenizer unless others are asked for; the first two begin and end a document.
  public static let defaultSpecialTokens = ["<|bos|>", "<|eos|>"]

  private let vocabularySize: Int
  private let pattern: SplitPattern
  private let specialTokens: [String]
  private var words = ByteStringTable(capacity: 1 << 12)
  private var counts: [Int] = []

  /// - Parameter pattern: by default Qwen's, which keeps every digit apart: small models calculate better
  ///   on single digits.
  public init(
    vocabularySize: Int, pattern: SplitPattern = .qwen,
    specialTokens: [String] = BPETrainer.defaultSpecialTokens
  ) throws {
    let least = 256 + specialTokens.count
    guard (least...1 << 20).contains(vocabularySize) else {
      throw UpcycleError.usage(
        "cannot train a vocabulary of this size",
        expected: "\(least) (bytes and special tokens) to \(1 << 20)",
        found: "\(vocabularySize)")
    }
    // Such a spelling is never one word of text, so that no merge can make it.
    guard Set(specialTokens).count == specialTokens.count,
      specialTokens.allSatisfy({ $0.hasPrefix("<") && $0.hasSuffix(">") && $0.contains(where: \.isLetter) })
    else {
      throw UpcycleError.usage(
        "special tokens must differ and stand in angle brackets", expected: "<|name|>",
        found: specialTokens.joined(separator: " "))
    }
    self.vocabularySize = vocabularySize
    self.pattern = pattern
    self.specialTokens = specialTokens
  }

  // MARK: Counting words

  /// Counts the words of a text, which the pattern splits.
  public mutating func add(_ text: String) {
    var text = text
    text.withUTF8 { add($0) }
  }

  /// The same of UTF-8.
  public mutating func add(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let text = bytes.baseAddress else { return }
    var start = 0
    while start < bytes.count {
      let end = pattern.wordEnd(text, from: start, end: bytes.count)
      let word = UnsafeRawBufferPointer(start: text + start, count: end - start)
      start = end
      if let number = words.find(word) {
        counts[number] += 1
      } else {
        words.append(word)
        counts.append(1)
      }
    }
  }

  // MARK: Training

  /// - Parameter progress: called now and then with the number of pieces made.
  /// - Returns: a tokenizer of the asked size, or smaller when no pair is left that occurs twice.
  /// - Throws: when no text was added.
  public func train(progress: (Int) -> Void = { _ in }) throws -> Tokenizer {
    guard !counts.isEmpty else { throw UpcycleError("cannot train a tokenizer on an empty corpus") }
    var pieces = ByteStringTable(capacity: vocabularySize)
    for special in specialTokens { pieces.append(Array(special.utf8), findable: false) }
    for byte in 0..<256 { pieces.append([UInt8(byte)]) }
    var corpus = PairCorpus(words: words, counts: counts, firstByte: Int32(specialTokens.count))
    var merges: [MergeTable.Merge] = []
    while pieces.count < vocabularySize, let (left, right) = corpus.mostFrequent() {
      let bytes = Array(pieces[Int(left)]) + Array(pieces[Int(right)])
      // Two different merges may spell one piece.
      let merged = Int32(pieces.find(bytes) ?? pieces.append(bytes))
      merges.append(.init(left: left, right: right, priority: UInt32(merges.count), merged: merged))
      corpus.merge(left, right, into: merged)
      if merges.count % 64 == 0 { progress(pieces.count) }
    }
    let bpe = try ByteLevelBPE(
      pieces: pieces, merges: merges, preTokenizer: .pattern(pattern), file: "the trained vocabulary")
    let added = specialTokens.enumerated().map { AddedToken(id: Int32($0.offset), text: $0.element) }
    let eos = added.count > 1 ? added[1].id : added.first?.id
    return Tokenizer(
      model: .byteLevel(bpe), addedTokens: added, boundaries: BoundaryTokens(bos: added.first?.id, eos: eos))
  }
}

/// The words of a corpus as id sequences, with the count of every neighbouring pair kept up to date.
private struct PairCorpus {
  private struct Candidate: Comparable {
    var count: Int
    var pair: UInt64
    /// The heap gives its smallest: most frequent first, then the smaller pair.
    static func < (a: Candidate, b: Candidate) -> Bool {
      a.count != b.count ? a.count > b.count : a.pair < b.pair
    }
  }

  private var words: [[Int32]]
  private let counts: [Int]
  private var pairCounts: [UInt64: Int] = [:]
  /// Words that held the pair when it was last counted; may name words that no longer do.
  private var occurrences: [UInt64: [Int32]] = [:]
  private var heap = MinHeap<Candidate>()

  init(words table: ByteStringTable, counts: [Int], firstByte: Int32) {
    words = (0..<table.count).map { table[$0].map { Int32($0) + firstByte } }
    self.counts = counts
    for (number, word) in words.enumerated() {
      for index in word.indices.dropLast() {
        let pair = Self.key(word[index], word[index + 1])
        pairCounts[pair, default: 0] += counts[number]
        if occurrences[pair]?.last != Int32(number) { occurrences[pair, default: []].append(Int32(number)) }
      }
    }
    for (pair, count) in pairCounts { heap.push(Candidate(count: count, pair: pair)) }
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// The most frequent pair that occurs at least twice.
  mutating func mostFrequent() -> (Int32, Int32)? {
    while let top = heap.pop() {
      let count = pairCounts[top.pair] ?? 0
      if count == top.count {
        return count < 2 ? nil : (Int32(top.pair >> 32), Int32(top.pair & 0xFFFF_FFFF))
      }
      if count > 0 && count < top.count { heap.push(Candidate(count: count, pair: top.pair)) }
    }
    return nil
  }

  mutating func merge(_ left: Int32, _ right: Int32, into merged: Int32) {
    let pair = Self.key(left, right)
    var grown = Set<UInt64>()
    for number in occurrences.removeValue(forKey: pair) ?? [] {
      replace(left, right, with: merged, inWord: Int(number), grown: &grown)
    }
    pairCounts[pair] = nil
    for pair in grown { heap.push(Candidate(count: pairCounts[pair] ?? 0, pair: pair)) }
  }

  private mutating func replace(
    _ left: Int32, _ right: Int32, with merged: Int32, inWord number: Int, grown: inout Set<UInt64>
  ) {
    let old = words[number]
    var new: [Int32] = []
    var index = 0
    while index < old.count {
      if index + 1 < old.count, old[index] == left, old[index + 1] == right {
        new.append(merged)
        index += 2
      } else {
        new.append(old[index])
        index += 1
      }
    }
    if new.count == old.count { return }
    for index in old.indices.dropLast() {
      pairCounts[Self.key(old[index], old[index + 1]), default: 0] -= counts[number]
    }
    for index in new.indices.dropLast() {
      let pair = Self.key(new[index], new[index + 1])
      pairCounts[pair, default: 0] += counts[number]
      if new[index] == merged || new[index + 1] == merged {
        grown.insert(pair)
        if occurrences[pair]?.last != Int32(number) { occurrences[pair, default: []].append(Int32(number)) }
      }
    }
    words[number] = new
  }
}
