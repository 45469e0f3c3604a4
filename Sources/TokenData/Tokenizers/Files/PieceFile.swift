import Foundation
import Groundwork

/// Our own JSON for piece vocabularies, and the plain `{"note", "pieces"}` character format it extends:
///
///     {
///       "format": "upcycle-pieces",   absent in the plain format
///       "version": 1,
///       "type": "llama2c" | "characters",     default "characters"
///       "unknown": 0, "bos": 1, "eos": 2,     default: the ids of <unk>, <s>, </s>; null where absent
///       "pieces": ["<unk>", "<s>", "</s>", "<0x00>", …],     in id order; U+2581 is a space
///       "scores": [0, 0, 0, 0, …]             "llama2c" only, one per piece
///     }
///
/// `<0xNN>` pieces are bytes. Unknown keys are ignored.
enum PieceFile {
  /// U+2581
  private static let space: [UInt8] = [0xE2, 0x96, 0x81]
  private static let longestPiece = 1024

  static func load(_ data: Data, file: String) throws -> Tokenizer {
    var pieces: [String] = []
    var scores: [Float]?
    var head: [String: JSONValue] = [:]
    try JSONReader.parse(data, file: file) { reader in
      try reader.object { reader, key in
        switch String(decoding: key, as: UTF8.self) {
        case "pieces":
          try reader.array { pieces.append(try $0.string()) }
        case "scores":
          var values: [Float] = []
          try reader.array { values.append(try $0.float()) }
          scores = values
        case let name: head[name] = try reader.value()
        }
      }
    }
    return try tokenizer(pieces: pieces, scores: scores, head: head, file: file)
  }

  private static func tokenizer(
    pieces: [String], scores: [Float]?, head: [String: JSONValue], file: String
  ) throws -> Tokenizer {
    func broken(_ what: String, expected: String, found: String) -> UpcycleError {
      UpcycleError(what, at: file, expected: expected, found: found)
    }
    let type = head["type"]?.string ?? "characters"
    guard type == "llama2c" || type == "characters" else {
      throw broken("has an unknown type of pieces", expected: "llama2c or characters", found: type)
    }
    if let version = head["version"], version.int != 1 {
      throw broken("has an unknown version", expected: "1", found: version.text())
    }
    guard !pieces.isEmpty else { throw broken("has no pieces", expected: "a list in id order", found: "[]") }
    if let long = pieces.first(where: { $0.utf8.count > longestPiece }) {
      throw broken(
        "has a piece that is too long", expected: "at most \(longestPiece) bytes", found: "\(long.utf8.count)"
      )
    }
    if type == "llama2c", scores?.count != pieces.count {
      throw broken(
        "does not score its pieces", expected: "\(pieces.count) scores", found: "\(scores?.count ?? 0)")
    }
    func control(_ key: String, named name: String) throws -> Int32? {
      guard let value = head[key] else { return pieces.firstIndex(of: name).map(Int32.init) }
      if value == .null { return nil }
      guard let id = value.int, pieces.indices.contains(id) else {
        throw broken("has an impossible \(key)", expected: "an id below \(pieces.count)", found: value.text())
      }
      return Int32(id)
    }
    let unknown = try control("unknown", named: "<unk>")
    let bos = try control("bos", named: "<s>")
    let eos = try control("eos", named: "</s>")
    let special = Set([unknown, bos, eos].compactMap { $0 })
    let vocabulary = PieceVocabulary(
      spellings: pieces.map { Array($0.utf8) }, scores: type == "llama2c" ? scores : nil, unknown: unknown,
      control: special)
    let tokens = special.map { id in
      let name = id == unknown ? "<unk>" : id == bos ? "<s>" : "</s>"
      return AddedToken(id: id, text: name)
    }
    return Tokenizer(model: .pieces(vocabulary), addedTokens: tokens, boundaries: BoundaryTokens(bos: bos, eos: eos))
  }

  static func text(_ vocabulary: PieceVocabulary, bos: Int32?, eos: Int32?) -> String {
    func quoted(_ text: String) -> String { JSONValue.string(text).text() }
    func number(_ id: Int32?) -> String { id.map(String.init) ?? "null" }
    var lines = [
      "{", "\"format\": \"upcycle-pieces\",", "\"version\": 1,",
      "\"type\": \"\(vocabulary.scores == nil ? "characters" : "llama2c")\",",
      "\"unknown\": \(number(vocabulary.unknown)), \"bos\": \(number(bos)), \"eos\": \(number(eos)),",
    ]
    if let scores = vocabulary.scores {
      lines.append("\"scores\": [\(scores.map { "\($0)" }.joined(separator: ", "))],")
    }
    let pieces = (0..<vocabulary.pieces.count).map { id in
      quoted(spelled(vocabulary.pieces[id]))
    }
    lines.append("\"pieces\": [\n\(pieces.joined(separator: ",\n"))\n]")
    lines.append("}")
    return lines.joined(separator: "\n") + "\n"
  }

  /// A piece as files have it: U+2581 for a space.
  static func spelled(_ piece: ArraySlice<UInt8>) -> String {
    String(decoding: piece.flatMap { $0 == 0x20 ? space : [$0] }, as: UTF8.self)
  }
}
