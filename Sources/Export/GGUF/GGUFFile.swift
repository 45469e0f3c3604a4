import Foundation
import Groundwork
import ModelCore

/// Writes a GGUF file, version 3, as llama.cpp reads it: "GGUF", counts, keys and values, the tensors' names, shapes and
/// places, then their data, each at a multiple of 32. Numbers are little-endian; shapes are innermost first.
struct GGUFFile {
  /// A value of a key.
  enum Value {
    case count(Int)
    case float(Double)
    case flag(Bool)
    case text(String)
    case texts([String])
    case integers([Int])
  }

  /// How a tensor's numbers are stored.
  enum Storage: UInt32 {
    case float32 = 0
    case float16 = 1
    /// Blocks of 32 signed bytes with a half-precision factor, the largest magnitude / 127.
    case q8 = 8
    case bfloat16 = 30

    /// Bytes of `count` numbers.
    func bytes(_ count: Int) -> Int {
      switch self {
      case .float32: 4 * count
      case .float16, .bfloat16: 2 * count
      case .q8: count / 32 * 34
      }
    }
  }

  private static let alignment = 32

  var values: [(key: String, value: Value)] = []
  var tensors: [(tensor: ExportedTensor, storage: Storage)] = []

  // MARK: Writing

  func write(_ source: any WeightSource, to url: URL) throws {
    let file = try AtomicFile(url)
    try file.write(header)
    for (tensor, storage) in tensors {
      let values = try tensor.values(source)
      try tensor.check(values)
      var data = try Self.encoded(UnsafeBufferPointer(start: values.pointer, count: values.count), storage, tensor.name)
      data.append(Data(count: Self.padding(data.count)))
      try file.write(data)
    }
    try file.commit()
  }

  private static func padding(_ count: Int) -> Int { (alignment - count % alignment) % alignment }

  private var header: Data {
    var data = Data("GGUF".utf8)
    data.append(number: UInt32(3))
    data.append(number: UInt64(tensors.count))
    data.append(number: UInt64(values.count))
    for (key, value) in values {
      data.append(text: key)
      data.append(value)
    }
    var offset = 0
    for (tensor, storage) in tensors {
      data.append(text: tensor.name)
      data.append(number: UInt32(tensor.shape.count))
      for length in tensor.shape.reversed() { data.append(number: UInt64(length)) }
      data.append(number: storage.rawValue)
      data.append(number: UInt64(offset))
      let bytes = storage.bytes(tensor.count)
      offset += bytes + Self.padding(bytes)
    }
    data.append(Data(count: Self.padding(data.count)))
    return data
  }

  /// - Throws: for finite numbers that the storage cannot hold
  private static func encoded(
    _ values: UnsafeBufferPointer<Float>, _ storage: Storage, _ name: String
  ) throws -> Data {
    switch storage {
    case .float32: return Data(buffer: values)
    case .float16:
      try Half.requireFit(values, at: name)
      return values.map(Half.encode).withUnsafeBufferPointer { Data(buffer: $0) }
    case .bfloat16: return values.map(BFloat16.encode).withUnsafeBufferPointer { Data(buffer: $0) }
    case .q8:
      var data = Data(capacity: storage.bytes(values.count))
      for start in stride(from: 0, to: values.count, by: 32) {
        let block = values[start..<start + 32]
        let factor = block.reduce(0) { max($0, abs($1)) } / 127
        if Half.isTooLarge(factor) { try Half.requireFit(UnsafeBufferPointer(rebasing: block), at: name) }
        let stored = Half.encode(factor)
        data.append(number: stored)
        // What is too small for the factor's type is zero, and 1 / factor may be infinite.
        let inverse = stored > 0 ? 1 / factor : 0
        data.append(contentsOf: block.map { UInt8(bitPattern: Int8(($0 * inverse).rounded())) })
      }
      return data
    }
  }
}

extension Data {
  fileprivate mutating func append(number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }

  fileprivate mutating func append(text: String) {
    append(number: UInt64(text.utf8.count))
    append(contentsOf: text.utf8)
  }

  fileprivate mutating func append(_ value: GGUFFile.Value) {
    func list(_ type: UInt32, _ count: Int) {
      append(number: UInt32(9))
      append(number: type)
      append(number: UInt64(count))
    }
    switch value {
    case .count(let number):
      append(number: UInt32(4))
      append(number: UInt32(number))
    case .float(let number):
      append(number: UInt32(6))
      append(number: Float(number).bitPattern)
    case .flag(let flag):
      append(number: UInt32(7))
      append(number: UInt8(flag ? 1 : 0))
    case .text(let text):
      append(number: UInt32(8))
      append(text: text)
    case .texts(let texts):
      list(8, texts.count)
      for text in texts { append(text: text) }
    case .integers(let numbers):
      list(5, numbers.count)
      for number in numbers { append(number: Int32(number)) }
    }
  }
}
