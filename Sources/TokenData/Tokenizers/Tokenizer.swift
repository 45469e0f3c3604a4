import Foundation
import Groundwork

/// Text to token ids and back: byte-level BPE, SentencePiece's and llama2.c's pieces, or single characters.
///
/// A text passes through: added tokens that are looked for in it as it is; the normaliser; added tokens that are looked
/// for in normalised text; the model. Byte-level tokenizers without a normaliser take any bytes and
/// `decodeBytes(encode(bytes:))` gives them back. A tokenizer is immutable and may be used from several threads.
public final class Tokenizer: Sendable {
  enum Model: Sendable {
    case byteLevel(ByteLevelBPE)
    case pieces(PieceVocabulary)
  }

  /// Whether special tokens spelled in a text, such as `<|eos|>`, are these tokens or ordinary text.
  public enum SpecialTokens: String, Sendable, CaseIterable {
    /// These tokens.
    case parse
    /// Ordinary text.
    case text
  }

  let model: Model
  let normalizer: TextNormalizer
  /// Special and other added tokens, by id.
  public let addedTokens: [AddedToken]
  /// The beginning token, where the vocabulary has one.
  public let bos: Int32?
  /// The end token, where the vocabulary has one.
  public let eos: Int32?
  /// What the tokenizer itself puts in front of every text, mostly the beginning token, and behind every document.
  public let documentStart: [Int32]
  let documentEnd: [Int32]
  /// Largest id + 1.
  public let vocabularySize: Int
  /// SHA-256 of everything that decides which ids a text gets; equal before saving and after loading.
  public let fingerprint: String
  /// The files this tokenizer was read from, which saving copies as they are; empty where it writes its own.
  let files: [TokenizerFile]
  private let matcher: AddedTokenMatcher
  private let normalizedMatcher: AddedTokenMatcher
  private let addedByID: [Int32: AddedToken]
  /// What decoding writes for an added token: its text, normalised where it is looked for so.
  private let addedText: [Int32: [UInt8]]
  /// The tokens that end a text: beginning and end token, and those that the generation settings name.
  public let endTokens: Set<Int32>

  init(
    model: Model, normalizer: TextNormalizer = TextNormalizer(), addedTokens: [AddedToken],
    boundaries: BoundaryTokens, files: [TokenizerFile] = []
  ) {
    self.model = model
    self.normalizer = normalizer
    self.addedTokens = addedTokens.sorted { $0.id < $1.id }
    bos = boundaries.bos
    eos = boundaries.eos
    documentStart = boundaries.start
    documentEnd = boundaries.end
    self.files = files
    let pieces: Int
    switch model {
    case .byteLevel(let bpe): pieces = bpe.pieces.count
    case .pieces(let vocabulary): pieces = vocabulary.pieces.count
    }
    vocabularySize = max(pieces, Int(self.addedTokens.last?.id ?? -1) + 1)
    matcher = AddedTokenMatcher(self.addedTokens.filter { !$0.isNormalized })
    func spelling(_ token: AddedToken) -> [UInt8] {
      let text = Array(token.text.utf8)
      return token.isNormalized ? text.withUnsafeBufferPointer { normalizer.normalized($0) } ?? text : text
    }
    normalizedMatcher = AddedTokenMatcher(self.addedTokens.filter(\.isNormalized), spelling: spelling)
    let hasSpaceSymbols: Bool
    if case .pieces(let vocabulary) = model {
      hasSpaceSymbols = vocabulary.settings.readsSpaceSymbol
    } else {
      hasSpaceSymbols = false
    }
    addedText = Dictionary(
      addedTokens.map { token in
        let text = spelling(token)
        return (token.id, hasSpaceSymbols && token.isNormalized ? PieceVocabulary.readingSpaceSymbol(text) : text)
      }
    ) { first, _ in first }
    endTokens = Set([boundaries.bos, boundaries.eos].compactMap { $0 })
    addedByID = Dictionary(addedTokens.map { ($0.id, $0) }) { first, _ in first }
    fingerprint = Self.fingerprint(model, normalizer, addedTokens: self.addedTokens)
  }

  private init(_ other: Tokenizer, documentStart: [Int32], files: [TokenizerFile], endTokens: Set<Int32>) {
    model = other.model
    normalizer = other.normalizer
    addedTokens = other.addedTokens
    bos = other.bos
    eos = other.eos
    self.documentStart = documentStart
    documentEnd = other.documentEnd
    vocabularySize = other.vocabularySize
    fingerprint = other.fingerprint
    self.files = files
    matcher = other.matcher
    normalizedMatcher = other.normalizedMatcher
    addedByID = other.addedByID
    addedText = other.addedText
    self.endTokens = endTokens
  }

