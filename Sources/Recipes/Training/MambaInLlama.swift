import Distillation
import Foundation
import Groundwork
import ModelCore
import TokenData
import Upcycling

/// MambaInLlama (Wang et al. 2024, arXiv 2408.15237): attention layers become Mamba2 round by round, and in each round the model
/// follows a teacher (KL alone; the authors' staged recipe adds cross-entropy on the teacher's texts), at first with frozen
/// feed-forwards, then whole. A base folder in, a model folder out, resumable. Its preference training is `Preferring`.
public struct MambaInLlama {
  /// Folder of an attention-only model.
  public var base: URL
  /// Folder of the model that is followed.
  public var teacher: URL
  /// Layers that become Mamba2 in each round.
  public var rounds: [[Int]]
  /// Where the new projections come from.
  public var start: MixerStart
  /// Text that all stages train on.
  public var data: TokenShards
  /// Text for the held-out loss; nil: not measured.
  public var heldOut: TokenShards?
  /// Of the rounds.
  public var plans: Plans
  /// Holds what the stages before the last leave: `1-start`, `1-frozen`, `1-whole`, `2-start` ...
  public var work: URL
  /// Type of the finished model's numbers.
  public var type = ElementType.float32

  /// - Parameters:
  ///   - teacher: nil: the base
  ///   - heldOut: nil: nothing is measured on the way
  ///   - work: holds what the stages before the last leave
  public init(
    base: URL, teacher: URL? = nil, rounds: [[Int]], start: MixerStart = .structured, data: TokenShards,
    heldOut: TokenShards? = nil, plans: Plans, work: URL
  ) {
    self.base = base
    self.teacher = teacher ?? base
    self.rounds = rounds
    self.start = start
    self.data = data
    self.heldOut = heldOut
    self.plans = plans
    self.work = work
  }

  /// Rounds that halve the attention layers: each makes Mamba2 of the first, the third ... of those that are left.
  /// - Throws: a usage error of the field `rounds` where they leave a round without a layer
  public static func halving(_ count: Int, layerCount: Int) throws -> [[Int]] {
    let most = layerCount.bitWidth - layerCount.leadingZeroBitCount
    guard (1...max(1, most)).contains(count) else {
      throw UpcycleError.usage(
        "leave a round without an attention layer", field: "rounds", expected: "1 to \(most) for \(layerCount) layers",
        found: "\(count)")
    }
    var left = Array(0..<layerCount)
    return (0..<count).map { _ in
      let taken = left.indices.filter { $0 % 2 == 0 }.map { left[$0] }
      left.removeAll(where: taken.contains)
      return taken
    }
  }

  /// Everything that decides the numbers, round by round.
  public struct Plans: Sendable {
    /// KL, all but the feed-forwards.
    public var frozen: [TrainingPlan]
    /// KL, everything.
    public var whole: [TrainingPlan]

    /// - Parameters:
    ///   - tokens: of all rounds together, which have equal parts
    ///   - shares: of frozen feed-forwards and of the whole model, positive; only their ratio counts
    /// - Throws: usage errors for values out of range, and for a stage without a step
    public init(
      tokens: Int, rounds: Int, shares: [Double] = [50, 50], batch: Int = 8, time: Int = 256, rate: Double = 1e-3,
      warmup: Double = 0.01, seed: UInt64 = 1
    ) throws {
      // Shares of one round: those of several are not for a user's eyes.
      _ = try tokensOfStages(tokens, shares: shares, count: 2, such: "50,50", batch: batch, time: time)
      let counts = try tokensOfStages(
        tokens, shares: (0..<rounds).flatMap { _ in shares }, count: 2 * rounds, such: "50,50", batch: batch, time: time
      )
      let plans = counts.enumerated().map { index, count in
        var plan = TrainingPlan(
          tokens: count, batch: batch, time: time, learningRate: rate, warmup: warmup, ceWeight: 0, klWeight: 1,
          seed: seed)
        plan.freezesFeedForwards = index % 2 == 0 ? true : nil
        return plan
      }
      (frozen, whole) = (
        plans.filter { $0.freezesFeedForwards == true }, plans.filter { $0.freezesFeedForwards == nil }
      )
    }

