import Foundation
import Groundwork

/// DIR/manifest.json: what a folder of token shards holds.
public struct ShardManifest: Codable, Equatable, Sendable {
  /// In the folder of the shards.
  public static let fileName = "manifest.json"
  static let formatName = "upcycle-token-shards"

  /// Little-endian unsigned integers; the smaller where the vocabulary fits it.
  public enum TokenType: String, Codable, Sendable {
    /// For ids below 2^16.
    case u16
    /// For larger vocabularies.
    case u32
    /// Bytes of an id.
    public var size: Int { self == .u16 ? 2 : 4 }
  }

  /// One seekable zstd file of ids.
  public struct Shard: Codable, Equatable, Sendable {
    /// Name in the folder.
    public var file: String
    /// In the file.
    public var tokens: Int
    /// Size of the file.
    public var bytes: Int
    /// Of the file's bytes.
    public var sha256: String
  }

  /// Where documents begin: `count` little-endian u64 token offsets, ascending, the first 0; zstd.
  public struct Documents: Codable, Equatable, Sendable {
    /// Name in the folder.
    public var file: String
    /// How many the file lists.
    public var count: Int
    /// Size of the file.
    public var bytes: Int
    /// Of the file's bytes.
    public var sha256: String
  }

  /// What assistants say in chats, as training learns it: `count` pairs of little-endian u64 token offsets, the start of
  /// an answer and its end, ascending and apart; zstd.
  public typealias Answers = Documents

  /// Which tokenizer made the ids.
  public struct TokenizerIdentity: Codable, Equatable, Sendable {
    /// `Tokenizer.fingerprint`.
    public var fingerprint: String
    /// Ids are below it.
    public var vocabularySize: Int
    /// The beginning token, where there is one.
    public var bos: Int32?
    /// The end token, where there is one.
    public var eos: Int32?

    enum CodingKeys: String, CodingKey {
      case fingerprint, bos, eos
      case vocabularySize = "vocabulary_size"
    }
  }

  /// Says that this is such a manifest.
  public var format = ShardManifest.formatName
  /// Of the format.
  public var version = 1
  /// Over all shards.
  public var tokens: Int
  /// Of the ids as stored.
  public var dtype: TokenType
  /// That made them.
  public var tokenizer: TokenizerIdentity
  /// Tokens a frame, the unit of random access; the last frame of a shard may be shorter.
  public var frameTokens: Int
  /// Where documents begin.
  public var documents: Documents
  /// In the order of the corpus.
  public var shards: [Shard]
  /// Where the shards were packed from chats; then training learns on answers alone.
  public var answers: Answers?
  /// SHA-256 of this manifest's canonical JSON without this key; a manifest written by hand may leave it out.
  var checksum: String?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case format, version, tokens, dtype, tokenizer, documents, shards, answers, checksum
    case frameTokens = "frame_tokens"
  }
}

// MARK: Reading

extension ShardManifest {
  /// Reads and checks the manifest of `folder`.
  public init(folder: URL) throws {
    let url = folder.appendingPathComponent(Self.fileName)
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw UpcycleError(
        "is not a folder of token shards", at: folder.path, expected: "a manifest.json in it")
    }
    try self.init(parsing: readFile(url), file: url.path)
  }

  init(parsing data: Data, file: String) throws {
    self = try decodeJSON(ShardManifest.self, from: data, file: file, what: "a manifest of token shards")
    let known = CodingKeys.allCases.map(\.rawValue).sorted()
    let keys = try JSONValue(parsing: data, file: file).object?.keys.sorted() ?? []
    if let unknown = keys.first(where: { !known.contains($0) }) {
      throw UpcycleError(
        "manifest: unknown key", at: file, expected: "one of \(known.joined(separator: ", "))", found: unknown
      )
    }
    if let checksum, try checksum != contentDigest() {
      throw UpcycleError(
        "manifest: damaged or edited: its checksum does not fit", at: file, hint: "pack the text again")
    }
    try check(file: file)
  }

  /// Largest number of tokens a manifest may claim; keeps all arithmetic on counts far from overflow.
  private static let mostTokens = 1 << 48
  static let largestFrame = 1 << 22

  private func check(file: String) throws {
    func refuse(_ what: String, expected: String, found: String) -> UpcycleError {
      UpcycleError("manifest: \(what)", at: file, expected: expected, found: found)
    }
    if format != Self.formatName || version != 1 {
      throw refuse(
        "unknown format", expected: "\(Self.formatName) version 1", found: "\(format) version \(version)")
    }
    let most = dtype == .u16 ? 1 << 16 : 1 << 24
    if !(1...most).contains(tokenizer.vocabularySize) {
      throw refuse(
        "impossible vocabulary size for \(dtype.rawValue)", expected: "1 to \(most)",
        found: "\(tokenizer.vocabularySize)")
    }
    if !(1...Self.largestFrame).contains(frameTokens) {
      throw refuse("impossible frame_tokens", expected: "1 to \(Self.largestFrame)", found: "\(frameTokens)")
    }
    var total = 0
    for shard in shards {
      try checkName(shard.file, refuse)
      guard (1...Self.mostTokens).contains(shard.tokens), (1...Self.mostTokens).contains(shard.bytes) else {
        throw refuse(
          "impossible size of \(shard.file)", expected: "positive numbers",
          found: "\(shard.tokens) tokens, \(shard.bytes) bytes")
      }
      total += shard.tokens
      guard total <= Self.mostTokens else {
        throw refuse("too many tokens", expected: "2^48", found: "\(total)")
      }
    }
    if total != tokens || tokens < 1 {
      throw refuse("token counts disagree", expected: "\(total), the sum over shards", found: "\(tokens)")
    }
    try checkName(documents.file, refuse)
    if !(1...tokens).contains(documents.count) {
      throw refuse("impossible number of documents", expected: "1 to \(tokens)", found: "\(documents.count)")
    }
    if let answers {
      try checkName(answers.file, refuse)
      if !(0...tokens).contains(answers.count) {
        throw refuse("impossible number of answers", expected: "0 to \(tokens)", found: "\(answers.count)")
      }
    }
  }

  /// A shard is a plain name beside the manifest, never a path out of the folder.
  private func checkName(_ name: String, _ refuse: (String, String, String) -> UpcycleError) throws {
    if name.isEmpty || name.contains("/") || name.hasPrefix(".") || name.utf8.contains(0) {
      throw refuse("a shard is not a file name", "a name like shard-00000.zst", "'\(name)'")
    }
  }

  // MARK: Writing

  private func contentDigest() throws -> String {
    var content = self
    content.checksum = nil
    return sha256(try jsonText(content))
  }

  /// The text of manifest.json, checksum included.
  func encoded() throws -> Data {
    var content = self
    content.checksum = try contentDigest()
    return Data((try jsonText(content, pretty: true) + "\n").utf8)
  }

  func write(to folder: URL) throws {
    try writeFile(encoded(), to: folder.appendingPathComponent(Self.fileName))
  }
}
