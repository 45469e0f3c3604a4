import Groundwork

/// Pieces over characters, as SentencePiece's BPE models, llama2.c and the tokenizer.json files made from them store
/// them. Each character becomes its piece (or its bytes `<0xNN>`, or the unknown piece), and neighbouring pieces are
/// joined: by `scores` (best score of the result first, as llama2.c's `encode` does) or by ranked merges. With neither,
/// text stays character by character. A space and U+2581 are the same character in pieces.
struct PieceVocabulary: Sendable {
  /// How a text becomes spaces and words before it is merged.
  struct Settings: Sendable {
    enum Space: String, Sendable {
      case none, front, back
      /// In front of a text that does not start with one; of the first stretch only.
      case unlessThere, firstUnlessThere
    }
    /// Where a space is added.
    var space = Space.front
    /// Spaces at the ends go, runs of them become one.
    var joinsSpaces = false
    /// U+2581 in a text is a space (SentencePiece), not itself (llama2.c).
    var readsSpaceSymbol = false
    var characters: CharacterMap?
    /// `<0xNN>` pieces are bytes, for characters without a piece.
    var hasBytePieces = true
    /// Several unknown characters in a row are one unknown piece.
    var fusesUnknown = true
    var ignoresMerges = false
    var preTokenizer = PreTokenizer.splits([])
    /// Decoding drops a space that a text starts with; with `joinsSpaces` one of every piece until there is a text.
    var dropsSpace = true

    static let llama2c = Settings()

    /// What differs from llama2.c's reading; part of a tokenizer's fingerprint.
    var summary: String {
      var parts: [String] = []
      if space != .front { parts.append("space=\(space.rawValue)") }
      if joinsSpaces { parts.append("joinsSpaces") }
      if readsSpaceSymbol { parts.append("readsSpaceSymbol") }
      if let characters { parts.append("characters=\(characters.digest)") }
      if !hasBytePieces { parts.append("noBytes") }
      if !fusesUnknown { parts.append("keepsUnknown") }
      if ignoresMerges { parts.append("ignoresMerges") }
      if case .splits(let splits) = preTokenizer, splits.isEmpty {} else { parts.append(preTokenizer.summary) }
      return parts.joined(separator: " ")
    }
  }

  /// The bytes of each id, a space being a space; control, unknown and byte pieces are not findable.
  let pieces: ByteStringTable
  let scores: [Float]?
  /// In rank order, where there are no scores.
  let merges: [MergeTable.Merge]
  let unknown: Int32?
  let settings: Settings
  /// The id of each byte, -1 where the vocabulary has none.
  private let byteIDs: [Int32]
  /// What each byte piece stands for.
  let byteOfID: [Int32: UInt8]
  private let table: MergeTable
  /// Symbols that are taken whole before anything merges.
  private let userDefined: AddedTokenMatcher?
  /// No piece has a space behind another character, so that text may be merged word by word.
  private let wordsAreApart: Bool
  private let cache = WordCache()

