import Distillation
import Evaluation
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TokenData

/// FarSkip's self-distillation (FCSD): the rewired model learns to answer as the same checkpoint did with its
/// ordinary connectivity. All weights train; a validation score decides when to stop and which weights are kept.
/// Student and teacher folders in, a model folder out, resumable.
public struct SelfDistilling {
  /// What is learned.
  public enum Objective: String, CaseIterable, Codable, Sendable {
    /// KL(teacher || student) (equation 4).
    case kl
    /// Cross-entropy on the text's own answers (equation 3).
    case sft
    /// KL, and the squared distance of every layer's output from the teacher's (equations 4 and 5).
    case klHidden = "kl+hidden"
  }

  /// Folder of the rewired model.
  public var student: URL
  /// Folder of the same model with its ordinary connectivity.
  public var teacher: URL
  /// Text to train on.
  public var data: TokenShards
  /// Text for the held-out loss, followed on the way or looked at to stop early; nil: none.
  public var heldOut: TokenShards?
  /// What decides the numbers; the function `plan` makes one.
  public var plan: TrainingPlan
  /// Learn on answers alone, or on every token.
  public var answersOnly = true
  /// Whether the loss on held-out text is measured on the way, as `Distilling` does, unless early stopping looks at it.
  public var followsHeldOut = false
  /// When to stop early; nil: never, and the last weights are kept.
  public var stopping: EarlyStopping?
  /// Where the teacher's last hidden states are kept for all trainings of a checkout, as far as they fit; nil: nowhere.
  public var shared: SharedTeacherStates?
  /// Type of the finished model's numbers.
  public var type = ElementType.float32

  public init(student: URL, teacher: URL, data: TokenShards, heldOut: TokenShards? = nil, plan: TrainingPlan) {
    self.student = student
    self.teacher = teacher
    self.data = data
    self.heldOut = heldOut
    self.plan = plan
  }

  /// The plan of an objective.
  public static func plan(
    _ objective: Objective, tokens: Int, batch: Int, time: Int, microBatch: Int? = nil, learningRate: Double,
    warmup: Double,
    hiddenWeight: Double, freezesEmbeddings: Bool, seed: UInt64, checkpointing: Bool
  ) -> TrainingPlan {
    var plan = TrainingPlan(
      tokens: tokens, batch: batch, time: time, microBatch: microBatch, learningRate: learningRate, warmup: warmup,
      ceWeight: objective == .sft ? 1 : 0, klWeight: objective == .sft ? 0 : 1, seed: seed, checkpointing: checkpointing
    )
    if objective == .klHidden { plan.hiddenWeight = hiddenWeight }
    if freezesEmbeddings { plan.freezesEmbeddings = true }
    return plan
  }

  /// How the training went.
  public struct Outcome: Sendable {
    /// Validation by step, first row at step 0; empty without one.
    public var validation: [(step: Int, value: Double)]
    /// The step whose weights were kept.
    public var step: Int
    /// Whether validations without improvement ended it.
    public var stoppedEarly: Bool
    /// Held-out loss by training tokens; empty where it was not followed.
    public var heldOut: Distilling.Curve = []
  }

  /// Trains in `folder` and leaves the model there, with its tokenizer.
  /// - Parameter ranks: that share every batch
  public func run(
    in folder: URL, force: Bool = false, on ranks: any TrainingRanks = SingleRank(), saveEvery: Double = 60,
    reportTeacher: (Int) -> Void = { _ in },
    report: (Trainer.StepMetrics, Double) -> Void = { _, _ in },
    shouldStop: () -> Bool = { false }
  ) throws -> Outcome {
    let (tokenizer, identity) = try ranks.agreeing { try checked(on: ranks) }
    let batches = try ranks.agreeing { try self.batches(tokenizer) }
    let directory = RunDirectory(folder, force: force)
    // The first rank validates.
    let stopping = ranks.writes ? self.stopping : nil
    let curveFile = directory.run.appendingPathComponent("heldout.csv")
    // A run that did not follow it from its first step on goes on without.
    let beganWithout =
      fileKind(curveFile.path) == nil && fileKind(directory.run.appendingPathComponent("metrics.csv").path) != nil
    let followed = followsHeldOut && self.stopping?.metric != .loss && !beganWithout ? heldOut : nil
    func require(_ curve: HeldOutCurve?, by step: Int) throws {
      if let curve, ranks.writes { try curve.require(by: step, of: plan) }
    }
    return try directory.complete(plan: plan, identity: identity, tokenizer: tokenizer, type: type, ranks: ranks) {
      try ranks.agreeing {
        let history = try ValidationHistory(directory.run, stopping)
        if stopping != nil { try history.require(by: directory.readMetrics().rows.count, of: plan.steps) }
        var outcome = history.outcome(lastStep: plan.steps)
        if followed != nil, ranks.writes {
          let curve = try HeldOutCurve(curveFile)
          try require(curve, by: directory.readMetrics().rows.count)
          outcome.heldOut = curve.rows
        }
        return outcome
      }
    } train: {
      let history = try ranks.agreeing { try ValidationHistory(directory.run, stopping) }
      // Where the teacher's states are kept the first rank makes them.
      let guide: (any Teacher)? =
        if plan.klWeight == 0 { nil } else if let shared, plan.hiddenWeight == nil {
          try ranks.inTurn {
            try shared.open(
              teacher: teacher, data: data.identity, plan: plan, batches: batches, report: reportTeacher,
              shouldStop: shouldStop)
          }
        } else { try ranks.load(teacher) }
      let (model, trainer) = try ranks.agreeing {
        let model = try ranks.load(student)
        return (model, try Trainer(student: model, teacher: guide, batches: batches, plan: plan, ranks: ranks))
      }
      try ranks.onFirst { try directory.begin(plan: plan, identity: identity) }
      func measure(_ step: Int) throws {
        guard let stopping, !history.holds(step) else { return }
        try history.append(step, stopping.measure(model, tokenizer, heldOut: heldOut, time: plan.time), model)
      }
      let curve = try ranks.agreeing { try followed.map { _ in try HeldOutCurve(curveFile) } }
      func follow(_ step: Int) throws {
        guard let followed, let curve else { return }
        try ranks.onFirst { try curve.measure(after: step, of: plan, model, followed) }
      }
      try ranks.onFirst { try measure(0) }
      try follow(0)
      try trainer.run(
        in: directory, identity: identity, saveEvery: saveEvery,
        report: { metrics, rate in
          if let every = self.stopping?.every, metrics.step % every == 0 || metrics.step == plan.steps {
            try ranks.onFirst { try measure(metrics.step) }
          }
          if plan.heldOutSteps.holds(metrics.step) { try follow(metrics.step) }
          report(metrics, rate)
        }, shouldStop: shouldStop,
        isFinished: { step in
          if followed != nil { try ranks.agreeing { try require(curve, by: step) } }
          if self.stopping == nil { return false }
          try ranks.onFirst { try history.require(by: step, of: plan.steps) }
          return try ranks.decide(stop: history.isExhausted(at: step), save: false).stop
        })
      try ranks.onFirst { try history.require(by: trainer.step, of: plan.steps) }
      try ranks.agreeing { try require(curve, by: trainer.step) }
      var outcome = history.outcome(lastStep: trainer.step)
      outcome.heldOut = curve?.rows ?? []
      let keepsLast = stopping == nil || outcome.step == trainer.step
      return (keepsLast ? model : try LanguageModel(folder: history.bestFolder), outcome)
    }
  }

