import Foundation
import Groundwork
import TensorCore

/// The tensors of a model folder as a weight source.
public final class CheckpointWeights: WeightSource {
  private let reader: CheckpointReader

  public init(_ folder: URL) throws { reader = try CheckpointReader(folder) }

  public var names: Set<String>? { Set(reader.names) }

  public func read(_ name: String, shape: [Int], into destination: UnsafeMutablePointer<Float>) throws {
    try reader.readFloats(name, shape: shape, into: destination)
  }
}

/// A model folder: config.json, model.safetensors (or shards with an index), usually tokenizer.json.
extension LanguageModel {
  /// Loads a folder; every tensor must be there in the shape the config asks for, and no other.
  public convenience init(folder: URL) throws {
    let config = try ModelConfig(contentsOf: folder.appendingPathComponent("config.json"))
    try self.init(config, weights: CheckpointWeights(folder), file: folder.path)
  }

  /// Random weights of a seed.
  public convenience init(_ config: ModelConfig, seed: UInt64) throws {
    try self.init(config, weights: RandomWeights(seed: seed, layers: config.layerCount))
  }

  /// Writes weights, then config.json: a folder with a config is whole. Files appear one by one, each complete.
  public func save(to folder: URL, type: ElementType = .float32) throws {
    try makeDirectory(folder)
    let writer = try CheckpointWriter(folder, tensors: config.tensors, type: type)
    for spec in config.tensors {
      guard let parameter = parameters[spec.name] else {
        preconditionFailure("no parameter named \(spec.name)")
      }
      try writer.write(spec.name, UnsafeBufferPointer(start: parameter.value.pointer, count: parameter.value.count))
    }
    try writer.commit()
    try config.save(to: folder)
  }
}
