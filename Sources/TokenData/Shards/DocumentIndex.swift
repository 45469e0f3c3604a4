import Foundation
import Groundwork

#if canImport(Glibc)
  import Glibc
#endif

/// documents.zst: where documents begin.
enum DocumentIndex {
  /// Reads and checks the offsets: as many as the manifest says, ascending from 0, inside the shards.
  static func read(folder: URL, manifest: ShardManifest, _ decompressor: borrowing FrameDecompressor) throws
    -> [Int]
  {
    let entry = manifest.documents
    let url = folder.appendingPathComponent(entry.file)
    let (descriptor, size) = try openRegularFile(url)
    defer { close(descriptor) }
    let data = size == entry.bytes ? Data(try ShardFile.read(descriptor, from: 0, count: size, file: url.path)) : Data()
    guard size == entry.bytes, sha256(data) == entry.sha256 else {
      throw UpcycleError(
        "damaged: the document index is not the one that was packed", at: url.path,
        expected: "\(entry.bytes) bytes, sha256 \(entry.sha256.prefix(16))…", found: "\(size) bytes")
    }
    guard data.withUnsafeBytes({ FrameDecompressor.contentSize(of: $0) }) == 8 * entry.count else {
      throw SeekTable.broken(url.path, at: 0, "it does not hold \(entry.count) documents")
    }
    // Checked while they stream: a few bytes may claim any number of documents.
    var starts: [Int] = []
    var half: [UInt8] = []
    let failure = try data.withUnsafeBytes { frame in
      try decompressor.decompress(frame) { piece in
        func take(_ bytes: UnsafeRawBufferPointer) throws {
          for at in stride(from: 0, to: bytes.count & ~7, by: 8) {
            let value = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            guard let start = Int(exactly: value), start < manifest.tokens,
              starts.last.map({ start > $0 }) ?? (start == 0)
            else {
              throw UpcycleError("document \(starts.count) has an impossible start", at: url.path, found: "\(value)")
            }
            starts.append(start)
          }
          half = Array(bytes[(bytes.count & ~7)...])
        }
        // A number may lie across two pieces.
        if half.isEmpty { try take(piece) } else { try (half + piece).withUnsafeBytes { try take($0) } }
      }
    }
    if let failure { throw SeekTable.broken(url.path, at: 0, failure) }
    guard starts.count == entry.count else {
      throw SeekTable.broken(url.path, at: 0, "it holds \(starts.count) documents instead of \(entry.count)")
    }
    return starts
  }
}
