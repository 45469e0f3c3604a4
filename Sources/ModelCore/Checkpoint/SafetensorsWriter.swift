import Foundation
import Groundwork
import TensorCore

/// Writes one safetensors file tensor by tensor; names and shapes are known first, the values follow in the
/// same order. Nothing appears under the name before `commit()`.
public final class SafetensorsWriter {
  /// The file that appears at `commit()`.
  public let url: URL
  /// What is written, in this order.
  public let specs: [TensorSpec]
  /// Of every tensor.
  public let type: ElementType
  private let file: AtomicFile
  private var next = 0
  /// Rows written so far of a tensor that is stored in x out.
  private var gathered: [Float] = []

  /// - Parameter type: F32, BF16 or F16, for every tensor of the file
  public init(
    _ url: URL, tensors: [TensorSpec], type: ElementType = .float32, metadata: [String: String] = ["format": "pt"]
  ) throws {
    self.url = url
    self.specs = tensors
    self.type = type
    guard [.float32, .bfloat16, .float16].contains(type) else {
      throw UpcycleError(
        "cannot write this element type", at: url.path, expected: "F32, BF16 or F16", found: type.rawValue)
    }
    file = try AtomicFile(url)
    let header = Self.header(tensors, type: type, metadata: metadata)
    var length = UInt64(header.count).littleEndian
    try withUnsafeBytes(of: &length) { try file.write($0) }
    try file.write(header)
  }

  /// The JSON header, padded with spaces so that the data starts at a multiple of 8.
  private static func header(_ tensors: [TensorSpec], type: ElementType, metadata: [String: String]) -> Data {
    var parts: [String] = []
    if !metadata.isEmpty {
      parts.append("\"__metadata__\":\(JSONValue.object(metadata.mapValues { .string($0) }).text())")
    }
    var offset = 0
    // The parts of a larger tensor follow each other; the first stands for all.
    for spec in tensors where spec.part == nil || spec.part?.offset == 0 {
      let whole = spec.storedShape
      let end = offset + whole.reduce(1, *) * type.size
      let shape = whole.map(String.init).joined(separator: ",")
      let name = JSONValue.string(spec.storedName).text()
      parts.append("\(name):{\"dtype\":\"\(type.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var header = Data(("{" + parts.joined(separator: ",") + "}").utf8)
    header.append(Data(repeating: 0x20, count: (8 - header.count % 8) % 8))
    return header
  }

  /// Writes the next tensor, whose numbers are stored as this file's are, and as its shape says.
  public func write(_ name: String, _ values: WeightMatrix) throws {
    precondition(next < specs.count && specs[next].name == name, "tensors are written in the announced order")
    precondition(values.element.storedType == type && !specs[next].isTransposed, "\(name): stored otherwise")
    precondition(values.outputs * values.inputs == specs[next].count, "\(name): values for another shape")
    next += 1
    try values.withBytes { try file.write($0) }
  }

  /// Writes the next tensor; `values` must hold as many numbers as its shape says.
  /// - Throws: failures of writing, and for finite numbers that float16 cannot hold
  public func write(_ name: String, _ values: UnsafeBufferPointer<Float>) throws {
    precondition(next < specs.count && specs[next].name == name, "tensors are written in the announced order")
    let spec = specs[next]
    precondition(values.count == spec.count, "\(name): \(values.count) values for shape \(spec.shape)")
    next += 1
    guard spec.isTransposed else { return try write(values, of: name) }
    gathered += values
    let (inputs, outputs) = (spec.storedShape[0], spec.storedShape[1])
    if gathered.count < inputs * outputs { return }
    var transposed = [Float](repeating: 0, count: gathered.count)
    for row in 0..<outputs {
      for column in 0..<inputs { transposed[column * outputs + row] = gathered[row * inputs + column] }
    }
    gathered = []
    try transposed.withUnsafeBufferPointer { try write($0, of: name) }
  }

  private func write(_ values: UnsafeBufferPointer<Float>, of name: String) throws {
    if type == .float32 { return try file.write(UnsafeRawBufferPointer(values)) }
    let chunk = 1 << 18
    var halves = [UInt16](repeating: 0, count: min(chunk, values.count))
    for start in stride(from: 0, to: values.count, by: chunk) {
      let part = UnsafeBufferPointer(rebasing: values[start..<min(start + chunk, values.count)])
      if type == .float16 { try Half.requireFit(part, at: "\(url.path): \(name)") }
      halves.withUnsafeMutableBufferPointer { output in
        if type == .bfloat16 {
          for i in part.indices { output[i] = BFloat16.encode(part[i]) }
        } else {
          for i in part.indices { output[i] = Half.encode(part[i]) }
        }
      }
      try halves.withUnsafeBytes { try file.write(UnsafeRawBufferPointer(rebasing: $0[..<(2 * part.count)])) }
    }
  }

  /// The same from an array.
  public func write(_ name: String, _ values: [Float]) throws {
    try values.withUnsafeBufferPointer { try write(name, $0) }
  }

  /// Makes the file appear; every announced tensor must have been written.
  public func commit() throws {
    precondition(next == specs.count, "\(specs.count - next) announced tensors were not written")
    try file.commit()
  }
}
