import Foundation
import Groundwork
import TensorCore

/// Writes a model folder's weights: `model.safetensors`, or shards with an index above `shardBytes`.
/// Values stream through; the files appear together at `commit()`.
public final class CheckpointWriter {
  private let folder: URL
  private let type: ElementType
  private var writers: [SafetensorsWriter] = []
  private var writerOfTensor: [Int] = []
  private let specs: [TensorSpec]
  private var next = 0

  /// - Parameter shardBytes: largest size of one file; a single tensor may exceed it
  public init(_ folder: URL, tensors: [TensorSpec], type: ElementType = .float32, shardBytes: Int = 5_000_000_000)
    throws
  {
    self.folder = folder
    self.type = type
    specs = tensors
    try makeDirectory(folder)
    var shards: [[TensorSpec]] = []
    var bytes = 0
    for spec in tensors {
      let size = spec.count * type.size
      let continues = spec.part.map { $0.offset > 0 } ?? false
      if shards.isEmpty || (bytes + size > shardBytes && !continues) {
        shards.append([])
        bytes = 0
      }
      shards[shards.count - 1].append(spec)
      writerOfTensor.append(shards.count - 1)
      bytes += size
    }
    if shards.isEmpty { shards = [[]] }
    for number in shards.indices {
      let url = folder.appendingPathComponent(Self.fileName(number, of: shards.count))
      writers.append(try SafetensorsWriter(url, tensors: shards[number], type: type))
    }
  }

  private static func fileName(_ number: Int, of count: Int) -> String {
    if count == 1 { return CheckpointReader.singleName }
    func five(_ value: Int) -> String { String(repeating: "0", count: max(0, 5 - String(value).count)) + String(value) }
    return "model-\(five(number + 1))-of-\(five(count)).safetensors"
  }

  /// Writes the next tensor in the announced order.
  public func write(_ name: String, _ values: UnsafeBufferPointer<Float>) throws {
    precondition(next < specs.count, "more tensors than announced")
    try writers[writerOfTensor[next]].write(name, values)
    next += 1
  }

  /// The same of numbers that are stored as the file's are.
  public func write(_ name: String, _ values: WeightMatrix) throws {
    precondition(next < specs.count, "more tensors than announced")
    try writers[writerOfTensor[next]].write(name, values)
    next += 1
  }

  /// The same from an array.
  public func write(_ name: String, _ values: [Float]) throws {
    try values.withUnsafeBufferPointer { try write(name, $0) }
  }

  /// Makes all files appear and removes the files of an earlier checkpoint that this one does not overwrite.
  public func commit() throws {
    let stale = Self.files(in: folder).subtracting(writers.map(\.url.lastPathComponent))
    for writer in writers { try writer.commit() }
    if writers.count > 1 { try writeIndex() }
    for name in stale where !(writers.count > 1 && name == CheckpointReader.indexName) {
      try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
    }
  }

  /// Names of the weight files that a folder holds now.
  private static func files(in folder: URL) -> Set<String> {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return Set(
      names.filter { name in
        name == CheckpointReader.singleName || name == CheckpointReader.indexName
          || (name.hasPrefix("model-") && name.contains("-of-") && name.hasSuffix(".safetensors"))
      })
  }

  private func writeIndex() throws {
    var weights: [String: JSONValue] = [:]
    for (spec, writer) in zip(specs, writerOfTensor) {
      weights[spec.storedName] = .string(writers[writer].url.lastPathComponent)
    }
    let total = specs.reduce(0) { $0 + $1.count * type.size }
    let json = JSONValue.object(["metadata": .object(["total_size": .int(total)]), "weight_map": .object(weights)])
    try writeFile(json.text(pretty: true) + "\n", to: folder.appendingPathComponent(CheckpointReader.indexName))
  }
}
