import Foundation
import Groundwork

/// A folder of token shards, opened for random access. Only the frames that a window touches are read and
/// decompressed; a few stay cached. May be used from several threads.
///
/// Opening checks the manifest, every shard's size and seek table. Reading checks each frame's checksum
/// and that its ids are of the vocabulary. `verify()` also compares the whole files with their SHA-256.
public final class TokenShards: @unchecked Sendable {  // what changes is behind `lock`
  /// Where they lie.
  public let folder: URL
  /// What they hold.
  public let manifest: ShardManifest
  let shards: [ShardFile]
  /// First token of each shard, and the total.
  private let starts: [Int]
  /// Files that stay open; those behind them are opened for each frame, since a folder may have more than a process may
  /// hold open (often 1,024).
  private static let mostOpenFiles = 64
  private let lock = NSLock()
  /// Those that no thread uses now.
  private var decompressors: [FrameDecompressor] = []
  private var cache: FrameCache
  private var documentStarts: [Int]?
  private var answerRanges: [Range<Int>]?

  /// - Parameter cachedFrames: decompressed frames kept, each of `frame_tokens` ids.
  /// - Throws: when the folder is not one of shards, or a file is missing, truncated or foreign.
  public init(_ folder: URL, cachedFrames: Int = 64) throws {
    self.folder = folder
    manifest = try ShardManifest(folder: folder)
    var starts = [0]
    var shards: [ShardFile] = []
    for entry in manifest.shards {
      let staysOpen = shards.count < Self.mostOpenFiles
      shards.append(try ShardFile(folder: folder, entry: entry, manifest: manifest, staysOpen: staysOpen))
      starts.append(starts.last! + entry.tokens)
    }
    self.shards = shards
    self.starts = starts
    cache = FrameCache(capacity: max(cachedFrames, 1))
  }

  /// Opens shards and insists that `tokenizer` made them.
  public convenience init(_ folder: URL, tokenizer: Tokenizer, cachedFrames: Int = 64) throws {
    try self.init(folder, cachedFrames: cachedFrames)
    try require(tokenizer)
  }

  /// Tokens in all.
  public var count: Int { manifest.tokens }
  /// Ids are below it.
  public var vocabularySize: Int { manifest.tokenizer.vocabularySize }

  /// - Throws: unless the shards were packed with `tokenizer`.
  public func require(_ tokenizer: Tokenizer) throws {
    let packed = manifest.tokenizer
    if packed.fingerprint == tokenizer.fingerprint { return }
    throw UpcycleError(
      "these shards were packed with another tokenizer", at: folder.path,
      expected: "tokenizer \(tokenizer.fingerprint.prefix(12)) (\(tokenizer.vocabularySize) ids)",
      found: "\(packed.fingerprint.prefix(12)) (\(packed.vocabularySize) ids)",
      hint: "pack the text again with this model's tokenizer")
  }

  // MARK: Reading

  /// Copies the ids of tokens `range` into `out`, which holds as many.
  public func read(_ range: Range<Int>, into out: UnsafeMutableBufferPointer<Int32>) throws {
    guard range.lowerBound >= 0, range.upperBound <= count, out.count >= range.count else {
      throw UpcycleError(
        "a window outside the shards", at: folder.path, expected: "tokens 0 to \(count)",
        found: "\(range.lowerBound) to \(range.upperBound)")
    }
    var position = range.lowerBound
    var shard = shardIndex(of: position)
    while position < range.upperBound {
      if position >= starts[shard + 1] { shard += 1 }
      let local = position - starts[shard]
      let (number, offset) = local.quotientAndRemainder(dividingBy: manifest.frameTokens)
      let frame = try self.frame(shard: shard, number: number)
      let length = min(frame.count - offset, range.upperBound - position)
      frame.withUnsafeBufferPointer { ids in
        out.baseAddress!.advanced(by: position - range.lowerBound).update(
          from: ids.baseAddress! + offset, count: length)
      }
      position += length
    }
  }

