import Foundation
import Groundwork

#if canImport(Glibc)
  import Glibc
#endif

/// documents.zst and answers.zst: where documents begin, and which tokens are answers.
enum DocumentIndex {
  /// Reads and checks the offsets: as many as the manifest says, ascending from 0, inside the shards.
  static func read(folder: URL, manifest: ShardManifest, _ decompressor: FrameDecompressor) throws
    -> [Int]
  {
    let entry = manifest.documents
    let url = folder.appendingPathComponent(entry.file)
    let starts = try offsets(entry, perEntry: 1, at: url, decompressor) { number, value, last in
      guard let start = Int(exactly: value), start < manifest.tokens, last.map({ start > $0 }) ?? (start == 0) else {
        throw UpcycleError("document \(number) has an impossible start", at: url.path, found: "\(value)")
      }
      return start
    }
    return starts
  }

  /// Reads and checks the answers: ascending, apart and inside the shards.
  static func answers(folder: URL, manifest: ShardManifest, _ decompressor: FrameDecompressor) throws
    -> [Range<Int>]
  {
    guard let entry = manifest.answers else { return [] }
    let url = folder.appendingPathComponent(entry.file)
    let bounds = try offsets(entry, perEntry: 2, at: url, decompressor) { number, value, last in
      // An answer may start where the last one ended, and holds a token at least.
      let least = number % 2 == 0 ? last ?? 0 : (last ?? 0) + 1
      guard let bound = Int(exactly: value), bound >= least, bound <= manifest.tokens else {
        throw UpcycleError("answer \(number / 2) has an impossible place", at: url.path, found: "\(value)")
      }
      return bound
    }
    return stride(from: 0, to: bounds.count, by: 2).map { bounds[$0]..<bounds[$0 + 1] }
  }

  /// The offsets of a file, each checked as it streams: a few bytes may claim any number of entries.
  /// - Parameter check: sees an offset's number, its value and the offset before it
  private static func offsets(
    _ entry: ShardManifest.Documents, perEntry: Int, at url: URL, _ decompressor: FrameDecompressor,
    check: (_ number: Int, _ value: UInt64, _ last: Int?) throws -> Int
  ) throws -> [Int] {
    let (descriptor, size) = try openRegularFile(url)
    defer { close(descriptor) }
    let data = size == entry.bytes ? Data(try ShardFile.read(descriptor, from: 0, count: size, file: url.path)) : Data()
    guard size == entry.bytes, sha256(data) == entry.sha256 else {
      throw UpcycleError(
        "damaged: the document index is not the one that was packed", at: url.path,
        expected: "\(entry.bytes) bytes, sha256 \(entry.sha256.prefix(16))…", found: "\(size) bytes")
    }
    let count = perEntry * entry.count
    guard data.withUnsafeBytes({ FrameDecompressor.contentSize(of: $0) }) == 8 * count else {
      throw SeekTable.broken(url.path, at: 0, "it does not hold \(entry.count) entries")
    }
    var offsets: [Int] = []
    var half: [UInt8] = []
    let failure = try data.withUnsafeBytes { frame in
      try decompressor.decompress(frame) { piece in
        func take(_ bytes: UnsafeRawBufferPointer) throws {
          for at in stride(from: 0, to: bytes.count & ~7, by: 8) {
            let value = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            offsets.append(try check(offsets.count, value, offsets.last))
          }
          half = Array(bytes[(bytes.count & ~7)...])
        }
        // A number may lie across two pieces.
        if half.isEmpty { try take(piece) } else { try (half + piece).withUnsafeBytes { try take($0) } }
      }
    }
    if let failure { throw SeekTable.broken(url.path, at: 0, failure) }
    guard offsets.count == count else {
      throw SeekTable.broken(url.path, at: 0, "it holds \(offsets.count / perEntry) entries instead of \(entry.count)")
    }
    return offsets
  }
}
