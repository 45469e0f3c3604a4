import Distillation
import Foundation
import Groundwork
import ModelCore
import TokenData
import Upcycling

/// PostNAS, by which Jet-Nemotron was made (arXiv 2508.15884, sections 2.2 and 3.1): a super-network that has attention and a
/// JetBlock in every layer, a beam search in it for the few layers that keep attention, and two distillations of the model
/// that is left, the first with its feed-forwards frozen. A base folder in, a model folder out, resumable.
///
/// The paper's last stage trains on text alone; here it follows the teacher too. Its windowed attention layers and its search
/// for head sizes are left out.
public struct PostNAS {
  /// Folder of an attention-only model.
  public var base: URL
  /// Folder of the model that the chosen one follows.
  public var teacher: URL
  /// Which layers keep attention.
  public var placement: Placement
  /// How the others' blocks start.
  public var start: MixerStart
  /// Text that all stages train on.
  public var data: TokenShards
  /// Text for the held-out loss; nil: not measured.
  public var heldOut: TokenShards?
  /// Of the stages.
  public var plans: Plans
  /// Holds what the stages before the last leave, as `super-network`, `chosen` and `frozen`.
  public var work: URL
  /// Type of the finished model's numbers.
  public var type = ElementType.float32

  /// Which layers keep attention.
  public enum Placement: Sendable {
    /// These; there is no super-network then.
    case given([Int])
    /// So many, found by a beam of this width on as many windows of 256 tokens from the beginning of the text.
    case searched(count: Int, beam: Int, windows: Int)
  }

  /// - Parameters:
  ///   - teacher: nil: the base
  ///   - heldOut: nil: nothing is measured on the way
  ///   - work: holds what the stages before the last leave
  public init(
    base: URL, teacher: URL? = nil, placement: Placement, start: MixerStart = .structured, data: TokenShards,
    heldOut: TokenShards? = nil, plans: Plans, work: URL
  ) {
    self.base = base
    self.teacher = teacher ?? base
    self.placement = placement
    self.start = start
    self.data = data
    self.heldOut = heldOut
    self.plans = plans
    self.work = work
  }

  /// Everything that decides the numbers, stage by stage.
  public struct Plans: Sendable {
    /// The super-network's blocks; nil: there is none.
    public var superNetwork: IntermediatePlan?
    /// KL, all but the feed-forwards.
    public var frozen: TrainingPlan
    /// KL, everything.
    public var whole: TrainingPlan

    /// The last two as published, 50 B and 350 B tokens; before them a fifth.
    public static let defaultShares = [20.0, 10, 70]

    /// - Parameters:
    ///   - tokens: of all stages together
    ///   - shares: of the three stages, positive; only their ratios count
    ///   - searches: false: the last two have all tokens
    ///   - blockRate: peak learning rate of the super-network
    ///   - rate: of the others
    /// - Throws: usage errors for values out of range, and for a stage without a step
    public init(
      tokens: Int, shares: [Double] = defaultShares, searches: Bool = true, batch: Int = 8, time: Int = 256,
      blockRate: Double = 2e-3, rate: Double = 1e-3, warmup: Double = 0.01, seed: UInt64 = 1
    ) throws {
      let counts = try tokensOfStages(
        tokens, shares: shares, count: 3, skipped: searches ? 0 : 1, such: "20,10,70", batch: batch, time: time)
      func distillation(_ tokens: Int) -> TrainingPlan {
        TrainingPlan(
          tokens: tokens, batch: batch, time: time, learningRate: rate, warmup: warmup, ceWeight: 0, klWeight: 1,
          seed: seed)
      }
      superNetwork =
        searches
        ? IntermediatePlan(
          tokens: counts[0], batch: batch, time: time, learningRate: blockRate, warmup: warmup, loss: .norm,
          trained: .mixers, seed: seed) : nil
      frozen = distillation(counts[1])
      frozen.freezesFeedForwards = true
      whole = distillation(counts[2])
    }

    /// The same for ranks that share every batch.
    /// - Throws: usage errors that name the field out of range
    public func dealt(to ranks: Int) throws -> Plans {
      var dealt = self
      (dealt.frozen, dealt.whole) = (frozen.dealt(to: ranks), whole.dealt(to: ranks))
      try superNetwork?.validate(ranks: ranks)
      for plan in [dealt.frozen, dealt.whole] { try plan.validate(ranks: ranks) }
      return dealt
    }
  }

