import CZlib
import CZstd
import Foundation
import Groundwork

/// The bytes of a file, a pipe or standard input in chunks, decompressed where they are gzip or zstd, which their first
/// bytes say. A plain file is mapped and is one chunk.
final class ByteStream {
  private enum Source {
    case mapped(Data)
    case handle(FileHandle)
  }
  private enum Packing {
    case none
    case gzip(GzipDecoder)
    case zstd(ZstdDecoder)
  }

  private static let chunk = 1 << 20

  /// What errors name.
  let name: String
  /// Bytes of the file; 0 for a pipe.
  let size: Int
  /// Bytes of the file read so far.
  private(set) var position = 0
  private let source: Source
  private var packing = Packing.none
  /// Bytes read and not yet given.
  private var input = Data()
  private var isAtEnd = false
  private var isUnpacked = false

  /// - Parameter path: a file, or "-" for standard input.
  /// - Throws: when it cannot be read or is of a kind that is no text.
  init(_ path: String) throws {
    name = path == "-" ? "standard input" : path
    var status = stat()
    let isFile = path != "-" && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    size = isFile ? Int(status.st_size) : 0
    let handle = path == "-" ? FileHandle.standardInput : try openForReading(URL(fileURLWithPath: path))
    source = .handle(handle)
    while input.count < 1 << 16, try readMore() {}
    try detect(path)
  }

  private init(mapped data: Data, name: String) {
    self.name = name
    size = data.count
    source = .mapped(data)
    isUnpacked = true
  }

  /// The same bytes as one chunk, where this is a plain file: no copy is made of it.
  func mapped() throws -> ByteStream {
    guard case .none = packing, size > 0 else { return self }
    let data: Data
    do { data = try Data(contentsOf: URL(fileURLWithPath: name), options: .alwaysMapped) } catch {
      throw UpcycleError("cannot be read: \(error.localizedDescription)", at: name)
    }
    return ByteStream(mapped: data, name: name)
  }

  /// True when `next` gives the whole file at once.
  var isMapped: Bool { if case .mapped = source { return true } else { return false } }

  /// The first bytes of the text, at most 64 KiB, without consuming them.
  func peek() throws -> Data {
    switch packing {
    case .none:
      if case .mapped(let data) = source { return data.prefix(1 << 16) }
    case .gzip, .zstd:
      if !isUnpacked {
        // What is unpacked here is given again by `next`.
        while unpacked.count < 1 << 16, let more = try unpack() { unpacked.append(more) }
        isUnpacked = true
      }
      return unpacked.prefix(1 << 16)
    }
    return input.prefix(1 << 16)
  }
  private var unpacked = Data()

  /// The next bytes of the text; nil at its end.
  func next() throws -> Data? {
    if case .mapped(let data) = source {
      defer { position = data.count }
      return position == 0 && !data.isEmpty ? data : nil
    }
    if !unpacked.isEmpty {
      defer { unpacked = Data() }
      return unpacked
    }
    if case .none = packing {
      if input.isEmpty, !(try readMore()) { return nil }
      defer { input = Data() }
      return input
    }
    return try unpack()
  }

  // MARK: Reading

  private func readMore() throws -> Bool {
    guard !isAtEnd, case .handle(let handle) = source else { return false }
    do {
      guard let more = try handle.read(upToCount: Self.chunk), !more.isEmpty else {
        isAtEnd = true
        return false
      }
      input.append(more)
      position += more.count
      return true
    } catch { throw UpcycleError("cannot be read: \(error.localizedDescription)", at: name) }
  }

  private func unpack() throws -> Data? {
    while true {
      if input.isEmpty { _ = try readMore() }
      let out: Data
      switch packing {
      case .none: return nil
      case .gzip(let decoder): out = try decoder.decode(&input, limit: Self.chunk)
      case .zstd(let decoder): out = try decoder.decode(&input, limit: Self.chunk)
      }
      if !out.isEmpty { return out }
      if input.isEmpty && isAtEnd {
        let isWhole: Bool
        switch packing {
        case .gzip(let decoder): isWhole = decoder.isWhole
        case .zstd(let decoder): isWhole = decoder.isWhole
        case .none: isWhole = true
        }
        if !isWhole { throw UpcycleError("is cut off: its compressed data ends too early", at: name) }
        return nil
      }
    }
  }

  // MARK: Telling kinds apart