  /// The same tokenizer, putting its beginning token in front of texts or nothing.
  /// - Throws: when it has no beginning token to put there.
  public func addingBeginning(_ adds: Bool) throws -> Tokenizer {
    if !adds { return Tokenizer(self, documentStart: [], files: files, endTokens: endTokens) }
    if !documentStart.isEmpty { return self }
    guard let bos else {
      throw UpcycleError.usage("this tokenizer has no beginning token to put there", field: "bos")
    }
    return Tokenizer(self, documentStart: [bos], files: files, endTokens: endTokens)
  }

  /// The same tokenizer, read from `files`, of which generation_config.json may name further end tokens.
  func read(from files: [TokenizerFile]) throws -> Tokenizer {
    var ends = endTokens
    if let file = files.first(where: { $0.name == "generation_config.json" }) {
      let value = try JSONReader.parse(file.content, file: file.path, dialect: .nonFinite) { try $0.value() }
      let named = value["eos_token_id"]?.array ?? value["eos_token_id"].map { [$0] } ?? []
      ends.formUnion(named.compactMap { $0.int.flatMap { Int32(exactly: $0) } })
    }
    return Tokenizer(self, documentStart: documentStart, files: files, endTokens: ends)
  }

  /// What kind this is, for people: "byte-level BPE, llama3 pattern".
  public var summary: String {
    switch model {
    case .byteLevel(let bpe):
      guard case .pattern(let pattern) = bpe.preTokenizer else { return "byte-level BPE" }
      return "byte-level BPE, \(pattern.rawValue) pattern"
    case .pieces(let vocabulary):
      return vocabulary.scores != nil ? "scored pieces" : vocabulary.merges.isEmpty ? "characters" : "merged pieces"
    }
  }

  /// The id of an added token, such as `<|eos|>`.
  public func id(of text: String) -> Int32? { addedTokens.first { $0.text == text }?.id }

  /// True for tokens that stand for no text.
  func isSpecial(_ id: Int32) -> Bool { addedByID[id]?.isSpecial ?? false }

  /// What a model needs in front of a text that may be empty: `documentStart`, else the beginning or the end token.
  public var emptyStart: [Int32] {
    documentStart.isEmpty ? (bos ?? eos).map { [$0] } ?? [] : documentStart
  }

  // MARK: Encoding

  /// The ids of `text`, without beginning or end tokens. Special tokens spelled in the text are ordinary
  /// text unless `parsingSpecials`.
  /// - Parameter continuing: the text goes on from an earlier one, so that no space is put in front of it.
  public func encode(_ text: String, parsingSpecials: Bool = false, continuing: Bool = false) -> [Int32] {
    var text = text
    return text.withUTF8 { bytes in
      var ids: [Int32] = []
      encode(bytes, parsingSpecials: parsingSpecials, continuing: continuing, into: &ids)
      return ids
    }
  }

  /// The ids of any bytes.
  public func encode(bytes: [UInt8], parsingSpecials: Bool = false) -> [Int32] {
    bytes.withUnsafeBufferPointer { bytes in
      var ids: [Int32] = []
      encode(bytes, parsingSpecials: parsingSpecials, into: &ids)
      return ids
    }
  }

  /// Appends the ids of `bytes` to `ids`.
  public func encode(
    _ bytes: UnsafeBufferPointer<UInt8>, parsingSpecials: Bool = false, continuing: Bool = false,
    into ids: inout [Int32]
  ) {
    matcher.split(bytes, specials: parsingSpecials) { range, token in
      if let token { return ids.append(token) }
      let stretch = UnsafeBufferPointer(rebasing: bytes[range])
      let isFirst = range.lowerBound == 0 && !continuing
      let continues = continuing && range.lowerBound == 0
      if let normalized = normalizer.normalized(stretch, prepending: !continues) {
        normalized.withUnsafeBufferPointer { encodeNormalized($0, parsingSpecials, isFirst, continues, into: &ids) }
      } else {
        encodeNormalized(stretch, parsingSpecials, isFirst, continues, into: &ids)
      }
    }
  }