    /// The same for ranks that share every batch.
    /// - Throws: usage errors that name the field out of range
    public func dealt(to ranks: Int) throws -> Plans {
      var dealt = self
      (dealt.frozen, dealt.whole) = (frozen.map { $0.dealt(to: ranks) }, whole.map { $0.dealt(to: ranks) })
      for plan in dealt.frozen + dealt.whole { try plan.validate(ranks: ranks) }
      return dealt
    }
  }

  /// What was measured on the way.
  public struct Outcome: Codable, Sendable {
    /// That are left.
    public var attentionLayers: [Int]
    /// Held-out loss by training tokens, of both stages of every round.
    public var rounds: [Round]

    /// Of one round.
    public struct Round: Codable, Sendable {
      /// Of the stage with frozen feed-forwards.
      public var frozen: Distilling.Curve
      /// Of the whole model.
      public var whole: Distilling.Curve
    }
  }

  /// Refuses before the first stage what a later one could not do.
  private func check(out: URL, force: Bool) throws {
    let config = try ModelConfig(contentsOf: base)
    let all = rounds.flatMap { $0 }
    guard !all.isEmpty, rounds.allSatisfy({ !$0.isEmpty }), Set(all).count == all.count else {
      throw UpcycleError.usage(
        "are none, or some twice", field: "layers", expected: "layers for every round, each once",
        found: rounds.map { $0.map(String.init).joined(separator: ",") }.joined(separator: "; "))
    }
    guard plans.whole.count == rounds.count else { preconditionFailure("plans of other rounds") }
    // Round by round, as they will be made.
    var model = config
    for layers in rounds { model = try conversion(layers).config(base: model) }
    try checkChain(base: base, teacher: teacher, out: out, plan: plans.whole.last!, type, force: force, work: work)
  }

  private func conversion(_ layers: [Int]) -> MambaConversion {
    MambaConversion(layers: .list(layers), start: start, seed: plans.whole[0].seed)
  }

  /// Trains what is not trained yet and leaves the model in `folder`.
  /// - Parameters:
  ///   - ranks: that share every batch
  ///   - report: the progress of a stage by its name
  @discardableResult
  public func run(
    in folder: URL, force: Bool = false, on ranks: any TrainingRanks = SingleRank(), saveEvery: Double = 60,
    report: (String, TrainingPlan) -> (Trainer.StepMetrics, Double) -> Void = { _, _ in { _, _ in } },
    shouldStop: () -> Bool = { false }
  ) throws -> Outcome {
    try ranks.agreeing { try check(out: folder, force: force) }
    func distil(_ name: String, _ student: URL, _ plan: TrainingPlan, in place: URL) throws -> Distilling.Curve {
      var recipe = Distilling(student: student, teacher: teacher, data: data, heldOut: heldOut, plan: plan)
      if place == folder { recipe.type = type }
      return try recipe.run(
        in: place, force: force, on: ranks, saveEvery: saveEvery, report: report(name, plan), shouldStop: shouldStop)
    }
    var model = base
    var outcome: [Outcome.Round] = []
    for (index, layers) in rounds.enumerated() {
      func place(_ name: String) -> URL { work.appendingPathComponent("\(index + 1)-\(name)") }
      let title = rounds.count == 1 ? "" : "round \(index + 1), "
      try ranks.onFirst {
        let converted = try conversion(layers).converted(LanguageModel(folder: model))
        try writeModel(converted, madeOf: model, to: place("start"))
      }
      let frozen = try distil("\(title)frozen", place("start"), plans.frozen[index], in: place("frozen"))
      model = index == rounds.count - 1 ? folder : place("whole")
      let whole = try distil("\(title)whole", place("frozen"), plans.whole[index], in: model)
      outcome.append(Outcome.Round(frozen: frozen, whole: whole))
    }
    let mixers = try ModelConfig(contentsOf: folder).mixers
    return Outcome(attentionLayers: mixers.indices.filter { mixers[$0] == .attention }, rounds: outcome)
  }
}
