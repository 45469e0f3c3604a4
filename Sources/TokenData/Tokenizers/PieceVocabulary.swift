import Groundwork

/// Pieces over characters, as SentencePiece's BPE models and llama2.c store them. Text gets a space in
/// front, each character becomes its piece (or its bytes `<0xNN>`, or the unknown piece where there are no
/// byte pieces), and with `scores` neighbouring pieces are joined, best score of the result first, as
/// llama2.c's `encode` does. Without scores text stays character by character.
struct PieceVocabulary: Sendable {
  /// The bytes of each id, a space being a space; control, unknown and byte pieces are not findable.
  let pieces: ByteStringTable
  let scores: [Float]?
  let unknown: Int32?
  /// The id of each byte, where the vocabulary has all 256.
  let byteIDs: [Int32]?
  private let byteOfID: [Int32: UInt8]
  private let table: MergeTable
  /// No piece has a space behind another character, so that text may be merged word by word.
  private let wordsAreApart: Bool
  private let cache = WordCache()

  /// - Parameter spellings: pieces in id order, U+2581 meaning a space; `control` ids stand for no text.
  init(spellings: [[UInt8]], scores: [Float]?, unknown: Int32?, control: Set<Int32>) {
    var bytes: [Int32: UInt8] = [:]
    var pieces = ByteStringTable(capacity: spellings.count)
    for (id, spelling) in spellings.enumerated() {
      let spelling = Self.replacingSpaceSymbol(spelling)
      let byte = Self.byteValue(spelling)
      if let byte { bytes[Int32(id)] = byte }
      pieces.append(spelling, findable: byte == nil && !control.contains(Int32(id)) && Int32(id) != unknown)
    }
    self.pieces = pieces
    self.scores = scores
    self.unknown = unknown
    byteOfID = bytes
    var byValue = [Int32](repeating: -1, count: 256)
    for (id, byte) in bytes where byValue[Int(byte)] < 0 || id < byValue[Int(byte)] {
      byValue[Int(byte)] = id
    }
    byteIDs = byValue.contains(-1) ? nil : byValue
    table = MergeTable(scores.map { Self.merges(pieces, scores: $0) } ?? [])
    wordsAreApart = (0..<pieces.count).allSatisfy { id in
      let piece = pieces[id]
      return !zip(piece, piece.dropFirst()).contains { $0 != 0x20 && $1 == 0x20 }
    }
  }

  /// `<0x0A>` -> 10.
  private static func byteValue(_ spelling: [UInt8]) -> UInt8? {
    guard spelling.count == 6, spelling.starts(with: Array("<0x".utf8)), spelling[5] == UInt8(ascii: ">")
    else {
      return nil
    }
    return UInt8(String(decoding: spelling[3..<5], as: UTF8.self), radix: 16)
  }

  /// U+2581 (E2 96 81) -> space.
  private static func replacingSpaceSymbol(_ spelling: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    for byte in spelling {
      out.append(byte)
      if byte == 0x81, out.suffix(3) == [0xE2, 0x96, 0x81] {
        out.replaceSubrange((out.count - 3)..., with: [0x20])
      }
    }
    return out
  }

  /// Every way to make a piece out of two; the better the score, the lower the priority number.
  private static func merges(_ pieces: ByteStringTable, scores: [Float]) -> [MergeTable.Merge] {
    let distinct = Set(scores).sorted(by: >)
    var priority: [Float: UInt32] = [:]
    for (rank, score) in distinct.enumerated() { priority[score] = UInt32(rank) }
    var merges: [MergeTable.Merge] = []
    for id in 0..<pieces.count {
      let piece = Array(pieces[id])
      guard piece.count > 1, pieces.find(piece) == id else { continue }
      for cut in 1..<piece.count {
        let halves = piece.withUnsafeBytes { bytes in
          (
            pieces.find(UnsafeRawBufferPointer(rebasing: bytes[..<cut])),
            pieces.find(UnsafeRawBufferPointer(rebasing: bytes[cut...]))
          )
        }
        guard let left = halves.0, let right = halves.1 else { continue }
        merges.append(
          .init(left: Int32(left), right: Int32(right), priority: priority[scores[id]]!, merged: Int32(id)))
      }
    }
    return merges
  }

  // MARK: Encoding

  /// Appends the ids of " " + text; nothing for an empty text.
  func encode(_ text: UnsafeBufferPointer<UInt8>, into out: inout [Int32]) {
    if text.isEmpty { return }
    var spaced: [UInt8] = [0x20]
    spaced.append(contentsOf: text)
    let cached = cache.tryLock()
    defer { if cached { cache.unlock() } }
    spaced.withUnsafeBufferPointer { bytes in
      let base = bytes.baseAddress!
      var symbols: [Int32] = []
      var start = 0
      while start < bytes.count {
        let end = wordEnd(base, from: start, end: bytes.count)
        let word = UnsafeRawBufferPointer(start: base + start, count: end - start)
        start = end
        if cached, word.count <= WordCache.longestWord, cache.append(word, to: &out) { continue }
        symbols.removeAll(keepingCapacity: true)
        appendCharacters(word, to: &symbols)
        table.mergeAll(&symbols)
        out.append(contentsOf: symbols)
        if cached, word.count <= WordCache.longestWord { cache.remember(word, symbols) }
      }
    }
  }

  private func wordEnd(_ text: UnsafePointer<UInt8>, from start: Int, end: Int) -> Int {
    if !wordsAreApart { return end }
    var index = start
    while index < end, text[index] == 0x20 { index += 1 }
    while index < end, text[index] != 0x20 { index += 1 }
    return index
  }

  private func appendCharacters(_ word: UnsafeRawBufferPointer, to symbols: inout [Int32]) {
    let text = word.bindMemory(to: UInt8.self).baseAddress!
    var index = 0
    var unknownBefore = false
    while index < word.count {
      let length = max(ScalarClassifier.sequenceLength(text, at: index, end: word.count), 1)
      let character = UnsafeRawBufferPointer(start: text + index, count: length)
      index += length
      if let id = pieces.find(character) {
        symbols.append(Int32(id))
        unknownBefore = false
      } else if let byteIDs {
        for byte in character { symbols.append(byteIDs[Int(byte)]) }
      } else if let unknown, !unknownBefore {
        symbols.append(unknown)
        unknownBefore = true
      }
    }
  }

  // MARK: Decoding

  /// Appends the bytes of one id.
  func decode(_ id: Int32, into out: inout [UInt8]) {
    if let byte = byteOfID[id] { out.append(byte) } else { out.append(contentsOf: pieces[Int(id)]) }
  }
}
