import Foundation
import Groundwork

/// documents.zst: where documents begin.
enum DocumentIndex {
  /// Reads and checks the offsets: as many as the manifest says, ascending from 0, inside the shards.
  static func read(folder: URL, manifest: ShardManifest, _ decompressor: borrowing FrameDecompressor) throws
    -> [Int]
  {
    let entry = manifest.documents
    let url = folder.appendingPathComponent(entry.file)
    let data = try readFile(url)
    guard data.count == entry.bytes, sha256(data) == entry.sha256 else {
      throw UpcycleError(
        "damaged: the document index is not the one that was packed", at: url.path,
        expected: "\(entry.bytes) bytes, sha256 \(entry.sha256.prefix(16))…", found: "\(data.count) bytes")
    }
    guard data.withUnsafeBytes({ FrameDecompressor.contentSize(of: $0) }) == 8 * entry.count else {
      throw SeekTable.broken(url.path, at: 0, "it does not hold \(entry.count) documents")
    }
    var failure: String?
    let starts = [UInt64](unsafeUninitializedCapacity: entry.count) { out, initialized in
      let raw = UnsafeMutableRawBufferPointer(
        rebasing: UnsafeMutableRawBufferPointer(out)[..<(8 * entry.count)])
      failure = data.withUnsafeBytes { decompressor.decompress($0, into: raw) }
      initialized = failure == nil ? entry.count : 0
    }
    if let failure { throw SeekTable.broken(url.path, at: 0, failure) }
    var previous = -1
    return try starts.enumerated().map { index, value in
      guard let start = Int(exactly: UInt64(littleEndian: value)), start < manifest.tokens,
        index == 0 ? start == 0 : start > previous
      else {
        throw UpcycleError("document \(index) has an impossible start", at: url.path, found: "\(value)")
      }
      previous = start
      return start
    }
  }
}
