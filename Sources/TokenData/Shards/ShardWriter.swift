import Foundation
import Groundwork

/// Writes a folder of token shards, document after document. The folder appears in `finish()` (see `AtomicFolder`):
/// shards that stood there before stay until the new ones are complete.
public final class ShardWriter {
  /// How shards are cut and stored.
  public struct Options: Sendable {
    /// Tokens a frame: the unit of decompression at random access.
    public var frameTokens = 1 << 14
    /// Tokens a shard file.
    public var shardTokens = 1 << 26
    /// Zstandard's.
    public var compressionLevel = 3
    /// Writes down which tokens are answers (chats).
    public var recordsAnswers = false
    /// Frames of 16 Ki tokens, files of 64 Mi.
    public init() {}
  }

  private let folder: URL
  private let output: AtomicFolder
  private let options: Options
  private let vocabularySize: Int
  private let dtype: ShardManifest.TokenType
  private let identity: ShardManifest.TokenizerIdentity
  private let compressor: FrameCompressor
  private var frame: [UInt8] = []
  private var shard: AtomicFile?
  private var shardBytes = 0
  private var frames: [SeekTable.Frame] = []
  private var shards: [ShardManifest.Shard] = []
  private var starts: [UInt64] = []
  /// Start and end of every answer.
  private var answers: [UInt64] = []
  private var finishedTokens = 0
  /// Tokens taken so far.
  public private(set) var tokens = 0
  /// Documents taken so far.
  public var documents: Int { starts.count }

  /// - Throws: when `folder` holds something other than token shards, or cannot be written.
  public init(folder: URL, tokenizer: Tokenizer, options: Options = Options()) throws {
    for (field, tokens, most) in [
      ("frame_tokens", options.frameTokens, ShardManifest.largestFrame), ("shard_tokens", options.shardTokens, .max),
    ] where !(1...most).contains(tokens) {
      throw UpcycleError.usage(
        "is out of range", field: field, expected: most == .max ? "1 or more" : "1 to \(most)", found: "\(tokens)")
    }
    // Without "..": what is looked at is what `AtomicFolder` replaces.
    self.folder = folder.standardizedFileURL
    try Self.checkReplaceable(self.folder)
    self.options = options
    vocabularySize = tokenizer.vocabularySize
    dtype = vocabularySize <= 1 << 16 ? .u16 : .u32
    identity = .init(
      fingerprint: tokenizer.fingerprint, vocabularySize: vocabularySize, bos: tokenizer.bos,
      eos: tokenizer.eos)
    compressor = FrameCompressor(level: options.compressionLevel)
    output = try AtomicFolder(folder)
  }

  /// Only an absent folder, an empty one, or one that holds token shards may be written over.
  private static func checkReplaceable(_ folder: URL) throws {
    let files = FileManager.default
    var isDirectory: ObjCBool = false
    guard files.fileExists(atPath: folder.path, isDirectory: &isDirectory) else { return }
    let entries = isDirectory.boolValue ? try? files.contentsOfDirectory(atPath: folder.path) : nil
    if entries?.isEmpty == true || (try? ShardManifest(folder: folder)) != nil { return }
    throw UpcycleError(
      "exists and is not a folder of token shards, so it is not overwritten", at: folder.path,
      hint: "choose another --out, or remove it yourself")
  }

  // MARK: Documents

  /// Adds one document: its ids as they are, beginning and end tokens included. An empty one is nothing.
  /// - Parameter answers: ranges of `ids` that are answers, ascending and apart; written with `recordsAnswers` alone.
  public func append(document ids: [Int32], answers: [Range<Int>] = []) throws {
    if ids.isEmpty { return }
    starts.append(UInt64(tokens))
    for answer in answers where !answer.isEmpty {
      self.answers += [UInt64(tokens + answer.lowerBound), UInt64(tokens + answer.upperBound)]
    }
    var rest = ids[...]
    while !rest.isEmpty {
      let room = min(options.frameTokens - frame.count / dtype.size, options.shardTokens - shardTokens)
      for id in rest.prefix(room) {
        guard id >= 0, Int(id) < vocabularySize else {
          throw UpcycleError(
            "token id outside the vocabulary", expected: "0 to \(vocabularySize - 1)", found: "\(id)")
        }
        for byte in 0..<dtype.size { frame.append(UInt8(truncatingIfNeeded: id >> Int32(8 * byte))) }
      }
      tokens += min(room, rest.count)
      rest = rest.dropFirst(room)
      if frame.count == options.frameTokens * dtype.size || shardTokens == options.shardTokens {
        try closeFrame()
      }
      if shardTokens == options.shardTokens { try closeShard() }
    }
  }

  private var shardTokens: Int { tokens - finishedTokens }

  private func closeFrame() throws {
    if frame.isEmpty { return }
    let data = try frame.withUnsafeBytes { try compressor.compress($0) }
    frames.append(
      .init(
        compressedSize: UInt32(data.count), size: UInt32(frame.count),
        checksum: data.withUnsafeBytes { FrameCompressor.checksum($0) }))
    try write(data)
    frame.removeAll(keepingCapacity: true)
  }

  private var shardName: String { String(format: "shard-%05d.zst", shards.count) }

  private func write(_ data: Data) throws {
    let file = try shard ?? AtomicFile(output.work.appendingPathComponent(shardName))
    shard = file
    try file.write(data)
    shardBytes += data.count
  }

  private func closeShard() throws {
    try closeFrame()
    if frames.isEmpty { return }
    try write(SeekTable(frames).encoded)
    try shard?.commit()
    let url = output.work.appendingPathComponent(shardName)
    shards.append(
      .init(file: shardName, tokens: shardTokens, bytes: shardBytes, sha256: try sha256(fileAt: url)))
    finishedTokens = tokens
    shard = nil
    shardBytes = 0
    frames = []
  }

  // MARK: Finishing

  /// Completes the shards and gives the folder its name.
  /// - Throws: when no token was written.
  @discardableResult
  public func finish() throws -> ShardManifest {
    guard tokens > 0 else {
      throw UpcycleError("the corpus is empty: no document with any text in it", hint: "check `input`")
    }
    try closeShard()
    let manifest = ShardManifest(
      tokens: tokens, dtype: dtype, tokenizer: identity, frameTokens: options.frameTokens,
      documents: try write(starts, perEntry: 1, to: "documents.zst"), shards: shards,
      answers: options.recordsAnswers ? try write(answers, perEntry: 2, to: "answers.zst") : nil)
    try manifest.write(to: output.work)
    try Self.checkReplaceable(folder)
    try output.commit()
    return manifest
  }

  private func write(_ offsets: [UInt64], perEntry: Int, to name: String) throws -> ShardManifest.Documents {
    let data = try offsets.map(\.littleEndian).withUnsafeBytes { try compressor.compress($0) }
    try writeFile(data, to: output.work.appendingPathComponent(name))
    return .init(file: name, count: offsets.count / perEntry, bytes: data.count, sha256: sha256(data))
  }
}
