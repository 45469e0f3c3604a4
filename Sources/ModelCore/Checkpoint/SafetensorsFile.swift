import CSystem
import Foundation
import Groundwork
import TensorCore

/// A safetensors file, mapped; tensors are converted when asked for.
public struct SafetensorsFile: Sendable {
  /// The file.
  public let url: URL
  /// Tensors in file order.
  public let tensors: [TensorInfo]
  /// The header's `__metadata__`.
  public let metadata: [String: String]
  private let index: [String: Int]
  private let map: MappedFile
  private let dataStart: Int

  /// Maps the file and checks its header.
  /// - Throws: failures that name the file, the tensor and what is wrong
  public init(_ url: URL) throws {
    self.url = url
    map = try MappedFile(url)
    let bytes = map.bytes
    if bytes.starts(with: "version https://git-lfs".utf8) {
      throw UpcycleError(
        "is a Git LFS pointer instead of the weights", at: url.path, hint: "git lfs pull fetches them")
    }
    guard bytes.count >= 8 else {
      throw UpcycleError(
        "is not a safetensors file", at: url.path, expected: "at least 8 bytes", found: "\(bytes.count)")
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= SafetensorsHeader.maximumLength, Int(length) <= bytes.count - 8 else {
      throw UpcycleError(
        length <= SafetensorsHeader.maximumLength
          ? "the file is truncated inside its header" : "is not a safetensors file",
        at: url.path, expected: "a header of at most \(min(bytes.count - 8, SafetensorsHeader.maximumLength)) bytes",
        found: "\(length)")
    }
    dataStart = 8 + Int(length)
    let header = try SafetensorsHeader(
      json: UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart]), dataLength: bytes.count - dataStart, file: url.path)
    tensors = header.tensors
    metadata = header.metadata
    index = Dictionary(uniqueKeysWithValues: header.tensors.enumerated().map { ($1.name, $0) })
  }

  /// In file order.
  public var names: [String] { tensors.map(\.name) }

  /// Type, shape and place of a tensor; nil for an unknown one.
  public func info(_ name: String) -> TensorInfo? { index[name].map { tensors[$0] } }

  /// The tensor's bytes as stored.
  public func bytes(_ info: TensorInfo) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      rebasing: map.bytes[(dataStart + info.range.lowerBound)..<(dataStart + info.range.upperBound)])
  }

  func required(_ name: String) throws -> TensorInfo {
    guard let info = info(name) else { throw UpcycleError("no such tensor", at: "\(url.path): \(name)") }
    return info
  }

  /// Converts a float tensor to float32 into `output`, which must hold `info(name).count` numbers.
  /// - Parameter part: numbers of it, which `output` must hold; nil: all
  public func readFloats(_ name: String, part: Range<Int>? = nil, into output: UnsafeMutablePointer<Float>) throws {
    let info = try required(name)
    let part = part ?? 0..<info.count
    precondition(part.lowerBound >= 0 && part.upperBound <= info.count, "numbers beyond the tensor's end")
    guard let start = bytes(info).baseAddress.map({ $0 + part.lowerBound * info.type.size }), !part.isEmpty else {
      return
    }
    let chunk = 1 << 18
    switch info.type {
    case .float32, .bfloat16, .float16, .float64: break
    default:
      throw UpcycleError(
        "wrong element type", at: "\(url.path): \(name)", expected: "F32, BF16, F16 or F64", found: info.type.rawValue)
    }
    let count = part.count
    // The raw pointers cross into the pool's threads; every chunk writes its own part of `output`.
    let job = Conversion(type: info.type, source: start, output: output)
    let chunks = (count + chunk - 1) / chunk
    if chunks == 1 {
      job.run(0..<count)
    } else {
      Threads.parallel(chunks) { job.run(($0 * chunk)..<min(($0 + 1) * chunk, count)) }
    }
  }

  /// A float tensor as float32.
  public func readFloats(_ name: String) throws -> [Float] {
    let count = try required(name).count
    return try [Float](unsafeUninitializedCapacity: count) { buffer, used in
      if let start = buffer.baseAddress { try readFloats(name, into: start) }
      used = count
    }
  }

  /// Numbers of a tensor of 16-bit floats as rows of `width`, where the mapping holds them; nil for other types, and for
  /// numbers at odd addresses.
  /// - Parameter part: numbers of the tensor, all of them in its order
  public func storedMatrix(_ name: String, part: Range<Int>, width: Int) throws -> WeightMatrix? {
    let info = try required(name)
    let element: WeightMatrix.Element
    switch info.type {
    case .bfloat16: element = .bfloat16
    case .float16: element = .float16
    default: return nil
    }
    guard let start = bytes(info).baseAddress, width > 0, !part.isEmpty, part.upperBound <= info.count,
      Int(bitPattern: start) % element.size == 0
    else { return nil }
    return WeightMatrix(
      element, at: start + part.lowerBound * element.size, outputs: part.count / width, inputs: width, owner: map)
  }

  /// Starts reading a tensor from the disk; nothing for an unknown one.
  public func prefetch(_ name: String) {
    guard let info = info(name), let start = bytes(info).baseAddress else { return }
    up_prefetch(start, bytes(info).count)
  }

  /// An integer tensor.
  public func readIntegers(_ name: String) throws -> [Int] {
    let info = try required(name)
    let source = bytes(info)
    switch info.type {
    case .int64: return (0..<info.count).map { Int(source.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
    case .int32: return (0..<info.count).map { Int(source.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self)) }
    default:
      throw UpcycleError(
        "wrong element type", at: "\(url.path): \(name)", expected: "I64 or I32", found: info.type.rawValue)
    }
  }
}

/// One tensor's conversion to float32, in parts.
///
/// Unchecked Sendable: parts read shared bytes and write disjoint ranges.
private struct Conversion: @unchecked Sendable {
  let type: ElementType
  let source: UnsafeRawPointer
  let output: UnsafeMutablePointer<Float>

  func run(_ range: Range<Int>) {
    switch type {
    case .float32: memcpy(output + range.lowerBound, source + 4 * range.lowerBound, 4 * range.count)
    case .bfloat16:
      for i in range { output[i] = BFloat16.decode(source.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)) }
    case .float16:
      for i in range { output[i] = Half.decode(source.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)) }
    default:
      for i in range { output[i] = Float(source.loadUnaligned(fromByteOffset: 8 * i, as: Double.self)) }
    }
  }
}
