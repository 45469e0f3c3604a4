import Distillation
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TokenData

/// Pretrains a ladder model on the microworld from random weights: half pretraining mixture, half
/// instruction mixture, so that the result stands for an instruction-tuned base model.
public struct Pretraining: Codable, Equatable, Sendable {
  public var preset: String
  public var seed: UInt64
  public var tokens: Int
  public var batch: Int
  public var time: Int
  public var learningRate: Double
  /// Rows of every batch that come from the instruction mixture.
  public var instructionRows: Int

  public init(
    preset: String, seed: UInt64 = 1, tokens: Int = 8_000_000, batch: Int = 8, time: Int = 512,
    learningRate: Double = 3e-3, instructionRows: Int? = nil
  ) {
    self.preset = preset
    self.seed = seed
    self.tokens = tokens
    self.batch = batch
    self.time = time
    self.learningRate = learningRate
    self.instructionRows = instructionRows ?? batch / 2
  }

  public var plan: TrainingPlan {
    TrainingPlan(
      tokens: tokens, batch: batch, time: time, learningRate: learningRate, warmup: 0.03, floor: 0.05,
      optimizer: .init(beta1: 0.9, beta2: 0.95, weightDecay: 0.1), seed: seed)
  }

  /// Trains in `folder` (resumable) and leaves the model there as bfloat16 with its tokenizer.
  public func run(
    in folder: URL, text: MicroworldText, tokenizer: Tokenizer, quiet: Bool = false,
    shouldStop: () -> Bool = { false }
  ) throws {
    var config = try ModelConfig.preset(preset)
    config.vocabularySize = tokenizer.vocabularySize
    config.bosTokenId = tokenizer.bos.map(Int.init)
    config.eosTokenIds = tokenizer.eos.map { [Int($0)] } ?? []
    let model = try LanguageModel(config, seed: seed)
    // One pass over each mixture.
    let share = Double(instructionRows) / Double(batch)
    let expository = try text.shards(
      .pretraining, tokens: Int(Double(tokens) * (1 - share)), tokenizer: tokenizer, quiet: quiet)
    let instructive = try text.shards(
      .instruction, tokens: Int(Double(tokens) * share), tokenizer: tokenizer, quiet: quiet)
    let batches = try ShardBatches(
      mixing: [(expository, batch - instructionRows), (instructive, instructionRows)], time: time, seed: seed)
    let trainer = try Trainer(student: model, batches: batches, plan: plan)
    let directory = RunDirectory(folder)
    let identity = RunIdentity(
      student: "\(preset), random weights of seed \(seed)", teacher: nil,
      data: "\(expository.identity); \(instructive.identity)", threads: Threads.count)
    try trainer.run(
      in: directory, identity: identity, report: stepReport("pretrain \(preset)", plan, quiet: quiet),
      shouldStop: shouldStop)
    try tokenizer.save(to: folder)
    try model.save(to: folder, type: .bfloat16)
    try directory.finish()
  }
}

/// The progress line of a training run: loss, KL, learning rate, tokens per second, ETA.
public func stepReport(_ label: String, _ plan: TrainingPlan, quiet: Bool) -> (Trainer.StepMetrics, Double) -> Void {
  var progress: ProgressLine?
  return { metrics, rate in
    let line = progress ?? ProgressLine("\(label) step", total: plan.steps, startingAt: metrics.step - 1, quiet: quiet)
    progress = line
    line.update(metrics.step, stepDetail(metrics, plan, rate))
    if metrics.step == plan.steps { line.finish("\(formatCount(plan.steps * plan.batch * plan.time)) tokens") }
  }
}

func stepDetail(_ metrics: Trainer.StepMetrics, _ plan: TrainingPlan, _ rate: Double) -> String {
  let divergence = plan.klWeight > 0 ? String(format: "  kl %.3f", metrics.divergence) : ""
  return String(format: "loss %.3f", metrics.crossEntropy) + divergence
    + String(format: "  lr %.1e  ", metrics.rate) + "\(formatCount(Int(rate))) tok/s"
}