  private func encodeNormalized(
    _ text: UnsafeBufferPointer<UInt8>, _ parsingSpecials: Bool, _ isFirst: Bool, _ continuing: Bool,
    into ids: inout [Int32]
  ) {
    normalizedMatcher.split(text, specials: parsingSpecials) { range, token in
      if let token { return ids.append(token) }
      let stretch = UnsafeBufferPointer(rebasing: text[range])
      let starts = range.lowerBound == 0
      switch model {
      case .byteLevel(let bpe): bpe.encode(stretch, continuing: continuing && starts, into: &ids)
      case .pieces(let vocabulary):
        vocabulary.encode(stretch, isFirst: isFirst && starts, continuing: continuing && starts, into: &ids)
      }
    }
  }

  /// A document as shards and training want it: what the tokenizer puts in front of a text, the text, what it puts
  /// behind, and the end token on request.
  public func encodeDocument(_ text: String, appendingEnd: Bool = false, parsingSpecials: Bool = false) -> [Int32] {
    var text = text
    return text.withUTF8 { encodeDocument($0, appendingEnd: appendingEnd, parsingSpecials: parsingSpecials) }
  }

  /// The same of UTF-8.
  public func encodeDocument(
    _ bytes: UnsafeBufferPointer<UInt8>, appendingEnd: Bool = false, parsingSpecials: Bool = false
  ) -> [Int32] {
    var ids = documentStart
    encode(bytes, parsingSpecials: parsingSpecials, into: &ids)
    ids += documentEnd
    if appendingEnd, let eos, documentEnd.last != eos { ids.append(eos) }
    return ids
  }

  /// A prompt as a model continues it: what the tokenizer puts in front of a text and the text; of an empty one
  /// `emptyStart`.
  public func prompt(_ text: String, parsingSpecials: Bool = true) -> [Int32] {
    let ids = documentStart + encode(text, parsingSpecials: parsingSpecials)
    return ids.isEmpty ? emptyStart : ids
  }

  // MARK: Decoding

  /// Drops the space that a text starts with, since encoding put it there.
  struct FirstSpace {
    private var isAwaited: Bool
    private let dropsAll: Bool

    init(_ tokenizer: Tokenizer, continuing: Bool) {
      guard case .pieces(let vocabulary) = tokenizer.model, !continuing else {
        (isAwaited, dropsAll) = (false, false)
        return
      }
      (isAwaited, dropsAll) = (vocabulary.settings.dropsSpace, vocabulary.settings.joinsSpaces)
    }

    /// Looks at the bytes of the next token, which start at `start`.
    mutating func drop(from bytes: inout [UInt8], at start: Int, isSpecial: Bool) {
      if !isAwaited || isSpecial && bytes.count == start { return }
      if !isSpecial, bytes.count > start, bytes[start] == 0x20 {
        bytes.remove(at: start)
        isAwaited = dropsAll && bytes.count == start
      } else {
        isAwaited = false
      }
    }
  }

  /// The bytes of `ids`. Special tokens give nothing unless `showingSpecials`; ids outside the vocabulary
  /// give nothing. The space that piece vocabularies put in front of a text is taken away again, unless
  /// the ids continue an earlier text.
  public func decodeBytes(_ ids: [Int32], showingSpecials: Bool = false, continuing: Bool = false) -> [UInt8] {
    var bytes: [UInt8] = []
    var firstSpace = FirstSpace(self, continuing: continuing)
    for id in ids {
      let start = bytes.count
      let isSpecial = appendBytes(of: id, showingSpecials: showingSpecials, to: &bytes)
      firstSpace.drop(from: &bytes, at: start, isSpecial: isSpecial)
    }
    return bytes
  }

  /// `decodeBytes` as text; bytes that are not UTF-8 become U+FFFD.
  public func decode(_ ids: [Int32], showingSpecials: Bool = false, continuing: Bool = false) -> String {
    String(
      decoding: decodeBytes(ids, showingSpecials: showingSpecials, continuing: continuing), as: UTF8.self)
  }

  /// Appends one id's bytes; true when it is a special token.
  func appendBytes(of id: Int32, showingSpecials: Bool, to bytes: inout [UInt8]) -> Bool {
    guard id >= 0, Int(id) < vocabularySize else { return false }
    if let token = addedByID[id] {
      if !token.isSpecial || showingSpecials { bytes += addedText[id]! }
      return token.isSpecial
    }
    switch model {
    case .byteLevel(let bpe): if Int(id) < bpe.pieces.count { bytes += bpe.pieces[Int(id)] }
    case .pieces(let vocabulary): if Int(id) < vocabulary.pieces.count { vocabulary.decode(id, into: &bytes) }
    }
    return false
  }
}
