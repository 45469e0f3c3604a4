import Distillation
import Evaluation
import Foundation
import Groundwork
import ModelCore
import TokenData

/// Batches of one or several shard sets: each takes a fixed number of a batch's rows.
public final class ShardBatches: BatchSource {
  private let loaders: [BatchLoader]

  /// One source fills the batch.
  public init(_ shards: TokenShards, batch: Int, time: Int, seed: UInt64) throws {
    loaders = [try BatchLoader(shards, batchSize: batch, sequenceLength: time, seed: seed)]
  }

  /// `parts`: shards and their rows in every batch.
  public init(mixing parts: [(shards: TokenShards, rows: Int)], time: Int, seed: UInt64) throws {
    loaders = try parts.filter { $0.rows > 0 }.map {
      try BatchLoader($0.shards, batchSize: $0.rows, sequenceLength: time, seed: seed)
    }
  }

  /// Rows of all sources, in their order.
  public func batch(step: Int) throws -> (ids: [Int32], targets: [Int32]) {
    if loaders.count == 1 {
      let batch = try loaders[0].batch(step: step)
      return (batch.inputs, batch.targets)
    }
    var ids: [Int32] = []
    var targets: [Int32] = []
    for loader in loaders {
      let part = try loader.batch(step: step)
      ids += part.inputs
      targets += part.targets
    }
    return (ids, targets)
  }
}

/// What shards hold, for a run's identity.
extension TokenShards {
  /// Number of tokens and hash of the shards.
  public var identity: String {
    "\(manifest.tokens) tokens \(sha256(manifest.shards.map(\.sha256).joined()).prefix(16))"
  }
}

extension TokenShards {
  /// Refuses text that models cannot train on: packed with another tokenizer than theirs, or with ids that an embedding has no
  /// rows for, which a training reads and writes unchecked.
  /// - Parameters:
  ///   - tokenizer: the student's
  ///   - teacher: that reads the same text; one without a tokenizer of its own is asked for its rows alone
  func require(_ tokenizer: Tokenizer, of student: URL, _ teacher: URL? = nil) throws {
    try require(tokenizer)
    try requireMatch(ModelConfig(contentsOf: student), tokenizer, at: student.path)
    guard let teacher else { return }
    let (own, other) = try (
      ModelConfig(contentsOf: student).vocabularySize, ModelConfig(contentsOf: teacher).vocabularySize
    )
    let hasTokenizer = Tokenizer.isPresent(in: teacher)
    // Models of one tokenizer may be padded to different sizes; without it nothing says that these are.
    let most = hasTokenizer ? Int.max : own
    if !(tokenizer.vocabularySize...most).contains(other) {
      throw UpcycleError.usage(
        "the teacher has another vocabulary than the student", at: teacher.path,
        expected: "\(tokenizer.vocabularySize) tokens", found: "\(other)",
        hint: "distillation compares predictions token by token")
    }
    if !hasTokenizer { return }
    if try Tokenizer.load(from: teacher).fingerprint != tokenizer.fingerprint {
      throw UpcycleError.usage(
        "the teacher has another tokenizer than the student", at: teacher.path,
        hint: "distillation compares predictions token by token")
    }
  }
}
