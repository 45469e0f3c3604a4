import Distillation
import Foundation
import Groundwork
import ModelCore
import TokenData
import Upcycling

/// MOHAWK (Bick et al. 2024, arXiv 2408.10189), by which Llamba (arXiv 2502.14458) became pure Mamba2: every attention
/// layer becomes Mamba2, whose mixing matrices learn attention's, then its outputs the mixer's, each layer on the base's
/// own input; at last the whole model follows a teacher. A base folder in, a model folder out, resumable.
public struct MohawkDistilling {
  /// Folder of an attention-only model.
  public var base: URL
  /// Folder of the model that the last stage follows: the paper's is the base.
  public var teacher: URL
  /// How attention becomes Mamba2.
  public var conversion: MambaConversion
  /// Text that all stages train on.
  public var data: TokenShards
  /// Text for the layers' errors and the held-out loss; nil: not measured.
  public var heldOut: TokenShards?
  /// Of the three stages.
  public var plans: Plans
  /// Holds what the first two stages leave, as `matrices` and `mixers`.
  public var work: URL
  /// Type of the finished model's numbers.
  public var type = ElementType.float32

  /// - Parameters:
  ///   - teacher: nil: the base
  ///   - heldOut: nil: nothing is measured on the way
  ///   - work: holds what the first two stages leave
  public init(
    base: URL, teacher: URL? = nil, conversion: MambaConversion = MambaConversion(), data: TokenShards,
    heldOut: TokenShards? = nil, plans: Plans, work: URL
  ) {
    self.base = base
    self.teacher = teacher ?? base
    self.conversion = conversion
    self.data = data
    self.heldOut = heldOut
    self.plans = plans
    self.work = work
  }

  /// Everything that decides the numbers, stage by stage.
  public struct Plans: Sendable {
    /// Mixing matrices, mixers alone.
    public var matrices: IntermediatePlan
    /// Mixer outputs, mixers alone.
    public var mixers: IntermediatePlan
    /// KL, everything.
    public var distillation: TrainingPlan

    /// 225 M, 2.025 B and 3.75 B of 6 B tokens, in percent: as Zebra-Llama's paper trains Llamba (its Table 16).
    public static let publishedShares = [3.75, 33.75, 62.5]

    /// - Parameters:
    ///   - tokens: of all stages together
    ///   - shares: of the three stages, positive; only their ratios count
    ///   - layerRate: peak learning rate of the first two
    ///   - rate: of the last
    /// - Throws: usage errors for values out of range, and for a stage without a step
    public init(
      tokens: Int, shares: [Double] = publishedShares, batch: Int = 8, time: Int = 256, layerRate: Double = 2e-3,
      rate: Double = 1e-3, warmup: Double = 0.01, seed: UInt64 = 1
    ) throws {
      let counts = try tokensOfStages(tokens, shares: shares, count: 3, such: "4,34,62", batch: batch, time: time)
      func layers(_ tokens: Int, _ loss: IntermediatePlan.Loss) -> IntermediatePlan {
        IntermediatePlan(
          tokens: tokens, batch: batch, time: time, learningRate: layerRate, warmup: warmup, loss: loss,
          trained: .mixers, seed: seed)
      }
      matrices = layers(counts[0], .matrices)
      mixers = layers(counts[1], .mixers)
      distillation = TrainingPlan(
        tokens: counts[2], batch: batch, time: time, learningRate: rate, warmup: warmup, ceWeight: 0, klWeight: 1,
        seed: seed)
    }

    /// The same for ranks that share every batch.
    /// - Throws: usage errors that name the field out of range
    public func dealt(to ranks: Int) throws -> Plans {
      var dealt = self
      dealt.distillation = distillation.dealt(to: ranks)
      for plan in [matrices, mixers] { try plan.validate(ranks: ranks) }
      try dealt.distillation.validate(ranks: ranks)
      return dealt
    }
  }

  /// What was measured on the way.
  public struct Outcome: Codable, Sendable {
    /// The layers' errors around the first stage.
    public var matrices: IntermediateDistilling.Outcome
    /// Around the second.
    public var mixers: IntermediateDistilling.Outcome
    /// Held-out loss by training tokens of the last.
    public var heldOut: Distilling.Curve
  }

  /// Refuses before the first stage what the last could not do.
  private func check(out: URL, force: Bool) throws {
    _ = try conversion.config(base: ModelConfig(contentsOf: base))
    try checkChain(
      base: base, teacher: teacher, out: out, plan: plans.distillation, type, force: force, work: work)
  }

  /// Trains what is not trained yet and leaves the model in `folder`.
  /// - Parameters:
  ///   - ranks: that share every batch
  ///   - report: the progress of a layerwise stage by its name
  ///   - reportLast: that of the last one
  @discardableResult
  public func run(
    in folder: URL, force: Bool = false, on ranks: any TrainingRanks = SingleRank(), saveEvery: Double = 60,
    report: (String, IntermediatePlan) -> (IntermediateTrainer.StepMetrics, Double) -> Void = { _, _ in { _, _ in } },
    reportLast: (Trainer.StepMetrics, Double) -> Void = { _, _ in }, shouldStop: () -> Bool = { false }
  ) throws -> Outcome {
    try ranks.agreeing { try check(out: folder, force: force) }
    func stage(_ name: String, _ plan: IntermediatePlan, _ student: IntermediateDistilling.Student) throws -> (
      folder: URL, outcome: IntermediateDistilling.Outcome
    ) {
      let place = work.appendingPathComponent(name)
      let recipe = IntermediateDistilling(base: base, student: student, data: data, heldOut: heldOut, plan: plan)
      return (
        place,
        try recipe.run(
          in: place, force: force, on: ranks, saveEvery: saveEvery, report: report(name, plan), shouldStop: shouldStop)
      )
    }
    let oriented = try stage("matrices", plans.matrices, .replacing(conversion))
    let aligned = try stage("mixers", plans.mixers, .model(oriented.folder))
    var last = Distilling(
      student: aligned.folder, teacher: teacher, data: data, heldOut: heldOut, plan: plans.distillation)
    last.type = type
    let curve = try last.run(
      in: folder, force: force, on: ranks, saveEvery: saveEvery, report: reportLast, shouldStop: shouldStop)
    return Outcome(matrices: oriented.outcome, mixers: aligned.outcome, heldOut: curve)
  }
}
