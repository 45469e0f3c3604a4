import Foundation
import Groundwork

/// The weights of a model folder: one `model.safetensors`, or shards listed by `model.safetensors.index.json`.
///
/// Tensors are asked for by name and shape; whoever builds the model compares `names` with what it asked for.
public final class CheckpointReader: WeightSource {
  public static let singleName = "model.safetensors"
  public static let indexName = "model.safetensors.index.json"

  public let folder: URL
  private var files: [SafetensorsFile] = []
  /// By the name in memory: which file holds the tensor, and under which name.
  private var entries: [String: (file: Int, stored: String)] = [:]

  public init(_ folder: URL) throws {
    self.folder = folder
    let index = folder.appendingPathComponent(Self.indexName)
    if FileManager.default.fileExists(atPath: index.path) {
      try open(index: index)
    } else {
      let file = try SafetensorsFile(folder.appendingPathComponent(Self.singleName))
      files = [file]
      for name in file.names { try add(name, file: 0) }
    }
  }

  private func open(index: URL) throws {
    guard let weights = try JSONValue(contentsOf: index)["weight_map"]?.object else {
      throw UpcycleError("has no \"weight_map\" object", at: index.path)
    }
    var numbers: [String: Int] = [:]
    for (tensor, value) in weights.sorted(by: { $0.key < $1.key }) {
      guard let name = value.string, !name.isEmpty, !name.contains("/"), !name.hasPrefix(".") else {
        throw UpcycleError(
          "bad shard name in \"weight_map\"", at: "\(index.path): \(shown(tensor))", expected: "a file beside the index",
          found: shown(value.text()))
      }
      let number: Int
      if let known = numbers[name] {
        number = known
      } else {
        number = files.count
        files.append(try SafetensorsFile(folder.appendingPathComponent(name)))
        numbers[name] = number
      }
      guard files[number].info(tensor) != nil else {
        throw UpcycleError("the index names a tensor that its shard does not hold", at: "\(files[number].url.path): \(shown(tensor))")
      }
      try add(tensor, file: number)
    }
  }

  private func add(_ stored: String, file: Int) throws {
    if let other = entries.updateValue((file, stored), forKey: ModelConfig.name(stored: stored)) {
      throw UpcycleError("holds one tensor under two names", at: folder.path, found: "\(shown(stored)) and \(shown(other.stored))")
    }
  }

  public var names: Set<String>? { Set(entries.keys) }

  public func info(_ name: String) -> TensorInfo? { entries[name].flatMap { files[$0.file].info($0.stored) } }

  private func entry(_ name: String, shape: [Int]) throws -> (file: SafetensorsFile, stored: String) {
    guard let entry = entries[name], let info = files[entry.file].info(entry.stored) else {
      throw UpcycleError(
        "tensor is missing", at: "\(folder.path): \(name)", expected: "shape \(shape)",
        hint: "the checkpoint does not fit its config.json")
    }
    guard info.shape == shape else {
      throw UpcycleError(
        "tensor has another shape than the config asks for", at: "\(files[entry.file].url.path): \(entry.stored)", expected: "\(shape)",
        found: "\(info.shape)")
    }
    return (files[entry.file], entry.stored)
  }

  /// Reads a float tensor of exactly this shape as float32 into `output`.
  public func read(_ name: String, shape: [Int], into output: UnsafeMutablePointer<Float>) throws {
    let entry = try entry(name, shape: shape)
    try entry.file.readFloats(entry.stored, into: output)
  }

  /// Reads a float tensor of exactly this shape as float32.
  public func readFloats(_ name: String, shape: [Int]) throws -> [Float] {
    let entry = try entry(name, shape: shape)
    return try entry.file.readFloats(entry.stored)
  }

  /// Reads an integer tensor.
  public func readIntegers(_ name: String) throws -> [Int] {
    guard let entry = entries[name] else { throw UpcycleError("tensor is missing", at: "\(folder.path): \(name)") }
    return try files[entry.file].readIntegers(entry.stored)
  }
}
