import Distillation
import Foundation
import Groundwork
import ModelCore
import TokenData
import Upcycling

/// HALO, by which HypeNet was made (arXiv 2601.22156, section 3): every attention layer gets a Lightning Attention in its place
/// that learns its output; the layers that are missed most stay attention, without positions; the hybrid follows the base.
/// A base folder in, a model folder out, resumable.
///
/// The paper's third stage, fine-tuning on long texts, is any training's.
public struct HALO {
  /// Folder of an attention-only model.
  public var base: URL
  /// Folder of the model that the hybrid follows.
  public var teacher: URL
  /// Layers that keep attention.
  public var count: Int
  /// Windows of 256 tokens, from the beginning of the text, that layers are chosen on.
  public var windows: Int
  /// Text that both stages train on.
  public var data: TokenShards
  /// Text for the held-out loss; nil: not measured.
  public var heldOut: TokenShards?
  /// Of the stages.
  public var plans: Plans
  /// Holds what the stages before the last leave, as `aligned` and `chosen`.
  public var work: URL
  /// Type of the finished model's numbers.
  public var type = ElementType.float32

  /// - Parameters:
  ///   - teacher: nil: the base
  ///   - heldOut: nil: nothing is measured on the way
  ///   - work: holds what the stages before the last leave
  public init(
    base: URL, teacher: URL? = nil, count: Int, windows: Int = 16, data: TokenShards, heldOut: TokenShards? = nil,
    plans: Plans, work: URL
  ) {
    self.base = base
    self.teacher = teacher ?? base
    self.count = count
    self.windows = windows
    self.data = data
    self.heldOut = heldOut
    self.plans = plans
    self.work = work
  }

  /// Everything that decides the numbers, stage by stage.
  public struct Plans: Sendable {
    /// Mixer outputs, mixers alone.
    public var alignment: IntermediatePlan
    /// KL, everything.
    public var distillation: TrainingPlan

    /// As the released code trains: 20,000 steps of four sequences, then as many of twelve.
    public static let publishedShares = [25.0, 75]

    /// - Parameters:
    ///   - tokens: of both stages together
    ///   - shares: of the two stages, positive; only their ratio counts
    ///   - layerRate: peak learning rate of the first
    ///   - rate: of the second
    /// - Throws: usage errors for values out of range, and for a stage without a step
    public init(
      tokens: Int, shares: [Double] = publishedShares, batch: Int = 8, time: Int = 256, layerRate: Double = 2e-3,
      rate: Double = 1e-3, warmup: Double = 0.01, seed: UInt64 = 1
    ) throws {
      let counts = try tokensOfStages(tokens, shares: shares, count: 2, such: "25,75", batch: batch, time: time)
      alignment = IntermediatePlan(
        tokens: counts[0], batch: batch, time: time, learningRate: layerRate, warmup: warmup, loss: .mixers,
        trained: .mixers, seed: seed)
      distillation = TrainingPlan(
        tokens: counts[1], batch: batch, time: time, learningRate: rate, warmup: warmup, ceWeight: 0, klWeight: 1,
        seed: seed)
    }

    /// The same for ranks that share every batch.
    /// - Throws: usage errors that name the field out of range
    public func dealt(to ranks: Int) throws -> Plans {
      var dealt = self
      dealt.distillation = distillation.dealt(to: ranks)
      try alignment.validate(ranks: ranks)
      try dealt.distillation.validate(ranks: ranks)
      return dealt
    }
  }

  /// What was found and measured on the way.
  public struct Outcome: Codable, Sendable {
    /// The layers' errors around the first stage.
    public var alignment: IntermediateDistilling.Outcome
    /// KL of the base without each layer, nats per token.
    public var losses: [Double]
    /// That keep attention.
    public var attentionLayers: [Int]
    /// Held-out loss by training tokens of the last stage.
    public var heldOut: Distilling.Curve
  }

  /// Refuses before the first stage what a later one could not do.
  private func check(out: URL, force: Bool) throws {
    let config = try ModelConfig(contentsOf: base)
    let linear = try LightningConversion().config(base: config)
    guard (1..<config.layerCount).contains(count) else {
      throw UpcycleError.usage(
        "is out of range", field: "count", expected: "1...\(config.layerCount - 1) of \(config.layerCount) layers",
        found: "\(count)")
    }
    try requireWindows(windows)
    _ = try PositionFreeHybrid(attentionLayers: [0]).config(base: config, linear: linear)
    try checkChain(
      base: base, teacher: teacher, out: out, plan: plans.distillation, type, force: force, work: work)
  }

  /// Trains what is not trained yet and leaves the model in `folder`.
  /// - Parameters:
  ///   - ranks: that share every batch
  ///   - reportAlignment: the progress of the first stage
  ///   - reportSwaps: (layers measured, layers)
  ///   - report: the progress of the last
  @discardableResult
  public func run(
    in folder: URL, force: Bool = false, on ranks: any TrainingRanks = SingleRank(), saveEvery: Double = 60,
    reportAlignment: (IntermediateTrainer.StepMetrics, Double) -> Void = { _, _ in },
    reportSwaps: (Int, Int) -> Void = { _, _ in },
    report: (Trainer.StepMetrics, Double) -> Void = { _, _ in }, shouldStop: () -> Bool = { false }
  ) throws -> Outcome {
    try ranks.agreeing { try check(out: folder, force: force) }
    let aligned = work.appendingPathComponent("aligned")
    let alignment = try IntermediateDistilling(
      base: base, student: .replacing(LightningConversion(seed: plans.alignment.seed)), data: data, heldOut: heldOut,
      plan: plans.alignment
    ).run(
      in: aligned, force: force, on: ranks, saveEvery: saveEvery, report: reportAlignment, shouldStop: shouldStop)
    let chosen = work.appendingPathComponent("chosen")
    struct Found: Codable {
      var losses: [Double]
      var layers: [Int]
    }
    let found = try ranks.valueFromFirst {
      let found = try SwapSearching(
        base: base, linear: aligned, count: count,
        windows: data.firstWindows(windows, for: ModelConfig(contentsOf: base))
      ).run(to: chosen, report: reportSwaps, shouldStop: shouldStop)
      return Found(losses: found.losses, layers: found.layers)
    }
    var last = Distilling(student: chosen, teacher: teacher, data: data, heldOut: heldOut, plan: plans.distillation)
    last.type = type
    let curve = try last.run(
      in: folder, force: force, on: ranks, saveEvery: saveEvery, report: report, shouldStop: shouldStop)
    return Outcome(alignment: alignment, losses: found.losses, attentionLayers: found.layers, heldOut: curve)
  }
}
