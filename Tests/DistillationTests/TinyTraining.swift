import Distillation
import Foundation
import Groundwork
import ModelCore
import TestKit

/// A model of 2 layers and 13 tokens, and batches that depend on the step alone.
enum TinyTraining {
  static let vocabulary = 13

  static func config(vocabulary: Int = vocabulary) -> ModelConfig {
    ModelConfig(
      hiddenSize: 16, layerCount: 2, attentionHeads: 4, keyValueHeads: 2, headDim: 4, intermediateSize: 24,
      vocabularySize: vocabulary, tieWordEmbeddings: true)
  }

  static func model(seed: UInt64 = 1, _ config: ModelConfig = config(), deviation: Double = 0.2) throws -> LanguageModel
  {
    try LanguageModel(config, weights: RandomWeights(seed: seed, deviation: deviation, layers: config.layerCount))
  }

  static func plan(steps: Int = 10, batch: Int = 4, time: Int = 8, _ change: (inout TrainingPlan) -> Void = { _ in })
    -> TrainingPlan
  {
    var plan = TrainingPlan(
      tokens: steps * batch * time, batch: batch, time: time, learningRate: 0.01, warmup: 0.2,
      optimizer: .init(weightDecay: 0.1), clip: 1)
    change(&plan)
    return plan
  }

  static let identity = RunIdentity(student: "tiny", teacher: nil, data: "random ids", threads: 2)

  /// A run in `folder`, of a fresh model each time, as a process that starts anew.
  static func trainer(
    _ plan: TrainingPlan, seed: UInt64 = 1, teacher: LanguageModel? = nil, batches: (any BatchSource)? = nil
  ) throws -> Trainer {
    try Trainer(
      student: model(seed: seed), teacher: teacher, batches: batches ?? RandomBatches(plan.batch, plan.time), plan: plan
    )
  }
}

final class RandomBatches: BatchSource {
  private let batch: Int
  private let time: Int
  private let ignored: Bool
  /// Called before a step's batch is handed out.
  var before: (Int) -> Void = { _ in }

  /// - Parameter ignored: every fifth target does not count.
  init(_ batch: Int, _ time: Int, ignored: Bool = false) {
    self.batch = batch
    self.time = time
    self.ignored = ignored
  }

  func batch(step: Int) -> (ids: [Int32], targets: [Int32]) {
    before(step)
    let ids = randomIds(batch * time, vocabulary: TinyTraining.vocabulary, seed: UInt64(step) + 100)
    let targets = randomIds(batch * time, vocabulary: TinyTraining.vocabulary, seed: UInt64(step) + 9000)
    return (ids, targets.enumerated().map { ignored && $0.offset % 5 == 3 ? -1 : $0.element })
  }
}

/// The same ids at every step, repeated `copies` times along the batch.
final class FixedBatches: BatchSource {
  private let ids: [Int32]
  private let targets: [Int32]

  init(_ count: Int, copies: Int = 1) {
    ids = Array(repeatElement(randomIds(count, vocabulary: TinyTraining.vocabulary), count: copies).joined())
    targets = Array(
      repeatElement(randomIds(count, vocabulary: TinyTraining.vocabulary, seed: 2), count: copies).joined())
  }

  func batch(step: Int) -> (ids: [Int32], targets: [Int32]) { (ids, targets) }
}
