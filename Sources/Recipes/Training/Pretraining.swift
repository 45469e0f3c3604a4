import Distillation
import Foundation
import Groundwork
import ModelCore
import Published
import TensorCore
import TokenData
import Worlds

/// Pretrains a ladder model on the microworld from random weights: half pretraining mixture, half
/// instruction mixture, so that the result stands for an instruction-tuned base model. Or goes on from a pretrained
/// one with long documents, so that it stands for a long-context model.
public struct Pretraining: Sendable {
  /// The model's shape; with `start` or `shape` only a name.
  public var preset: String
  /// A shape that is no preset's, such as a hybrid's.
  public var shape: ModelConfig?
  /// A model to go on from, and the mixture that it reads.
  public var start: URL?
  /// Of the text that it goes on with.
  public var mixture = MicroworldCorpus.Mixture.long
  /// Of the mixture, score only tokens that can be copied from earlier in their window.
  public var onlyRepeats = false
  /// The rotary base of the model that goes on; nil: as it is.
  public var ropeTheta: Double?
  /// Of weights and batches.
  public var seed: UInt64
  /// Tokens to train on.
  public var tokens: Int
  /// Sequences per step.
  public var batch: Int
  /// Tokens per sequence.
  public var time: Int
  /// The schedule's peak.
  public var learningRate: Double
  /// Where all layers of a model with experts read the residual (FarSkip's comparison from scratch).
  public var connectivity = Connectivity.standard
  /// Rows of every batch that come from a mixture of instructions (of which everything is scored), and which.
  public var instructionRows: Int
  /// The mixture of those rows.
  public var instructions = MicroworldCorpus.Mixture.instruction

  /// - Parameter instructionRows: by default half of the batch, or none with `start`.
  public init(
    preset: String, start: URL? = nil, seed: UInt64 = 1, tokens: Int = 8_000_000, batch: Int = 8, time: Int = 512,
    learningRate: Double = 3e-3, instructionRows: Int? = nil
  ) {
    self.preset = preset
    self.start = start
    self.seed = seed
    self.tokens = tokens
    self.batch = batch
    self.time = time
    self.learningRate = learningRate
    self.instructionRows = instructionRows ?? (start == nil ? batch / 2 : 0)
  }

  /// Models with experts keep their load even while they learn.
  public var plan: TrainingPlan {
    let config = shape ?? (start == nil ? try? ModelConfig.preset(preset) : try? ModelConfig(contentsOf: start!))
    return TrainingPlan(
      tokens: tokens, batch: batch, time: time, learningRate: learningRate, warmup: 0.03, floor: 0.05,
      optimizer: .init(beta1: 0.9, beta2: 0.95, weightDecay: 0.1), seed: seed,
      balance: config?.experts == nil ? nil : ExpertBalance())
  }

  /// Trains in `folder` (resumable) and leaves the model there as bfloat16 with its tokenizer. `report`: instead of the
  /// progress line; `ranks` share every batch.
  public func run(
    in folder: URL, force: Bool = false, on ranks: any TrainingRanks = SingleRank(), text: MicroworldText,
    tokenizer: Tokenizer, quiet: Bool = false,
    report: ((Trainer.StepMetrics, Double) -> Void)? = nil, shouldStop: () -> Bool = { false }
  ) throws {
    if let start, try Tokenizer.load(from: start).fingerprint != tokenizer.fingerprint {
      throw UpcycleError.usage(
        "has another tokenizer than the text", field: "from", expected: "a model of the microworld's tokenizer",
        found: start.path)
    }
    // One pass over each mixture.
    let mixtures = [(start == nil ? .pretraining : mixture, batch - instructionRows), (instructions, instructionRows)]
    let parts = try ranks.inTurn {
      try mixtures.filter { $0.1 > 0 }.map { mixture, rows in
        (
          shards: try text.shards(
            mixture, tokens: max(time, tokens * rows / batch), tokenizer: tokenizer, quiet: quiet),
          rows: rows
        )
      }
    }
    let directory = RunDirectory(folder, force: force)
    let plan = self.plan.dealt(to: ranks.size)
    let wiring = connectivity == .standard ? "" : ", \(connectivity.rawValue)"
    let identity = try ranks.agreeing {
      RunIdentity(
        student: try start.map { start in
          try ranks.fromFirst { try modelIdentity(start) } + (ropeTheta.map { ", rotary base \($0)" } ?? "")
        }
          ?? "\(preset), random weights of seed \(seed)\(wiring)", teacher: nil,
        data: parts.map(\.shards.identity).joined(separator: "; ") + (onlyRepeats ? "; only repeats" : ""), on: ranks)
    }
    try directory.complete(
      plan: plan, identity: identity, tokenizer: tokenizer, type: .bfloat16, ranks: ranks, recall: {}
    ) {
      let trainer = try ranks.agreeing {
        var batches: any BatchSource = try ShardBatches(mixing: parts, time: time, seed: seed)
        if onlyRepeats { batches = ScoredBatches.repeats(batches, time: time, rows: batch - instructionRows) }
        return try Trainer(student: try startingModel(tokenizer, on: ranks), batches: batches, plan: plan, ranks: ranks)
      }
      try trainer.run(
        in: directory, identity: identity, report: report ?? stepReport("pretrain \(preset)", plan, quiet: quiet),
        shouldStop: shouldStop)
      return (trainer.student, ())
    }
  }

  private func startingModel(_ tokenizer: Tokenizer, on ranks: any TrainingRanks) throws -> LanguageModel {
    let config = try config(tokenizer)
    guard let start else { return try LanguageModel(config, seed: seed) }
    return try ranks.load(config, from: start)
  }

  /// Of the model that trains.
  public func config(_ tokenizer: Tokenizer) throws -> ModelConfig {
    if let start {
      var config = try ModelConfig(contentsOf: start)
      config.maxPosition = max(time, config.maxPosition)
      if let ropeTheta { config.rope.theta = ropeTheta }
      return config
    }
    var config = try shape ?? ModelConfig.preset(preset)
    config.vocabularySize = tokenizer.vocabularySize
    config.bosTokenId = tokenizer.bos.map(Int.init)
    config.eosTokenIds = tokenizer.eos.map { [Int($0)] } ?? []
    if connectivity != .standard { config = try config.connecting(Array(0..<config.layerCount), as: connectivity) }
    return config
  }
}

/// The progress line of a training run: loss, KL, learning rate, tokens per second, ETA.
public func stepReport(_ label: String, _ plan: TrainingPlan, quiet: Bool) -> (Trainer.StepMetrics, Double) -> Void {
  progressReport("\(label) step", plan, quiet: quiet) { stepDetail($0, plan, $1) }
}

/// The progress line of a teacher whose states are recorded before a training: steps.
public func teacherReport(_ plan: TrainingPlan, quiet: Bool) -> (Int) -> Void {
  let progress = ProgressLine("teacher states", total: plan.steps, quiet: quiet)
  return {
    progress.update($0, "steps")
    if $0 == plan.steps { progress.finish("of \(formatCount(plan.steps)) steps") }
  }
}

func stepDetail(_ metrics: Trainer.StepMetrics, _ plan: TrainingPlan, _ rate: Double) -> String {
  let divergence = plan.klWeight > 0 ? "  kl " + formatDecimal(metrics.divergence, 3) : ""
  return String(format: "loss %.3f", metrics.crossEntropy) + divergence
    + (metrics.balance.map { String(format: "  balance %.2f", $0) } ?? "")
    + String(format: "  lr %.1e  ", metrics.rate) + "\(formatCount(Int(rate))) tok/s"
}
