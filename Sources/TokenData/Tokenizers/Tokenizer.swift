import Foundation
import Groundwork

/// A token of the vocabulary that stands for no ordinary text, such as `<|eos|>`.
public struct AddedToken: Sendable, Equatable {
  public var id: Int32
  public var text: String
  /// False for tokens of tokenizer.json that are matched in any text, also ordinary text.
  public var isSpecial: Bool

  public init(id: Int32, text: String, isSpecial: Bool = true) {
    self.id = id
    self.text = text
    self.isSpecial = isSpecial
  }
}

/// Text to token ids and back: byte-level BPE, llama2.c's scored pieces, or single characters.
///
/// Byte-level tokenizers take any bytes and `decodeBytes(encode(bytes:))` gives them back; the other two
/// do the same for text with byte pieces in the vocabulary. A tokenizer is immutable and may be used from
/// several threads.
public final class Tokenizer: Sendable {
  enum Model: Sendable {
    case byteLevel(ByteLevelBPE)
    /// llama2.c (with scores) or the character format (without).
    case pieces(PieceVocabulary)
  }

  let model: Model
  /// Special and other added tokens, by id.
  public let addedTokens: [AddedToken]
  /// Beginning-of-text and end-of-text ids, where the vocabulary has them.
  public let bos: Int32?
  public let eos: Int32?
  /// Largest id + 1.
  public let vocabularySize: Int
  /// SHA-256 of everything that decides which ids a text gets; equal before saving and after loading.
  public let fingerprint: String
  private let matcher: AddedTokenMatcher
  private let addedByID: [Int32: AddedToken]

  init(model: Model, addedTokens: [AddedToken], bos: Int32?, eos: Int32?) {
    self.model = model
    self.addedTokens = addedTokens.sorted { $0.id < $1.id }
    self.bos = bos
    self.eos = eos
    switch model {
    case .byteLevel(let bpe): vocabularySize = max(bpe.pieces.count, Int(self.addedTokens.last?.id ?? -1) + 1)
    case .pieces(let vocabulary): vocabularySize = vocabulary.pieces.count
    }
    matcher = AddedTokenMatcher(self.addedTokens)
    addedByID = Dictionary(addedTokens.map { ($0.id, $0) }) { first, _ in first }
    fingerprint = Self.fingerprint(model, addedTokens: self.addedTokens)
  }

  /// What kind this is, for people: "byte-level BPE (llama3 pattern)".
  public var summary: String {
    switch model {
    case .byteLevel(let bpe): return "byte-level BPE, \(bpe.pattern.rawValue) pattern"
    case .pieces(let vocabulary): return vocabulary.scores == nil ? "characters" : "llama2.c pieces"
    }
  }

  /// The id of an added token, such as `<|eos|>`.
  public func id(of text: String) -> Int32? { addedTokens.first { $0.text == text }?.id }

  /// What precedes the first token of a text: the beginning token, else the end token, else nothing.
  public var documentStart: [Int32] { (bos ?? eos).map { [$0] } ?? [] }

  // MARK: Encoding

  /// The ids of `text`, without beginning or end tokens. Special tokens spelled in the text are ordinary
  /// text unless `parsingSpecials`.
  public func encode(_ text: String, parsingSpecials: Bool = false) -> [Int32] {
    var text = text
    return text.withUTF8 { bytes in
      var ids: [Int32] = []
      encode(bytes, parsingSpecials: parsingSpecials, into: &ids)
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
    _ bytes: UnsafeBufferPointer<UInt8>, parsingSpecials: Bool = false, into ids: inout [Int32]
  ) {
    var start = 0
    while let match = matcher.next(in: bytes, from: start, specials: parsingSpecials) {
      encodeText(UnsafeBufferPointer(rebasing: bytes[start..<match.range.lowerBound]), into: &ids)
      ids.append(match.id)
      start = match.range.upperBound
    }
    encodeText(UnsafeBufferPointer(rebasing: bytes[start...]), into: &ids)
  }

  private func encodeText(_ bytes: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
    switch model {
    case .byteLevel(let bpe): bpe.encode(bytes, into: &ids)
    case .pieces(let vocabulary): vocabulary.encode(bytes, into: &ids)
    }
  }

  /// A document as shards and training want it: the beginning token where there is one, the text, and the
  /// end token on request.
  public func encodeDocument(_ text: String, appendingEnd: Bool = false) -> [Int32] {
    var text = text
    return text.withUTF8 { encodeDocument($0, appendingEnd: appendingEnd) }
  }

  public func encodeDocument(_ bytes: UnsafeBufferPointer<UInt8>, appendingEnd: Bool = false) -> [Int32] {
    var ids = bos.map { [$0] } ?? []
    encode(bytes, into: &ids)
    if appendingEnd, let eos { ids.append(eos) }
    return ids
  }

  // MARK: Decoding

  /// Whether the text of a document starts with a space that encoding put there.
  var addsSpace: Bool { if case .pieces = model { return true } else { return false } }

  /// The bytes of `ids`. Special tokens give nothing unless `showingSpecials`; ids outside the vocabulary
  /// give nothing. The space that piece vocabularies put in front of a text is taken away again, unless
  /// the ids continue an earlier text.
  public func decodeBytes(_ ids: [Int32], showingSpecials: Bool = false, continuing: Bool = false) -> [UInt8] {
    var bytes: [UInt8] = []
    var atStart = addsSpace && !continuing
    for id in ids {
      let before = bytes.count
      let special = appendBytes(of: id, showingSpecials: showingSpecials, to: &bytes)
      if special { continue }
      if atStart, bytes.count > before, bytes[before] == 0x20 { bytes.remove(at: before) }
      atStart = false
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
      if !token.isSpecial || showingSpecials { bytes += Array(token.text.utf8) }
      return token.isSpecial
    }
    switch model {
    case .byteLevel(let bpe): if Int(id) < bpe.pieces.count { bytes += bpe.pieces[Int(id)] }
    case .pieces(let vocabulary): vocabulary.decode(id, into: &bytes)
    }
    return false
  }
}

/// Finds added tokens in text: leftmost, longest first.
struct AddedTokenMatcher: Sendable {
  private let always: [(text: [UInt8], id: Int32)]
  private let all: [(text: [UInt8], id: Int32)]

  init(_ tokens: [AddedToken]) {
    let spelled = tokens.filter { !$0.text.isEmpty }.map { ($0, (text: Array($0.text.utf8), id: $0.id)) }
      .sorted { $0.1.text.count > $1.1.text.count }
    all = spelled.map(\.1)
    always = spelled.filter { !$0.0.isSpecial }.map(\.1)
  }

  func next(
    in bytes: UnsafeBufferPointer<UInt8>, from start: Int, specials: Bool
  ) -> (range: Range<Int>, id: Int32)? {
    let tokens = specials ? all : always
    if tokens.isEmpty { return nil }
    var starts = [Bool](repeating: false, count: 256)
    for token in tokens { starts[Int(token.text[0])] = true }
    var index = start
    while index < bytes.count {
      if starts[Int(bytes[index])] {
        for token in tokens where index + token.text.count <= bytes.count {
          if token.text.indices.allSatisfy({ bytes[index + $0] == token.text[$0] }) {
            return (index..<index + token.text.count, token.id)
          }
        }
      }
      index += 1
    }
    return nil
  }
}
