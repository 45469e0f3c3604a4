import Distillation
import Foundation
import Groundwork
import ModelCore
import TokenData
import Upcycling

/// What the ablations show to be best, as one run (`RecipeChoice` names each decision and its records): the base with latent
/// attention in every layer and the base with Gated DeltaNet in every layer learn layer by layer (ILD), the layers that gain
/// most by latent attention are found on the two, and their hybrid follows a teacher. A base folder in, a model folder out,
/// resumable.
public struct BestRecipe {
  /// Folder of an attention-only model.
  public var base: URL
  /// Folder of the model that the hybrid follows.
  public var teacher: URL
  /// The hybrid's KV cache in percent of the base's, at most.
  public var kvPercent: Double
  /// Windows of 256 tokens, from the beginning of the text, that layers are scored on.
  public var windows: Int
  /// Text that all stages train on.
  public var data: TokenShards
  /// Text for the layers' errors and the held-out loss; nil: not measured.
  public var heldOut: TokenShards?
  /// Of the stages.
  public var plans: Plans
  /// Holds what the stages before the last leave, as `mla`, `gdn`, `scores.csv` and `hybrid`.
  public var work: URL
  /// Type of the finished model's numbers.
  public var type = ElementType.float32

  /// - Parameters:
  ///   - teacher: nil: the base
  ///   - kvPercent: of the base's cache, at most
  ///   - heldOut: nil: nothing is measured on the way
  ///   - work: holds what the stages before the last leave
  public init(
    base: URL, teacher: URL? = nil, kvPercent: Double, windows: Int = 64, data: TokenShards,
    heldOut: TokenShards? = nil, plans: Plans, work: URL
  ) {
    self.base = base
    self.teacher = teacher ?? base
    self.kvPercent = kvPercent
    self.windows = windows
    self.data = data
    self.heldOut = heldOut
    self.plans = plans
    self.work = work
  }

  /// Everything that decides the numbers, stage by stage.
  public struct Plans: Sendable {
    /// Outputs of the layers, of each of the two students.
    public var layers: IntermediatePlan
    /// KL, everything.
    public var distillation: TrainingPlan

    /// Of the two students and the hybrid, as all hybrids of the records were trained: no record compares others.
    static let shares = [25.0, 25, 50]

    /// - Parameters:
    ///   - tokens: of all stages together
    ///   - layerRate: peak learning rate of the students
    ///   - rate: of the hybrid
    /// - Throws: usage errors for values out of range, and for a stage without a step
    public init(
      tokens: Int, batch: Int = 8, time: Int = 256, layerRate: Double = 2e-3, rate: Double = 1e-3,
      warmup: Double = 0.02, seed: UInt64 = 1
    ) throws {
      let counts = try tokensOfStages(
        tokens, shares: Self.shares, count: 3, such: "25,25,50", batch: batch, time: time)
      layers = IntermediatePlan(
        tokens: counts[0], batch: batch, time: time, learningRate: layerRate, warmup: warmup, loss: .refined,
        trained: .layers, seed: seed)
      distillation = TrainingPlan(
        tokens: counts[2], batch: batch, time: time, learningRate: rate, warmup: warmup, ceWeight: 0, klWeight: 1,
        seed: seed)
    }

    /// The same for ranks that share every batch.
    /// - Throws: usage errors that name the field out of range
    public func dealt(to ranks: Int) throws -> Plans {
      var dealt = self
      dealt.distillation = distillation.dealt(to: ranks)
      try layers.validate(ranks: ranks)
      try dealt.distillation.validate(ranks: ranks)
      return dealt
    }
  }

  /// What the two students are, and how many layers of the first the cache has room for.
  public struct Shape: Sendable {
    /// The base's.
    public let base: ModelConfig
    /// Of the student with latent attention in every layer.
    public let latent: LatentConversion
    /// Of the one with Gated DeltaNet.
    public let linear: DeltaConversion
    /// Layers with latent attention.
    public let count: Int
    /// Cache of the hybrid in percent of the base's.
    public let kvPercent: Double
    /// The same with the states of its recurrent layers, after `statesContext` tokens.
    public let percentWithStates: Double
    /// Tokens.
    static let statesContext = 8192
  }

  /// - Throws: usage errors for a base that a stage cannot take, and for a cache that no such hybrid has
  public func shape() throws -> Shape {
    try Self.shape(ofHybridFrom: base, kvPercent: kvPercent, seed: plans.layers.seed)
  }

