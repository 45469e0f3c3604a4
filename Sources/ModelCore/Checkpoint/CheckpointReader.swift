import Foundation
import Groundwork
import TensorCore

/// The weights of a model folder: one `model.safetensors`, or shards listed by `model.safetensors.index.json`.
///
/// Tensors are asked for by name and shape; whoever builds the model compares `names` with what it asked for.
public final class CheckpointReader: WeightSource {
  /// The file of weights that are not split.
  public static let singleName = "model.safetensors"
  /// The file that says which shard holds which tensor.
  public static let indexName = "model.safetensors.index.json"

  /// Where it reads.
  public let folder: URL
  private var files: [SafetensorsFile] = []
  private var fileOfTensor: [String: Int] = [:]

  /// Opens the headers of all files; values are mapped, not read.
  /// - Throws: failures that name the file and what is wrong with it
  public init(_ folder: URL) throws {
    self.folder = folder
    let index = folder.appendingPathComponent(Self.indexName)
    if FileManager.default.fileExists(atPath: index.path) {
      try open(index: index)
    } else {
      let file = try SafetensorsFile(folder.appendingPathComponent(Self.singleName))
      files = [file]
      for name in file.names { fileOfTensor[name] = 0 }
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
          "bad shard name in \"weight_map\"", at: "\(index.path): \(shown(tensor))",
          expected: "a file beside the index",
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
        throw UpcycleError(
          "the index names a tensor that its shard does not hold", at: "\(files[number].url.path): \(shown(tensor))")
      }
      fileOfTensor[tensor] = number
    }
  }

  /// The files in the folder that hold the weights, the index among them.
  public var fileNames: [String] {
    let shards = files.map(\.url.lastPathComponent)
    return shards == [Self.singleName] ? shards : [Self.indexName] + shards
  }

  /// Every tensor of every file.
  public var names: Set<String>? { Set(fileOfTensor.keys) }

  /// Type, shape and place of a tensor; nil for an unknown one.
  public func info(_ name: String) -> TensorInfo? { fileOfTensor[name].flatMap { files[$0].info(name) } }

  private func file(_ name: String, shape: [Int]) throws -> SafetensorsFile {
    guard let number = fileOfTensor[name], let info = files[number].info(name) else {
      throw UpcycleError(
        "tensor is missing", at: "\(folder.path): \(name)", expected: "shape \(shape)",
        hint: "the checkpoint does not fit its config.json")
    }
    guard info.shape == shape else {
      throw UpcycleError(
        "tensor has another shape than the config asks for", at: "\(files[number].url.path): \(name)",
        expected: "\(shape)",
        found: "\(info.shape)")
    }
    return files[number]
  }

  /// Throws where the tensor is missing or has another shape.
  public func check(_ tensor: TensorSpec) throws { _ = try file(tensor.name, shape: tensor.shape) }

  /// Reads the float tensor of this name, of exactly this shape, as float32.
  public func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    try file(tensor.name, shape: tensor.shape).readFloats(tensor.name, into: destination)
  }

  /// The matrix of this name, of exactly this shape, in the mapped file.
  public func stored(_ tensor: TensorSpec) throws -> WeightMatrix? {
    try file(tensor.name, shape: tensor.shape).storedMatrix(tensor.name)
  }

  /// Reads a float tensor of exactly this shape as float32.
  public func readFloats(_ name: String, shape: [Int]) throws -> [Float] {
    try file(name, shape: shape).readFloats(name)
  }

  /// Reads an integer tensor.
  public func readIntegers(_ name: String) throws -> [Int] {
    guard let number = fileOfTensor[name] else {
      throw UpcycleError("tensor is missing", at: "\(folder.path): \(name)")
    }
    return try files[number].readIntegers(name)
  }
}