  /// What was found and measured on the way.
  public struct Outcome: Codable, Sendable {
    /// That keep attention.
    public var attentionLayers: [Int]
    /// The search's beam, round by round, the best first; empty where the layers were given.
    public var rounds: [[PlacementBeam.Candidate]]
    /// Held-out loss by training tokens of the first distillation.
    public var frozen: Distilling.Curve
    /// Of the second.
    public var heldOut: Distilling.Curve
  }

  // MARK: Checks

  /// Refuses before the first stage what a later one could not do.
  private func check(out: URL, force: Bool) throws {
    let config = try ModelConfig(contentsOf: base)
    _ = try JetConversion(start: start).config(base: config)
    switch placement {
    case .given(let layers):
      guard !layers.isEmpty, Set(layers).count < config.layerCount else {
        throw UpcycleError.usage(
          "leaves nothing to replace, or nothing", field: "layers", expected: "some of \(config.layerCount) layers",
          found: layers.map(String.init).joined(separator: ","))
      }
      _ = try LayerSelection.list(layers).resolve(layerCount: config.layerCount)
    case .searched(let count, let width, let windows):
      _ = try PlacementBeam(count: count, width: width, layerCount: config.layerCount)
      try requireWindows(windows)
    }
    try checkChain(
      base: base, teacher: teacher, out: out, plan: plans.whole, type, force: force, work: work)
  }

  // MARK: The stages

  /// Trains what is not trained yet and leaves the model in `folder`.
  /// - Parameters:
  ///   - ranks: that share every batch
  ///   - reportBlocks: the progress of the super-network
  ///   - reportSearch: (paths measured, paths at most)
  ///   - report: the progress of a distillation by its name
  @discardableResult
  public func run(
    in folder: URL, force: Bool = false, on ranks: any TrainingRanks = SingleRank(), saveEvery: Double = 60,
    reportBlocks: (SuperNetworkTrainer.StepMetrics, Double) -> Void = { _, _ in },
    reportSearch: (Int, Int) -> Void = { _, _ in },
    report: (String, TrainingPlan) -> (Trainer.StepMetrics, Double) -> Void = { _, _ in { _, _ in } },
    shouldStop: () -> Bool = { false }
  ) throws -> Outcome {
    try ranks.agreeing { try check(out: folder, force: force) }
    let chosen = work.appendingPathComponent("chosen")
    var rounds: [[PlacementBeam.Candidate]] = []
    let layers: [Int]
    switch placement {
    case .given(let given):
      layers = Set(given).sorted()
      try ranks.onFirst { try writeStart(keeping: layers, to: chosen) }
    case .searched(let count, let width, let windows):
      guard let plan = plans.superNetwork else { preconditionFailure("a search without a plan of its super-network") }
      let blocks = work.appendingPathComponent("super-network")
      try SuperNetworkDistilling(
        base: base, replacement: JetConversion(start: start, seed: plan.seed), data: data, plan: plan
      ).run(
        in: blocks, force: force, on: ranks, saveEvery: saveEvery, report: reportBlocks, shouldStop: shouldStop)
      rounds = try ranks.valueFromFirst {
        let config = try ModelConfig(contentsOf: base)
        let search = try PlacementSearching(
          base: base, linear: blocks, beam: PlacementBeam(count: count, width: width, layerCount: config.layerCount),
          windows: data.firstWindows(windows, for: config), measured: work.appendingPathComponent("paths.csv"))
        return try search.run(to: chosen, report: reportSearch, shouldStop: shouldStop)
      }
      layers = rounds.last?.first?.layers ?? []
    }
    func distil(_ name: String, _ student: URL, _ plan: TrainingPlan, in place: URL) throws -> Distilling.Curve {
      var recipe = Distilling(student: student, teacher: teacher, data: data, heldOut: heldOut, plan: plan)
      if place == folder { recipe.type = type }
      return try recipe.run(
        in: place, force: force, on: ranks, saveEvery: saveEvery, report: report(name, plan), shouldStop: shouldStop)
    }
    let aligned = work.appendingPathComponent("frozen")
    let frozen = try distil("frozen", chosen, plans.frozen, in: aligned)
    let whole = try distil("whole", aligned, plans.whole, in: folder)
    return Outcome(attentionLayers: layers, rounds: rounds, frozen: frozen, heldOut: whole)
  }

  /// The base with JetBlocks, as they start, in all but these layers.
  private func writeStart(keeping layers: [Int], to out: URL) throws {
    let model = try LanguageModel(folder: base)
    let others = (0..<model.layers.count).filter { !layers.contains($0) }
    let converted = try JetConversion(layers: .list(others), start: start, seed: plans.frozen.seed).converted(model)
    try writeModel(converted, madeOf: base, to: out)
  }
}