  /// The same before there is any text.
  public static func shape(ofHybridFrom base: URL, kvPercent: Double, seed: UInt64) throws -> Shape {
    let config = try ModelConfig(contentsOf: base)
    let latent = LatentConversion.hylo(config, seed: seed)
    let linear = DeltaConversion(start: .corner, seed: seed)
    let (whole, other) = (try latent.config(base: config), try linear.config(base: config))
    _ = try Composition(latentLayers: [0]).config(base: config, latent: whole, linear: other)
    let layer = whole.kvPercent / Double(config.layerCount)
    guard kvPercent >= layer - 1e-9, kvPercent < whole.kvPercent - 1e-9 else {
      let most = layer * Double(config.layerCount - 1)
      throw UpcycleError.usage(
        "leaves no hybrid", field: "kv",
        expected: String(format: "%.2f%% to %.2f%%, one to %d latent layers", layer, most, config.layerCount - 1),
        found: String(format: "%g%%", kvPercent),
        hint: "xecomla convert makes every layer latent, with any rank")
    }
    let count = min(config.layerCount - 1, Int(kvPercent / layer + 1e-9))
    let hybrid = try Composition(latentLayers: Array(0..<count)).config(base: config, latent: whole, linear: other)
    return Shape(
      base: config, latent: latent, linear: linear, count: count, kvPercent: layer * Double(count),
      percentWithStates: hybrid.cachePercent(context: Shape.statesContext))
  }

  /// What was found and measured on the way.
  public struct Outcome: Codable, Sendable {
    /// The layers' errors around ILD with latent attention.
    public var latent: IntermediateDistilling.Outcome
    /// With Gated DeltaNet.
    public var linear: IntermediateDistilling.Outcome
    /// What latent attention in each layer alone takes off the KL of the all-linear student, nats per token.
    public var scores: [Double]
    /// Layers with latent attention.
    public var latentLayers: [Int]
    /// Held-out loss by training tokens of the last stage.
    public var heldOut: Distilling.Curve
  }

  /// Refuses before the first stage what a later one could not do.
  /// - Parameters:
  ///   - out: where the model is to be
  ///   - force: whether another model there may go
  public func check(out: URL, force: Bool) throws {
    _ = try shape()
    try requireWindows(windows)
    try checkChain(
      base: base, teacher: teacher, out: out, plan: plans.distillation, type, force: force, work: work)
  }

  /// Trains what is not trained yet and leaves the model in `folder`.
  /// - Parameters:
  ///   - ranks: that share every batch
  ///   - reportLayers: the progress of a student by its name
  ///   - reportScores: (batches measured, batches)
  ///   - report: the progress of the last stage
  @discardableResult
  public func run(
    in folder: URL, force: Bool = false, on ranks: any TrainingRanks = SingleRank(), saveEvery: Double = 60,
    reportLayers: (String) -> (IntermediateTrainer.StepMetrics, Double) -> Void = { _ in { _, _ in } },
    reportScores: (Int, Int) -> Void = { _, _ in },
    report: (Trainer.StepMetrics, Double) -> Void = { _, _ in }, shouldStop: () -> Bool = { false }
  ) throws -> Outcome {
    let shape = try ranks.agreeing {
      try check(out: folder, force: force)
      return try self.shape()
    }
    func student(_ replacement: any MixerReplacement) throws -> (folder: URL, outcome: IntermediateDistilling.Outcome) {
      let place = work.appendingPathComponent(replacement.name)
      let outcome = try IntermediateDistilling(
        base: base, student: .replacing(replacement), data: data, heldOut: heldOut, plan: plans.layers
      ).run(
        in: place, force: force, on: ranks, saveEvery: saveEvery, report: reportLayers(replacement.name),
        shouldStop: shouldStop)
      return (place, outcome)
    }
    let (latent, linear) = (try student(shape.latent), try student(shape.linear))
    let hybrid = work.appendingPathComponent("hybrid")
    let found = try ranks.valueFromFirst {
      try place(shape, latent: latent.folder, linear: linear.folder, to: hybrid, reportScores, shouldStop)
    }
    var last = Distilling(student: hybrid, teacher: teacher, data: data, heldOut: heldOut, plan: plans.distillation)
    last.type = type
    let curve = try last.run(
      in: folder, force: force, on: ranks, saveEvery: saveEvery, report: report, shouldStop: shouldStop)
    return Outcome(
      latent: latent.outcome, linear: linear.outcome, scores: found.scores, latentLayers: found.layers, heldOut: curve)
  }

  private struct Placement: Codable {
    var scores: [Double]
    var layers: [Int]
  }

  /// Scores the layers of the two students and writes the hybrid of the highest.
  private func place(
    _ shape: Shape, latent: URL, linear: URL, to hybrid: URL, _ report: (Int, Int) -> Void, _ shouldStop: () -> Bool
  ) throws -> Placement {
    let scores = try layerSensitivities(
      base: LanguageModel(folder: base), latent: LanguageModel(folder: latent), linear: LanguageModel(folder: linear),
      windows: data.firstWindows(windows, for: shape.base)
    ) { done, total in
      if shouldStop() { throw UpcycleError("interrupted while it scored layers", at: work.path, kind: .interrupted) }
      report(done, total)
    }.scores
    try LayerScores(scores).save(to: work.appendingPathComponent("scores.csv"))
    let layers = try LayerPlacement(.maxScore, count: shape.count, scores: scores).layers
    _ = try Composition(latentLayers: layers).write(base: base, latent: latent, linear: linear, to: hybrid)
    return Placement(scores: scores, layers: layers)
  }
}