  private func detect(_ path: String) throws {
    func starts(_ bytes: [UInt8]) -> Bool { input.starts(with: bytes) }
    func refuse(_ found: String, _ hint: String) -> UpcycleError {
      UpcycleError(
        "is not text", at: name, expected: "UTF-8 text or JSON Lines, plain, .gz or .zst", found: found, hint: hint)
    }
    if starts([0x1F, 0x8B]) {
      packing = .gzip(try GzipDecoder(name))
    } else if starts([0x28, 0xB5, 0x2F, 0xFD]) || startsWithSkippableFrame {
      packing = .zstd(try ZstdDecoder(name))
    } else if starts(Array("PAR1".utf8)) {
      throw refuse("a Parquet file", parquetHint((path as NSString).lastPathComponent))
    } else if starts([0xFD, 0x37, 0x7A, 0x58, 0x5A]) {
      throw refuse("an xz file", "unpack it first: xz -dk IN")
    } else if starts(Array("BZh".utf8)) {
      throw refuse("a bzip2 file", "unpack it first: bzip2 -dk IN")
    } else if starts([0x50, 0x4B, 3, 4]) {
      throw refuse("a zip archive", "unpack it first")
    }
    let text = try peek()
    if text.starts(with: [0xFF, 0xFE]) || text.starts(with: [0xFE, 0xFF]) {
      throw refuse("UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 IN > OUT")
    }
    let fault = text.withUnsafeBytes { TextFault(in: $0.bindMemory(to: UInt8.self)) }
    if let fault, !fault.isCut { throw fault.error(in: name) }
  }

  /// A zstd frame without content, of which pzstd puts one in front of each frame.
  private var startsWithSkippableFrame: Bool {
    input.count >= 4 && 0x50...0x5F ~= input[input.startIndex] && input.dropFirst().starts(with: [0x2A, 0x4D, 0x18])
  }
}

/// Unpacks gzip, also several members in a row, and zeros behind the last one, which fill the blocks of a tape.
private final class GzipDecoder {
  private var stream = z_stream()
  private let name: String
  /// Between members.
  private(set) var isWhole = true
  /// Behind the last member.
  private var isInPadding = false

  init(_ name: String) throws {
    self.name = name
    if upcycle_inflate_init_gzip(&stream) != Z_OK { throw UpcycleError("cannot be unpacked: no memory", at: name) }
  }

  deinit { inflateEnd(&stream) }

  /// Unpacks from `input`, which loses what is consumed; at most `limit` bytes.
  func decode(_ input: inout Data, limit: Int) throws -> Data {
    if input.isEmpty { return Data() }
    if isInPadding || isWhole && input.first == 0 {
      isInPadding = true
      guard input.allSatisfy({ $0 == 0 }) else {
        throw UpcycleError("is damaged: zeros, and more behind them", at: name, hint: "gzip -t tells more")
      }
      input = Data()
      return Data()
    }
    var out = Data(count: limit)
    var code = Z_OK
    let (consumed, produced) = input.withUnsafeBytes { source in
      out.withUnsafeMutableBytes { target in
        stream.next_in = UnsafeMutablePointer(
          mutating: source.bindMemory(to: UInt8.self).baseAddress!)
        stream.avail_in = UInt32(min(source.count, 1 << 30))
        stream.next_out = target.bindMemory(to: UInt8.self).baseAddress!
        stream.avail_out = UInt32(limit)
        let offered = Int(stream.avail_in)
        code = inflate(&stream, Z_NO_FLUSH)
        return (offered - Int(stream.avail_in), limit - Int(stream.avail_out))
      }
    }
    isWhole = code == Z_STREAM_END
    if code == Z_STREAM_END {
      inflateReset(&stream)
    } else if code != Z_OK && code != Z_BUF_ERROR {
      throw UpcycleError(
        "is damaged: \(stream.msg.map { String(cString: $0) } ?? "not gzip")", at: name, hint: "gzip -t tells more")
    }
    input = Data(input.dropFirst(consumed))
    return out.prefix(produced)
  }
}

/// Unpacks zstd, also several frames in a row.
private final class ZstdDecoder {
  private let context: OpaquePointer
  private let name: String
  /// Between frames.
  private(set) var isWhole = true

  init(_ name: String) throws {
    self.name = name
    guard let context = ZSTD_createDStream() else { throw UpcycleError("cannot be unpacked: no memory", at: name) }
    self.context = context
  }

  deinit { ZSTD_freeDStream(context) }

  /// Unpacks from `input`, which loses what is consumed; at most `limit` bytes.
  func decode(_ input: inout Data, limit: Int) throws -> Data {
    if input.isEmpty, isWhole { return Data() }
    var out = Data(count: limit)
    var result = 0
    let (consumed, produced) = input.withUnsafeBytes { source in
      out.withUnsafeMutableBytes { target in
        var from = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
        var to = ZSTD_outBuffer(dst: target.baseAddress, size: limit, pos: 0)
        result = ZSTD_decompressStream(context, &to, &from)
        return (from.pos, to.pos)
      }
    }
    if ZSTD_isError(result) != 0 {
      throw UpcycleError(
        "is damaged: \(String(cString: ZSTD_getErrorName(result)))", at: name, hint: "zstd -t tells more")
    }
    isWhole = result == 0
    input = Data(input.dropFirst(consumed))
    return out.prefix(produced)
  }
}
