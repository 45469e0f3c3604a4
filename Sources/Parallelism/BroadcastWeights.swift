import Collectives
import Foundation
import Groundwork
import ModelCore

/// A checkpoint that the first rank reads and hands out, tensor by tensor: a file system serves one reader however many
/// ranks there are, and the others need no copy of it.
struct BroadcastWeights: WeightSource {
  private let ranks: any Communicator
  /// Of the first rank.
  private let source: CheckpointReader?

  /// Refuses what the checkpoint lacks before any rank takes memory for it.
  init(_ folder: URL, of config: ModelConfig, on ranks: any Communicator) throws {
    self.ranks = ranks
    source = try ranks.agreeing {
      guard ranks.rank == 0 else { return nil }
      let reader = try CheckpointReader(folder)
      try config.tensors.forEach(reader.check)
      return reader
    }
  }

  var names: Set<String>? { source?.names }

  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    try ranks.agreeing { try source?.read(tensor, into: destination) }
    let owned = (0..<ranks.size).map { $0 == 0 ? 0..<tensor.count : tensor.count..<tensor.count }
    try ranks.gather(destination, owned: owned)
  }
}

extension Communicator {
  /// A model whose weights the first rank reads for all.
  /// - Parameter folder: its checkpoint, which only the first rank must find
  public func load(_ config: ModelConfig, from folder: URL) throws -> LanguageModel {
    try requireSame(String(sha256(config.json.text()).prefix(16)), "checkpoint (config.json)", field: "model")
    let weights = try BroadcastWeights(folder, of: config, on: self)
    return try agreeing { try LanguageModel(config, weights: weights, file: folder.path) }
  }
}
