import Foundation
import Groundwork

/// A SentencePiece .model file (protocol buffers) of a BPE or character vocabulary, with the settings inside it that
/// change the ids: how spaces are added, joined and normalised, and the symbols that are taken whole.
enum SentencePieceFile {
  private static let longestPiece = 1024

  /// Fields of `ModelProto`, `SentencePiece`, `TrainerSpec`, `NormalizerSpec` that matter.
  private enum Field {
    static let piece = 1, trainer = 2, normalizer = 3
    static let text = 1, score = 2, kind = 3
    static let modelType = 3, spaceIsSuffix = 24
    static let characterMap = 2, addsSpace = 3, joinsSpaces = 4, escapesSpaces = 5
  }
  private enum Kind { static let unknown: UInt64 = 2, control: UInt64 = 3, userDefined: UInt64 = 4, unused: UInt64 = 5 }

  /// What a model file holds.
  private struct Contents {
    var spellings: [[UInt8]] = []
    var scores: [Float] = []
    var unknown: Int32?
    var control = Set<Int32>()
    var userDefined: [Int32] = []
    var modelType: UInt64 = 1
    var spaceIsSuffix = false
    var addsSpace = true
    var joinsSpaces = true
    var characterMap: [UInt8] = []
  }

  static func load(_ url: URL) throws -> Tokenizer {
    let configuration = try TokenizerConfiguration(folder: url.deletingLastPathComponent())
    return try parse(readFile(url), configuration: configuration, file: url.path)
  }

  static func parse(
    _ data: Data, configuration: TokenizerConfiguration = TokenizerConfiguration(), file: String
  ) throws -> Tokenizer {
    var contents = Contents()
    try data.withUnsafeBytes { bytes in
      try Message(bytes, file: file, base: 0).forEachField { field, value in
        switch (field, value) {
        case (Field.piece, .bytes(let message)): try readPiece(message, into: &contents)
        case (Field.trainer, .bytes(let message)):
          try message.forEachField { field, value in
            guard case .number(let value) = value else { return }
            if field == Field.modelType { contents.modelType = value }
            if field == Field.spaceIsSuffix { contents.spaceIsSuffix = value != 0 }
          }
        case (Field.normalizer, .bytes(let message)): try readNormalizer(message, into: &contents, file: file)
        default: break
        }
      }
    }
    return try tokenizer(contents, configuration, file: file)
  }

  private static func readPiece(_ message: Message, into contents: inout Contents) throws {
    let id = Int32(contents.spellings.count)
    contents.spellings.append([])
    contents.scores.append(0)
    try message.forEachField { field, value in
      switch (field, value) {
      case (Field.text, .bytes(let text)):
        guard text.bytes.count <= longestPiece, String(validating: text.bytes, as: UTF8.self) != nil else {
          throw text.malformed("piece \(id) is too long or not UTF-8")
        }
        contents.spellings[Int(id)] = Array(text.bytes)
      case (Field.score, .fixed32(let bits)):
        guard Float(bitPattern: bits).isFinite else { throw message.malformed("score is not finite") }
        contents.scores[Int(id)] = Float(bitPattern: bits)
      case (Field.kind, .number(Kind.unknown)): contents.unknown = id
      case (Field.kind, .number(Kind.control)): contents.control.insert(id)
      case (Field.kind, .number(Kind.userDefined)): contents.userDefined.append(id)
      case (Field.kind, .number(Kind.unused)): throw message.malformed("unused pieces are not supported: piece \(id)")
      default: break
      }
    }
  }

  private static func readNormalizer(_ message: Message, into contents: inout Contents, file: String) throws {
    try message.forEachField { field, value in
      switch (field, value) {
      case (Field.characterMap, .bytes(let map)): contents.characterMap = Array(map.bytes)
      case (Field.addsSpace, .number(let value)): contents.addsSpace = value != 0
      case (Field.joinsSpaces, .number(let value)): contents.joinsSpaces = value != 0
      case (Field.escapesSpaces, .number(0)):
        throw UpcycleError(
          "is a SentencePiece model with an unsupported setting", at: file, expected: "escape_whitespaces true",
          found: "false")
      default: break
      }
    }
  }