  /// The text's batches, in which answers alone count where that is asked for: those that shards of chats record, in
  /// other text what follows a marker.
  /// - Throws: a usage error for text that would teach nothing
  private func batches(_ tokenizer: Tokenizer) throws -> any BatchSource {
    let shards = try ShardBatches(data, batch: plan.batch, time: plan.time, seed: plan.seed)
    if !answersOnly { return shards }
    let batches: any BatchSource =
      data.manifest.answers == nil
      ? ScoredBatches.answers(shards, mask: AnswerMask(tokenizer), time: plan.time) : shards
    let tried = min(plan.steps, 8)
    if try (0..<tried).contains(where: { step in try batches.batch(step: step).targets.contains { $0 >= 0 } }) {
      return batches
    }
    throw UpcycleError.usage(
      "holds no answers to learn on", at: data.folder.path,
      expected: "chats, or lines with \(AnswerMask.markers.joined(separator: ", "))",
      found: "none in the first \(tried == 1 ? "batch" : "\(tried) batches")",
      hint: "`all_tokens` learns on every token")
  }

  /// What can be checked before anything long begins.
  private func checked(on ranks: any TrainingRanks) throws -> (Tokenizer, RunIdentity) {
    let tokenizer = try Tokenizer.load(from: student)
    try data.require(tokenizer, of: student, teacher)
    try heldOut?.require(tokenizer)
    try stopping?.validate()
    if stopping?.metric == .loss && heldOut == nil {
      throw UpcycleError.usage(
        "needs held-out text", at: "early stopping by loss", hint: "give `held_out`, or a task to validate on")
    }
    let studentConfig = try ModelConfig(contentsOf: student)
    let teacherConfig = try ModelConfig(contentsOf: teacher)
    if studentConfig.experts == nil {
      throw UpcycleError.usage(
        "is a dense model", at: student.path, expected: "a model with experts that farskip convert wrote",
        found: studentConfig.architecture.rawValue)
    }
    if teacherConfig.layerCount != studentConfig.layerCount || teacherConfig.hiddenSize != studentConfig.hiddenSize {
      throw UpcycleError.usage(
        "is not the student with another connectivity", at: teacher.path,
        expected: "\(studentConfig.layerCount) layers of width \(studentConfig.hiddenSize)",
        found: "\(teacherConfig.layerCount) of width \(teacherConfig.hiddenSize)")
    }
    let layers = 0..<studentConfig.layerCount
    if plan.klWeight > 0,
      layers.allSatisfy({ studentConfig.connectivity(layer: $0) == teacherConfig.connectivity(layer: $0) }),
      try modelIdentity(student) == modelIdentity(teacher)
    {
      throw UpcycleError.usage(
        "is the student itself, from which there is nothing to learn", at: teacher.path,
        expected: "the model before farskip convert")
    }
    let identity = RunIdentity(
      student: try ranks.fromFirst { try modelIdentity(student) } + (answersOnly ? ", answers" : "")
        + (stopping.map { ", \($0.identity)" } ?? ""),
      teacher: plan.klWeight > 0 ? try ranks.fromFirst { try modelIdentity(teacher) } : nil, data: data.identity,
      heldOut: heldOut?.identity,
      on: ranks)
    return (tokenizer, identity)
  }
}
