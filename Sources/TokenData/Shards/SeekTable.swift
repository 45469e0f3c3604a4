import Foundation
import Groundwork

/// The seek table at the end of a seekable zstd file (zstd contrib/seekable_format, format description
/// 0.1.0): a skippable frame with each frame's compressed size, size and XXH64 checksum (low 32 bits), and
/// a footer. zstd itself skips it, so that `zstd -dc` gives the plain tokens.
struct SeekTable: Sendable {
  struct Frame: Equatable, Sendable {
    var compressedSize: UInt32
    var size: UInt32
    /// Low 32 bits of the XXH64 of the frame's content: also the last four bytes of a zstd frame that
    /// carries a checksum, which is where we take it from and compare it with.
    var checksum: UInt32
  }

  private static let skippableMagic: UInt32 = 0x184D_2A5E
  private static let seekableMagic: UInt32 = 0x8F92_EAB1
  private static let checksumFlag: UInt8 = 0x80
  static let footerSize = 9
  private static let headerSize = 8
  private static let entrySize = 12
  private static let mostFrames = 0x800_0000

  var frames: [Frame]
  /// Where each frame begins in the file, and one more entry: where the table begins.
  private(set) var offsets: [Int]

  init(_ frames: [Frame]) {
    self.frames = frames
    offsets = [0]
    offsets.reserveCapacity(frames.count + 1)
    for frame in frames { offsets.append(offsets.last! + Int(frame.compressedSize)) }
  }

  /// Bytes of the whole skippable frame.
  var encoded: Data {
    var out = Data()
    func append(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { out.append(contentsOf: $0) } }
    append(Self.skippableMagic)
    append(UInt32(frames.count * Self.entrySize + Self.footerSize))
    for frame in frames {
      append(frame.compressedSize)
      append(frame.size)
      append(frame.checksum)
    }
    append(UInt32(frames.count))
    out.append(Self.checksumFlag)
    append(Self.seekableMagic)
    return out
  }

  /// Size of the whole table in a file of `fileSize` bytes that ends in `footer`.
  static func size(footer: UnsafeRawBufferPointer, fileSize: Int, file: String) throws -> Int {
    func refuse(_ reason: String) -> UpcycleError { broken(file, at: fileSize - footerSize, reason) }
    guard footer.count == footerSize else {
      throw broken(file, at: 0, "truncated: \(fileSize) bytes hold no seek table")
    }
    guard word(footer, 5) == seekableMagic else {
      throw refuse("no seek table at the end: truncated, or not a token shard")
    }
    guard footer[4] == checksumFlag else {
      throw refuse("the seek table has no checksums or reserved bits set")
    }
    let frames = Int(word(footer, 0))
    let size = headerSize + frames * entrySize + footerSize
    guard frames <= mostFrames, size <= fileSize else {
      throw refuse("a seek table of \(frames) frames does not fit in \(fileSize) bytes")
    }
    return size
  }

  /// Parses the table's bytes, the last `bytes.count` of a file of `fileSize` bytes.
  /// - Throws: unless its frames fill the file exactly.
  init(parsing bytes: UnsafeRawBufferPointer, fileSize: Int, file: String) throws {
    let start = fileSize - bytes.count
    guard Self.word(bytes, 0) == Self.skippableMagic,
      Int(Self.word(bytes, 4)) == bytes.count - Self.headerSize
    else {
      throw Self.broken(file, at: start, "the seek table has no valid header")
    }
    let count = (bytes.count - Self.headerSize - Self.footerSize) / Self.entrySize
    self.init(
      (0..<count).map { index in
        let entry = Self.headerSize + index * Self.entrySize
        return Frame(
          compressedSize: Self.word(bytes, entry), size: Self.word(bytes, entry + 4),
          checksum: Self.word(bytes, entry + 8))
      })
    guard offsets.last == start else {
      throw Self.broken(
        file, at: start, "the frames of the seek table cover \(offsets.last!) bytes, the file holds \(start)")
    }
  }

  static func broken(_ file: String, at offset: Int, _ reason: String) -> UpcycleError {
    UpcycleError("damaged at byte \(offset): \(reason)", at: file)
  }

  private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
    UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
}