  /// - Parameter spellings: pieces in id order, U+2581 meaning a space; `control` ids stand for no text.
  init(
    spellings: [[UInt8]], scores: [Float]?, merges: [MergeTable.Merge] = [], unknown: Int32?, control: Set<Int32>,
    userDefined: [Int32] = [], settings: Settings = .llama2c
  ) {
    var bytes: [Int32: UInt8] = [:]
    var pieces = ByteStringTable(capacity: spellings.count)
    for (id, spelling) in spellings.enumerated() {
      let spelling = Self.readingSpaceSymbol(spelling)
      let byte = settings.hasBytePieces ? Self.byteValue(spelling) : nil
      if let byte { bytes[Int32(id)] = byte }
      pieces.append(spelling, findable: byte == nil && !control.contains(Int32(id)) && Int32(id) != unknown)
    }
    self.pieces = pieces
    self.scores = scores
    self.unknown = unknown
    self.settings = settings
    byteOfID = bytes
    var byValue = [Int32](repeating: -1, count: 256)
    for (id, byte) in bytes where byValue[Int(byte)] < 0 || id < byValue[Int(byte)] {
      byValue[Int(byte)] = id
    }
    byteIDs = byValue
    self.merges = merges
    table = MergeTable(scores.map { Self.merges(pieces, scores: $0) } ?? self.merges)
    self.userDefined =
      userDefined.isEmpty
      ? nil
      : AddedTokenMatcher(userDefined.map { AddedToken(id: $0, text: "", isSpecial: false) }) {
        Array(pieces[Int($0.id)])
      }
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
  static func readingSpaceSymbol(_ spelling: [UInt8]) -> [UInt8] {
    if !spelling.contains(0xE2) { return spelling }
    var out: [UInt8] = []
    out.reserveCapacity(spelling.count)
    for byte in spelling {
      out.append(byte)
      if byte == 0x81, out.count > 2, out[out.count - 2] == 0x96, out[out.count - 3] == 0xE2 {
        out.removeLast(3)
        out.append(0x20)
      }
    }
    return out
  }

  /// Every way to make a piece out of two; the better the score, the lower the priority number.
  static func merges(_ pieces: ByteStringTable, scores: [Float]) -> [MergeTable.Merge] {
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

  /// Appends the ids of a text; nothing for an empty text.
  /// - Parameters:
  ///   - isFirst: nothing stands before the text.
  ///   - continuing: the text goes on from another, so that no space is added.
  func encode(
    _ text: UnsafeBufferPointer<UInt8>, isFirst: Bool = true, continuing: Bool = false, into out: inout [Int32]
  ) {
    let words = spaced(text, isFirst: isFirst, continuing: continuing)
    let cached = cache.tryLock()
    defer { if cached { cache.unlock() } }
    words.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress, bytes.count > 0 else { return }
      guard let userDefined else { return encodeStretch(base, bytes.count, cached, into: &out) }
      userDefined.split(bytes, specials: true) { range, symbol in
        if let symbol { return out.append(symbol) }
        encodeStretch(base + range.lowerBound, range.count, cached, into: &out)
      }
    }
  }

  /// The text with its characters mapped, its spaces joined and one added, as the settings ask.
  private func spaced(_ text: UnsafeBufferPointer<UInt8>, isFirst: Bool, continuing: Bool) -> [UInt8] {
    if text.isEmpty { return [] }
    var body = mapped(text)
    if settings.joinsSpaces { body = Self.joiningSpaces(body) }
    if settings.readsSpaceSymbol { body = Self.readingSpaceSymbol(body) }
    if settings.joinsSpaces { while body.last == 0x20 { body.removeLast() } }
    if body.isEmpty { return [] }
    if continuing { return body }
    switch settings.space {
    case .none: return body
    case .front: return [0x20] + body
    case .back: return body + [0x20]
    case .unlessThere: return body[0] == 0x20 ? body : [0x20] + body
    case .firstUnlessThere: return body[0] == 0x20 || !isFirst ? body : [0x20] + body
    }
  }

  private func mapped(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    guard let characters = settings.characters else { return Array(text) }
    // User-defined symbols are not mapped.
    guard let userDefined else { return characters.mapped(text) ?? Array(text) }
    var out: [UInt8] = []
    userDefined.split(text, specials: true) { range, symbol in
      let part = UnsafeBufferPointer(rebasing: text[range])
      out += symbol == nil ? characters.mapped(part) ?? Array(part) : Array(part)
    }
    return out
  }

  private static func joiningSpaces(_ text: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(text.count)
    for byte in text where byte != 0x20 || (out.last ?? 0x20) != 0x20 { out.append(byte) }
    return out
  }

  private func encodeStretch(_ text: UnsafePointer<UInt8>, _ count: Int, _ cached: Bool, into out: inout [Int32]) {
    var symbols: [Int32] = []
    settings.preTokenizer.forEachWord(text, count: count) { first, last in
      var start = first
      while start < last {
        let end = wordEnd(text, from: start, end: last)
        let word = UnsafeRawBufferPointer(start: text + start, count: end - start)
        start = end
        if cached, word.count <= WordCache.longestWord, cache.append(word, to: &out) { continue }
        symbols.removeAll(keepingCapacity: true)
        if settings.ignoresMerges, let id = pieces.find(word) {
          symbols.append(Int32(id))
        } else {
          appendCharacters(word, to: &symbols)
          table.mergeAll(&symbols)
        }
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
      } else if character.allSatisfy({ byteIDs[Int($0)] >= 0 }) {
        for byte in character { symbols.append(byteIDs[Int(byte)]) }
      } else if let unknown, !unknownBefore || !settings.fusesUnknown {
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
