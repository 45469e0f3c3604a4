import Foundation
import Groundwork

/// A SentencePiece .model file (protocol buffers) of a BPE or character vocabulary. Text is encoded as
/// llama2.c does with the same pieces: a space in front and no normalisation, where sentencepiece itself
/// may also join repeated spaces.
enum SentencePieceFile {
  private static let longestPiece = 1024

  /// Fields of `ModelProto`, `SentencePiece`, `TrainerSpec` that matter.
  private enum Field {
    static let piece = 1, trainer = 2
    static let text = 1, score = 2, kind = 3
    static let modelType = 3
  }
  private enum Kind { static let unknown: UInt64 = 2, control: UInt64 = 3 }

  static func load(_ url: URL) throws -> Tokenizer { try parse(readFile(url), file: url.path) }

  static func parse(_ data: Data, file: String) throws -> Tokenizer {
    var spellings: [[UInt8]] = []
    var scores: [Float] = []
    var unknown: Int32?
    var control = Set<Int32>()
    try data.withUnsafeBytes { bytes in
      try Message(bytes, file: file, base: 0).forEachField { field, value in
        switch (field, value) {
        case (Field.piece, .bytes(let message)):
          let id = Int32(spellings.count)
          spellings.append([])
          scores.append(0)
          try message.forEachField { field, value in
            switch (field, value) {
            case (Field.text, .bytes(let text)):
              guard text.bytes.count <= longestPiece, String(validating: text.bytes, as: UTF8.self) != nil
              else {
                throw text.malformed("piece \(id) is too long or not UTF-8")
              }
              spellings[Int(id)] = Array(text.bytes)
            case (Field.score, .fixed32(let bits)):
              guard Float(bitPattern: bits).isFinite else { throw message.malformed("score is not finite") }
              scores[Int(id)] = Float(bitPattern: bits)
            case (Field.kind, .number(Kind.unknown)): unknown = id
            case (Field.kind, .number(Kind.control)): control.insert(id)
            default: break
            }
          }
        case (Field.trainer, .bytes(let message)): try checkTrainer(message, file: file)
        default: break
        }
      }
    }
    return try tokenizer(spellings, scores: scores, unknown: unknown, control: control, file: file)
  }

  /// BPE and character models merge by score; unigram models (the default) do not.
  private static func checkTrainer(_ message: Message, file: String) throws {
    var type: UInt64 = 1
    try message.forEachField { field, value in
      if field == Field.modelType, case .number(let value) = value { type = value }
    }
    if type != 2 && type != 4 {
      throw UpcycleError(
        "is a SentencePiece model of an unsupported type", at: file, expected: "BPE or CHAR",
        found: "type \(type)")
    }
  }

  private static func tokenizer(
    _ spellings: [[UInt8]], scores: [Float], unknown: Int32?, control: Set<Int32>, file: String
  ) throws -> Tokenizer {
    guard spellings.count >= 4 else {
      throw UpcycleError(
        "is not a SentencePiece model", at: file, expected: "at least 4 pieces", found: "\(spellings.count)")
    }
    func id(named name: String) -> Int32? {
      control.sorted().first { spellings[Int($0)] == Array(name.utf8) }
    }
    let vocabulary = PieceVocabulary(spellings: spellings, scores: scores, unknown: unknown, control: control)
    let special = control.union(unknown.map { [$0] } ?? [])
    let tokens = special.map { AddedToken(id: $0, text: String(decoding: spellings[Int($0)], as: UTF8.self)) }
    return Tokenizer(
      model: .pieces(vocabulary), addedTokens: tokens, bos: id(named: "<s>"), eos: id(named: "</s>"))
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
