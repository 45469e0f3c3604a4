import Foundation
import Groundwork
import TensorCore

/// A model folder: config.json, model.safetensors (or shards with an index), usually tokenizer.json.
extension LanguageModel {
  /// Loads a folder; every tensor must be there in the shape the config asks for, and no other.
  public convenience init(folder: URL, storage: WeightStorage = .float32) throws {
    try self.init(
      ModelConfig(contentsOf: folder), weights: CheckpointReader(folder), storage: storage, file: folder.path)
  }

  /// Random weights of a seed.
  public convenience init(_ config: ModelConfig, seed: UInt64) throws {
    try self.init(config, weights: RandomWeights(seed: seed, layers: config.layerCount))
  }

  /// Writes weights, then config.json: a folder with a config is whole. Files appear one by one, each complete.
  public func save(to folder: URL, type: ElementType = .float32, shardBytes: Int = 5_000_000_000) throws {
    try makeDirectory(folder)
    let writer = try CheckpointWriter(folder, tensors: config.tensors, type: type, shardBytes: shardBytes)
    let byName = Dictionary(uniqueKeysWithValues: parameters.parameters.map { ($0.name, $0) })
    for spec in config.tensors {
      guard let parameter = byName[spec.name] else { preconditionFailure("no parameter named \(spec.name)") }
      try writer.write(spec.name, UnsafeBufferPointer(start: parameter.value.pointer, count: parameter.value.count))
    }
    try writer.commit()
    try config.save(to: folder)
  }
}

/// Copies a model from any source into a model folder, one tensor at a time.
/// - Throws: where a tensor holds NaN or infinity, naming it
public func writeModelFolder(
  _ config: ModelConfig, from source: any WeightSource, to folder: URL, type: ElementType = .float32,
  shardBytes: Int = 5_000_000_000
) throws {
  let specs = config.tensors
  let writer = try CheckpointWriter(folder, tensors: specs, type: type, shardBytes: shardBytes)
  let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: specs.map(\.count).max() ?? 0)
  defer { values.deallocate() }
  for spec in specs {
    guard let start = values.baseAddress else { continue }
    // The same bytes as those that are read.
    if !spec.isTransposed, let matrix = try source.stored(spec), matrix.element.storedType == type {
      try source.requireFinite(spec, matrix.hasNonFinite)
      try writer.write(spec.name, matrix)
      continue
    }
    try source.read(spec, into: start)
    try source.requireFinite(spec, hasNonFinite(UnsafeBufferPointer(start: start, count: spec.count)))
    try writer.write(spec.name, UnsafeBufferPointer(start: start, count: spec.count))
  }
  try writer.commit()
  try config.save(to: folder)
}
