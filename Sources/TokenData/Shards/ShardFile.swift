import Foundation
import Groundwork

/// One shard file, for reading frames by number.
final class ShardFile: @unchecked Sendable {  // immutable; reads are positioned
  let url: URL
  private let entry: ShardManifest.Shard
  private let dtype: ShardManifest.TokenType
  private let vocabularySize: Int
  private let table: SeekTable
  /// nil: the file is opened for each frame.
  private let descriptor: Int32?

  /// Opens the file and checks its size and seek table against the manifest.
  /// - Parameter staysOpen: a process may hold only so many files open
  init(folder: URL, entry: ShardManifest.Shard, manifest: ShardManifest, staysOpen: Bool) throws {
    url = folder.appendingPathComponent(entry.file)
    self.entry = entry
    dtype = manifest.dtype
    vocabularySize = manifest.tokenizer.vocabularySize
    let (descriptor, size) = try openRegularFile(url)
    self.descriptor = staysOpen ? descriptor : nil
    do {
      if size != entry.bytes {
        throw UpcycleError(
          "damaged at byte \(min(size, entry.bytes)): \(size < entry.bytes ? "truncated" : "too long")",
          at: url.path,
          expected: "\(entry.bytes) bytes", found: "\(size)")
      }
      table = try Self.readTable(descriptor, size: size, file: url.path)
    } catch {
      close(descriptor)
      throw error
    }
    if !staysOpen { close(descriptor) }
    try checkTable(frameTokens: manifest.frameTokens)
  }

  deinit { if let descriptor { close(descriptor) } }

  static func readTable(_ descriptor: Int32, size: Int, file: String) throws -> SeekTable {
    let footerSize = min(SeekTable.footerSize, size)
    let footer = try read(descriptor, from: size - footerSize, count: footerSize, file: file)
    let tableSize = try footer.withUnsafeBytes { try SeekTable.size(footer: $0, fileSize: size, file: file) }
    let bytes = try read(descriptor, from: size - tableSize, count: tableSize, file: file)
    return try bytes.withUnsafeBytes { try SeekTable(parsing: $0, fileSize: size, file: file) }
  }

  /// All frames but the last hold `frameTokens` tokens, and together what the manifest says.
  private func checkTable(frameTokens: Int) throws {
    let frameBytes = frameTokens * dtype.size
    var rest = entry.tokens * dtype.size
    for (index, frame) in table.frames.enumerated() {
      let expected = min(frameBytes, rest)
      guard expected > 0, Int(frame.size) == expected else {
        throw SeekTable.broken(
          url.path, at: table.offsets[index],
          "frame \(index) of \(frame.size) bytes where the manifest has \(expected)")
      }
      rest -= expected
    }
    if rest != 0 {
      throw SeekTable.broken(
        url.path, at: table.offsets.last!, "\(rest / dtype.size) tokens of the manifest are missing")
    }
  }

  var frameCount: Int { table.frames.count }

  /// The ids of one frame, checked.
  func frame(_ number: Int, _ decompressor: FrameDecompressor) throws -> [Int32] {
    let frame = table.frames[number]
    let offset = table.offsets[number]
    func broken(_ reason: String) -> UpcycleError {
      SeekTable.broken(url.path, at: offset, "frame \(number): \(reason)")
    }
    let bytes = try read(from: offset, count: Int(frame.compressedSize))
    guard bytes.count >= 8 else { throw broken("only \(bytes.count) bytes long") }
    guard bytes.withUnsafeBytes({ FrameCompressor.checksum($0) }) == frame.checksum else {
      throw broken("its checksum is not the one in the seek table")
    }
    guard bytes.withUnsafeBytes({ FrameDecompressor.contentSize(of: $0) }) == Int(frame.size) else {
      throw broken("it does not hold \(frame.size) bytes")
    }
    let count = Int(frame.size) / dtype.size
    var failure: String?
    var largest: UInt32 = 0
    let ids = [Int32](unsafeUninitializedCapacity: count) { out, initialized in
      // 16-bit ids are decompressed elsewhere, since widening them in place would go one by one.
      let packed = dtype == .u16 ? decompressor.buffer(Int(frame.size)) : UnsafeMutableRawBufferPointer(out)
      failure = bytes.withUnsafeBytes { decompressor.decompress($0, into: packed) }
      if failure == nil { largest = Self.widen(packed, dtype, into: out.baseAddress!, count: count) }
      initialized = failure == nil ? count : 0
    }
    if let failure { throw broken(failure) }
    guard Int(largest) < vocabularySize else {
      throw UpcycleError(
        "frame \(number) at byte \(offset) holds an id outside the vocabulary", at: url.path,
        expected: "ids below \(vocabularySize)", found: "\(largest)",
        hint: "the shard is of another vocabulary")
    }
    return ids
  }

  /// Little-endian ids to Int32; gives the largest. Ids of 32 bits are where they belong already.
  private static func widen(
    _ packed: UnsafeMutableRawBufferPointer, _ dtype: ShardManifest.TokenType, into out: UnsafeMutablePointer<Int32>,
    count: Int
  ) -> UInt32 {
    switch dtype {
    case .u16:
      let source = packed.baseAddress!.assumingMemoryBound(to: UInt16.self)
      var largest: UInt16 = 0
      for index in 0..<count { largest = max(largest, UInt16(littleEndian: source[index])) }
      for index in 0..<count { out[index] = Int32(UInt16(littleEndian: source[index])) }
      return UInt32(largest)
    case .u32:
      let ids = packed.baseAddress!.assumingMemoryBound(to: UInt32.self)
      var largest: UInt32 = 0
      for index in 0..<count { largest = max(largest, UInt32(littleEndian: ids[index])) }
      return largest
    }
  }

  /// - Throws: when the whole file does not have the manifest's SHA-256.
  func checkDigest() throws {
    let digest = try sha256(fileAt: url)
    if digest != entry.sha256 {
      throw UpcycleError(
        "damaged: the file is not the one that was packed", at: url.path,
        expected: "sha256 \(entry.sha256.prefix(16))…",
        found: "\(digest.prefix(16))…")
    }
  }

  private func read(from offset: Int, count: Int) throws -> [UInt8] {
    if let descriptor { return try Self.read(descriptor, from: offset, count: count, file: url.path) }
    let opened = try openRegularFile(url).descriptor
    defer { close(opened) }
    return try Self.read(opened, from: offset, count: count, file: url.path)
  }

  static func read(_ descriptor: Int32, from offset: Int, count: Int, file: String) throws -> [UInt8] {
    var failure: Int32?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      while initialized < count {
        let got = pread(
          descriptor, buffer.baseAddress! + initialized, count - initialized, off_t(offset + initialized))
        if got < 0, errno == EINTR { continue }
        if got <= 0 {
          failure = got < 0 ? errno : 0
          return
        }
        initialized += got
      }
    }
    switch failure {
    case nil: return bytes
    case 0?: throw SeekTable.broken(file, at: offset + bytes.count, "truncated while it was open")
    case let code?:
      throw UpcycleError("cannot be read at byte \(offset): \(String(cString: strerror(code)))", at: file)
    }
  }
}
