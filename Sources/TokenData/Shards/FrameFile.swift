import Foundation
import Groundwork

/// Writes one seekable zstd file (see `SeekTable`) of frames with any content, in order. The file appears under its
/// name when it is complete.
public final class FrameFileWriter {
  private let file: AtomicFile
  private let compressor: FrameCompressor
  private var frames: [SeekTable.Frame] = []

  /// - Throws: when the file cannot be written.
  public init(_ url: URL) throws {
    file = try AtomicFile(url)
    compressor = FrameCompressor(level: 1)
  }

  /// - Throws: for 4 GiB or more, and when the file cannot be written
  public func append(_ content: UnsafeRawBufferPointer) throws {
    let data = try compressor.compress(content)
    guard let size = UInt32(exactly: content.count), let stored = UInt32(exactly: data.count) else {
      throw UpcycleError(
        "a frame is too large", at: file.url.path, expected: "less than 4 GiB", found: formatBytes(content.count))
    }
    frames.append(
      .init(compressedSize: stored, size: size, checksum: data.withUnsafeBytes { FrameCompressor.checksum($0) }))
    try file.write(data)
  }

  /// Ends the file with its table and gives it its name.
  public func commit() throws {
    try file.write(SeekTable(frames).encoded)
    try file.commit()
  }
}

/// A file of `FrameFileWriter`, open for reading frames by number.
public final class FrameFile {
  /// The file.
  public let url: URL
  private let descriptor: Int32
  private let table: SeekTable
  private let decompressor = FrameDecompressor()

  /// - Throws: when the file is missing, or its table does not fit it.
  public init(_ url: URL) throws {
    self.url = url
    let (descriptor, size) = try openRegularFile(url)
    self.descriptor = descriptor
    do { table = try ShardFile.readTable(descriptor, size: size, file: url.path) } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  /// Frames in the file.
  public var frameCount: Int { table.frames.count }
  /// Bytes of the file's frames as they are stored.
  public var storedBytes: Int { table.offsets.last ?? 0 }

  /// Decompresses frame `number` into exactly `out`.
  /// - Throws: when the frame is damaged or has another size.
  public func read(_ number: Int, into out: UnsafeMutableRawBufferPointer) throws {
    func broken(_ reason: String) -> UpcycleError {
      SeekTable.broken(
        url.path, at: table.frames.indices.contains(number) ? table.offsets[number] : 0, "frame \(number): \(reason)")
    }
    guard table.frames.indices.contains(number) else { throw broken("there are only \(frameCount)") }
    let frame = table.frames[number]
    guard Int(frame.size) == out.count else { throw broken("it holds \(frame.size) bytes instead of \(out.count)") }
    let bytes = try ShardFile.read(
      descriptor, from: table.offsets[number], count: Int(frame.compressedSize), file: url.path)
    let failure = bytes.withUnsafeBytes { raw -> String? in
      guard raw.count >= 8, FrameCompressor.checksum(raw) == frame.checksum else {
        return "its checksum is not the one in the table"
      }
      guard FrameDecompressor.contentSize(of: raw) == out.count else { return "it does not hold \(out.count) bytes" }
      return decompressor.decompress(raw, into: out)
    }
    if let failure { throw broken(failure) }
  }
}
