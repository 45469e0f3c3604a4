import CZstd
import Foundation
import Groundwork

/// A zstd compressor that writes independent frames, each with its size and checksum.
struct FrameCompressor: ~Copyable {
  private let context: OpaquePointer

  init(level: Int) {
    context = ZSTD_createCCtx()
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(level))
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)
  }
  deinit { ZSTD_freeCCtx(context) }

  /// One frame with the whole of `content`.
  func compress(_ content: UnsafeRawBufferPointer) throws -> Data {
    var frame = Data(count: ZSTD_compressBound(content.count))
    let size = frame.withUnsafeMutableBytes {
      ZSTD_compress2(context, $0.baseAddress, $0.count, content.baseAddress, content.count)
    }
    if ZSTD_isError(size) != 0 {
      throw UpcycleError("zstd cannot compress: \(String(cString: ZSTD_getErrorName(size)))")
    }
    return frame.prefix(size)
  }

  /// The content checksum that ends a frame.
  static func checksum(_ frame: UnsafeRawBufferPointer) -> UInt32 {
    UInt32(littleEndian: frame.loadUnaligned(fromByteOffset: frame.count - 4, as: UInt32.self))
  }
}

/// A zstd decompressor for single frames whose size is known; one thread at a time uses it.
final class FrameDecompressor {
  private let context: OpaquePointer
  private var room = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  init() { context = ZSTD_createDCtx() }
  deinit {
    ZSTD_freeDCtx(context)
    room.deallocate()
  }

  /// `count` bytes for what is decompressed, aligned for any number; the next call gives them again.
  func buffer(_ count: Int) -> UnsafeMutableRawBufferPointer {
    if room.count < count {
      room.deallocate()
      room = .allocate(byteCount: count, alignment: 64)
    }
    return UnsafeMutableRawBufferPointer(rebasing: room[..<count])
  }

  /// The size that a frame says its content has; checked before memory is set aside for it.
  static func contentSize(of frame: UnsafeRawBufferPointer) -> Int? {
    Int(exactly: ZSTD_getFrameContentSize(frame.baseAddress, frame.count))
  }

  /// Decompresses exactly one frame into exactly `out`.
  /// - Returns: nil, or the reason why not.
  func decompress(_ frame: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer) -> String? {
    let length = ZSTD_findFrameCompressedSize(frame.baseAddress, frame.count)
    if ZSTD_isError(length) != 0 { return String(cString: ZSTD_getErrorName(length)) }
    if length != frame.count { return "the frame is \(length) bytes long instead of \(frame.count)" }
    let size = ZSTD_decompressDCtx(context, out.baseAddress, out.count, frame.baseAddress, frame.count)
    if ZSTD_isError(size) != 0 { return String(cString: ZSTD_getErrorName(size)) }
    return size == out.count ? nil : "the frame holds \(size) bytes instead of \(out.count)"
  }

  /// Decompresses exactly one frame piece by piece, in memory that does not depend on what the frame claims to hold.
  /// - Parameter take: sees every piece
  /// - Returns: nil, or the reason why not; the error of `take` is thrown
  func decompress(_ frame: UnsafeRawBufferPointer, take: (UnsafeRawBufferPointer) throws -> Void) throws -> String? {
    ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 25)
    var input = ZSTD_inBuffer(src: frame.baseAddress, size: frame.count, pos: 0)
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    var left = 1
    while left != 0 {
      let made = piece.withUnsafeMutableBytes { buffer in
        var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
        left = ZSTD_decompressStream(context, &output, &input)
        return output.pos
      }
      if ZSTD_isError(left) != 0 { return String(cString: ZSTD_getErrorName(left)) }
      if made == 0 && left != 0 && input.pos == input.size { return "the frame is truncated" }
      try piece.withUnsafeBytes { try take(UnsafeRawBufferPointer(rebasing: $0[..<made])) }
    }
    return input.pos == frame.count ? nil : "the frame is \(input.pos) bytes long instead of \(frame.count)"
  }
}