  /// - Returns: the ids of tokens `range`
  /// - Throws: for a range outside the shards, and for damaged frames
  public func read(_ range: Range<Int>) throws -> [Int32] {
    try [Int32](unsafeUninitializedCapacity: range.count) { buffer, initialized in
      try read(range, into: UnsafeMutableBufferPointer(rebasing: buffer[..<range.count]))
      initialized = range.count
    }
  }

  private func shardIndex(of token: Int) -> Int {
    var low = 0
    var high = shards.count - 1
    while low < high {
      let middle = (low + high + 1) / 2
      if starts[middle] <= token { low = middle } else { high = middle - 1 }
    }
    return low
  }

  /// Threads that want several frames decompress them side by side.
  private func frame(shard: Int, number: Int) throws -> [Int32] {
    let key = FrameCache.Key(shard: shard, frame: number)
    lock.lock()
    if let ids = cache[key] {
      lock.unlock()
      return ids
    }
    let decompressor = decompressors.popLast() ?? FrameDecompressor()
    lock.unlock()
    let ids = Result { try shards[shard].frame(number, decompressor) }
    lock.lock()
    defer { lock.unlock() }
    decompressors.append(decompressor)
    if cache[key] == nil { try cache.insert(ids.get(), for: key) }
    return try ids.get()
  }

  // MARK: Documents

  /// Where each document begins, ascending; read once.
  public func documents() throws -> [Int] {
    lock.lock()
    defer { lock.unlock() }
    if let documentStarts { return documentStarts }
    let starts = try DocumentIndex.read(folder: folder, manifest: manifest, FrameDecompressor())
    documentStarts = starts
    return starts
  }

  /// The tokens of one document, its beginning token included.
  public func document(_ number: Int) throws -> Range<Int> {
    let starts = try documents()
    guard starts.indices.contains(number) else {
      throw UpcycleError(
        "no such document", at: folder.path, expected: "0 to \(starts.count - 1)", found: "\(number)")
    }
    return starts[number]..<(number + 1 < starts.count ? starts[number + 1] : count)
  }

  // MARK: Answers

  /// Which tokens of `range` are answers of chats; nil where the shards were not packed from chats.
  public func answers(in range: Range<Int>) throws -> [Bool]? {
    if manifest.answers == nil { return nil }
    var marks = [Bool](repeating: false, count: range.count)
    let ranges = try answers()
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound <= range.lowerBound { low = middle + 1 } else { high = middle }
    }
    for answer in ranges[low...] {
      if answer.lowerBound >= range.upperBound { break }
      for token in answer.clamped(to: range) { marks[token - range.lowerBound] = true }
    }
    return marks
  }

  /// Every answer, ascending; read once.
  public func answers() throws -> [Range<Int>] {
    lock.lock()
    defer { lock.unlock() }
    if let answerRanges { return answerRanges }
    let ranges = try DocumentIndex.answers(folder: folder, manifest: manifest, FrameDecompressor())
    answerRanges = ranges
    return ranges
  }

  // MARK: Verifying

  /// Reads everything: file digests, every frame, every id, the document index.
  /// - Parameter progress: called with the tokens checked so far.
  public func verify(progress: (Int) -> Void = { _ in }) throws {
    let decompressor = FrameDecompressor()
    var done = 0
    for shard in shards {
      for number in 0..<shard.frameCount {
        done += try shard.frame(number, decompressor).count
        progress(done)
      }
      try shard.checkDigest()
    }
    _ = try documents()
    _ = try answers()
  }
}

/// The frames used last, in the order of use; the first leaves when there is no room.
private struct FrameCache {
  struct Key: Equatable {
    var shard: Int
    var frame: Int
  }

  private let capacity: Int
  private var frames: [(key: Key, ids: [Int32])] = []

  init(capacity: Int) { self.capacity = capacity }

  subscript(key: Key) -> [Int32]? {
    mutating get {
      guard let place = frames.lastIndex(where: { $0.key == key }) else { return nil }
      // Most windows lie in the frame of the one before.
      if place < frames.count - 1 { frames.append(frames.remove(at: place)) }
      return frames.last?.ids
    }
  }

  mutating func insert(_ ids: [Int32], for key: Key) {
    if frames.count >= capacity { frames.removeFirst() }
    frames.append((key, ids))
  }
}
