import Distillation
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TokenData
import Upcycling

/// The first stage of Zebra-Llama: every attention layer of a base becomes one other mixer, and every layer learns
/// the base's output from the base's input (ILD). A base folder in, a model folder out, resumable.
public struct IntermediateDistilling {
  /// What takes attention's place, and how it starts.
  public enum Replacement: Codable, Equatable, Sendable {
    case mamba2(MambaConversion)
    case latentAttention(LatentConversion)
    case gatedDeltaNet(DeltaConversion)

    /// The base with other mixers, before any training.
    public func start(_ base: LanguageModel) throws -> LanguageModel {
      switch self {
      case .mamba2(let conversion): return try convert(base: base, conversion)
      case .latentAttention(let conversion): return try convert(base: base, conversion).model
      case .gatedDeltaNet(let conversion): return try convert(base: base, conversion)
      }
    }

    /// The shape that `start` makes; refuses what cannot be done to this base.
    public func config(base: ModelConfig) throws -> ModelConfig {
      switch self {
      case .mamba2(let conversion): return try base.withMamba2(layers: conversion.validate(base: base))
      case .latentAttention(let conversion): return try conversion.config(base: base)
      case .gatedDeltaNet(let conversion): return try conversion.config(base: base)
      }
    }

    /// The same replacement with another seed of what starts at random.
    func seeded(_ seed: UInt64) -> Replacement {
      switch self {
      case .mamba2(var conversion):
        conversion.seed = seed
        return .mamba2(conversion)
      case .latentAttention(var conversion):
        conversion.seed = seed
        return .latentAttention(conversion)
      case .gatedDeltaNet(var conversion):
        conversion.seed = seed
        return .gatedDeltaNet(conversion)
      }
    }

    /// Writes the start as a model folder; returns its layers' errors on held-out text.
    func save(base: URL, to folder: URL, heldOut: TokenShards) throws -> [Double] {
      let baseModel = try LanguageModel(folder: base)
      let student = try start(baseModel)
      let plan = IntermediatePlan(tokens: IntermediatePlan(tokens: 0).batch * IntermediatePlan(tokens: 0).time)
      let trainer = try IntermediateTrainer(
        student: student, base: baseModel, batches: ShardBatches(heldOut, batch: plan.batch, time: plan.time, seed: 0),
        plan: plan)
      let errors = trainer.layerErrors(try errorWindows(heldOut, plan.time))
      try Tokenizer.load(from: base).save(to: folder)
      try student.save(to: folder)
      return errors
    }
  }

  /// Folder of an attention-only model.
  public var base: URL
  /// What takes attention's place.
  public var replacement: Replacement
  /// Text to train on.
  public var data: TokenShards
  /// Text for the layers' errors before and after; nil: not measured.
  public var heldOut: TokenShards?
  /// No tokens: the replacement as it starts.
  public var plan: IntermediatePlan
  /// Type of the finished model's numbers.
  public var type = ElementType.float32

  public init(
    base: URL, replacement: Replacement, data: TokenShards, heldOut: TokenShards? = nil, plan: IntermediatePlan
  ) {
    self.base = base
    self.replacement = replacement
    self.data = data
    self.heldOut = heldOut
    self.plan = plan
  }

  /// Relative error of every layer on held-out text, fed with the base's input; empty without such text.
  public struct Outcome: Codable, Sendable {
    /// By layer, at the start.
    public var before: [Double] = []
    /// By layer, at the end.
    public var after: [Double] = []
  }

  /// Trains in `folder` and leaves the model there with its tokenizer.
  @discardableResult
  public func run(
    in folder: URL, saveEvery: Double = 60, report: (IntermediateTrainer.StepMetrics, Double) -> Void = { _, _ in },
    shouldStop: () -> Bool = { false }
  ) throws -> Outcome {
    let directory = RunDirectory(folder)
    let tokenizer = try Tokenizer.load(from: base)
    try data.require(tokenizer)
    try heldOut?.require(tokenizer)
    let identity = RunIdentity(
      student: try jsonText(replacement), teacher: try modelIdentity(base),
      data: data.identity, threads: Threads.count,
      heldOut: heldOut?.identity)
    let outcomeFile = directory.run.appendingPathComponent("layers.json")
    return try directory.complete(plan: plan, identity: identity, tokenizer: tokenizer, type: type) {
      try decodeJSON(Outcome.self, contentsOf: outcomeFile)
    } train: {
      let baseModel = try LanguageModel(folder: base)
      let student = try replacement.start(baseModel)
      let trainer = try IntermediateTrainer(
        student: student, base: baseModel,
        batches: ShardBatches(data, batch: plan.batch, time: plan.time, seed: plan.seed), plan: plan)
      let windows = try heldOut.map { try errorWindows($0, plan.time) }
      var outcome = Outcome()
      if let windows { outcome.before = trainer.layerErrors(windows) }
      try trainer.run(
        in: directory, identity: identity, saveEvery: saveEvery, report: report, shouldStop: shouldStop)
      if let windows { outcome.after = trainer.layerErrors(windows) }
      try writeFile(jsonText(outcome), to: outcomeFile)
      return (student, outcome)
    }
  }
}

/// The first windows of held-out text, at most 32.
private func errorWindows(_ shards: TokenShards, _ time: Int) throws -> [[Int32]] {
  try (0..<min(32, max(1, shards.count / time))).map { try shards.read($0 * time..<($0 + 1) * time) }
}

func intermediateDetail(_ metrics: IntermediateTrainer.StepMetrics, _ rate: Double) -> String {
  String(format: "loss %.4f  lr %.1e  %@ tok/s", metrics.loss, metrics.rate, formatCount(Int(rate)))
}

/// The progress line of an ILD run: loss summed over layers, rate, ETA.
public func intermediateReport(_ plan: IntermediatePlan, label: String = "ild step", quiet: Bool) -> (
  IntermediateTrainer.StepMetrics, Double
) -> Void {
  var progress: ProgressLine?
  return { metrics, rate in
    let line = progress ?? ProgressLine(label, total: plan.steps, startingAt: metrics.step - 1, quiet: quiet)
    progress = line
    line.update(metrics.step, intermediateDetail(metrics, rate))
    if metrics.step == plan.steps { line.finish("\(formatCount(plan.steps * plan.batch * plan.time)) tokens") }
  }
}