  private static func tokenizer(
    _ contents: Contents, _ configuration: TokenizerConfiguration, file: String
  ) throws -> Tokenizer {
    // BPE and character models merge by score; unigram models (the default) do not.
    if contents.modelType != 2 && contents.modelType != 4 {
      throw UpcycleError(
        "is a SentencePiece model of an unsupported type", at: file, expected: "BPE or CHAR",
        found: contents.modelType == 1 ? "UNIGRAM" : "type \(contents.modelType)")
    }
    guard contents.spellings.count >= 4 else {
      throw UpcycleError(
        "is not a SentencePiece model", at: file, expected: "at least 4 pieces", found: "\(contents.spellings.count)")
    }
    var settings = PieceVocabulary.Settings()
    settings.space = !contents.addsSpace ? .none : contents.spaceIsSuffix ? .back : .front
    settings.joinsSpaces = contents.joinsSpaces
    settings.readsSpaceSymbol = true
    if !contents.characterMap.isEmpty { settings.characters = try CharacterMap(contents.characterMap, file: file) }
    settings.dropsSpace = contents.addsSpace || contents.joinsSpaces
    let vocabulary = PieceVocabulary(
      spellings: contents.spellings, scores: contents.scores, unknown: contents.unknown, control: contents.control,
      userDefined: contents.userDefined, settings: settings)
    let special = contents.control.union(contents.unknown.map { [$0] } ?? [])
    var tokens = special.map { id in
      AddedToken(id: id, text: String(decoding: contents.spellings[Int(id)], as: UTF8.self))
    }
    let texts = Set(tokens.map(\.text))
    tokens += configuration.addedTokens.filter { token in
      !special.contains(token.id) && !texts.contains(token.text) && token.id < 2 * contents.spellings.count + 4096
    }
    func boundary(_ key: String, _ name: String) throws -> Int32? {
      switch configuration.token(key) {
      case .none: return nil
      case .unsaid: return tokens.sorted { $0.id < $1.id }.first { $0.text == name }?.id
      case .token(let told):
        if let id = tokens.first(where: { $0.text == told })?.id { return id }
        throw UpcycleError("does not hold the \(key) that its configuration names", at: file, found: "'\(told)'")
      }
    }
    let boundaries = BoundaryTokens(
      bos: try boundary("bos_token", "<s>"), eos: try boundary("eos_token", "</s>"), configuration: configuration,
      template: nil)
    return Tokenizer(model: .pieces(vocabulary), addedTokens: tokens, boundaries: boundaries)
  }

  // MARK: Protocol buffers

  private struct Message {
    enum Value {
      case number(UInt64)
      case fixed32(UInt32)
      case fixed64
      case bytes(Message)
    }

    let bytes: UnsafeRawBufferPointer
    private let file: String
    /// Where this message begins in the file.
    private let base: Int

    init(_ bytes: UnsafeRawBufferPointer, file: String, base: Int) {
      self.bytes = bytes
      self.file = file
      self.base = base
    }

    func malformed(_ reason: String, at offset: Int = 0) -> UpcycleError {
      UpcycleError("is not a SentencePiece model: \(reason) at byte \(base + offset)", at: file)
    }

    func forEachField(_ body: (Int, Value) throws -> Void) throws {
      var offset = 0
      while offset < bytes.count {
        let tag = try number(&offset)
        guard tag >> 3 > 0, let field = Int(exactly: tag >> 3) else {
          throw malformed("a field without a number", at: offset)
        }
        switch tag & 7 {
        case 0: try body(field, .number(try number(&offset)))
        case 1:
          try skip(8, &offset)
          try body(field, .fixed64)
        case 2:
          let length = try number(&offset)
          let start = offset
          try skip(length, &offset)
          try body(
            field, .bytes(Message(.init(rebasing: bytes[start..<offset]), file: file, base: base + start)))
        case 5:
          let start = offset
          try skip(4, &offset)
          try body(
            field, .fixed32(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)))
          )
        default: throw malformed("an unknown wire type", at: offset)
        }
      }
    }

    private func skip(_ count: UInt64, _ offset: inout Int) throws {
      guard count <= UInt64(bytes.count - offset) else { throw malformed("truncated", at: offset) }
      offset += Int(count)
    }

    private func number(_ offset: inout Int) throws -> UInt64 {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard offset < bytes.count else { throw malformed("truncated", at: offset) }
        let byte = bytes[offset]
        offset += 1
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
      }
      throw malformed("a number of more than ten bytes", at: offset)
    }
  }
}
