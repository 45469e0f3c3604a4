import Distillation
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TokenData
import Upcycling

/// A long-context stage (HyLo's second): a hybrid learns a teacher's predictions on longer sequences than before,
/// with YaRN on its latent attention. Folders in, a model folder out, resumable; no tokens: only the positions change.
public struct Extending {
  /// Folder of the hybrid.
  public var student: URL
  /// Folder of the model that is followed; nil: cross-entropy alone.
  public var teacher: URL?
  /// Text to train on; nil: no training.
  public var data: TokenShards?
  /// Text for the held-out loss; nil for none.
  public var heldOut: TokenShards?
  /// What becomes of the positions.
  public var positions: ContextExtension
  /// nil: no training.
  public var plan: TrainingPlan?
  /// Where the teacher's hidden states are kept; nil: the teacher runs beside the student.
  public var cache: TeacherStates?
  /// Where they are kept for all trainings of a checkout, as far as they fit; nil: nowhere.
  public var shared: SharedTeacherStates?
  /// Bytes that all tensors together may take; nil: no limit.
  public var budget: Int?
  /// Type of the finished model's numbers.
  public var type = ElementType.float32

  public init(
    student: URL, teacher: URL?, data: TokenShards?, heldOut: TokenShards? = nil, positions: ContextExtension,
    plan: TrainingPlan?, cache: TeacherStates? = nil, budget: Int? = nil
  ) {
    self.student = student
    self.teacher = teacher
    self.data = data
    self.heldOut = heldOut
    self.positions = positions
    self.plan = plan
    self.cache = cache
    self.budget = budget
  }

  // MARK: The plan

  /// Tokens of an optimizer step that the default batch is made of; longer contexts have one sequence.
  public static let tokensPerStep = 8192
  /// Tokens of a forward pass up to which sequences go together, and above which activations are recomputed.
  public static let tokensTogether = 2048

  /// The paper's stage: KL alone on all positions, cosine, 1 % warm-up, one sequence per forward pass at long contexts,
  /// activation checkpointing above 2,048 tokens of one.
  public static func plan(
    context: Int, tokens: Int, batch: Int? = nil, microBatch: Int? = nil, learningRate: Double = 1e-3,
    warmup: Double = 0.01, ceWeight: Double = 0, klWeight: Double = 1, seed: UInt64 = 1, checkpointing: Bool? = nil
  ) -> TrainingPlan {
    let batch = batch ?? max(1, tokensPerStep / context)
    let together = microBatch ?? (1...max(1, min(batch, tokensTogether / context))).last { batch % $0 == 0 } ?? 1
    return TrainingPlan(
      tokens: tokens, batch: batch, time: context, microBatch: together, learningRate: learningRate, warmup: warmup,
      ceWeight: ceWeight, klWeight: klWeight, seed: seed,
      checkpointing: checkpointing ?? (cappedProduct(together, context) > tokensTogether))
  }

  // MARK: Checks

  /// Refuses what cannot work, before anything long begins.
  /// - Returns: what may not be what the user means, one line each.
  public func check() throws -> [String] {
    let config = try ModelConfig(contentsOf: student)
    var warnings: [String] = []
    if positions.context < config.maxPosition {
      warnings.append("\(student.path): its \(config.maxPosition) positions become \(positions.context)")
    }
    guard let plan else { return warnings }
    try plan.validate()
    guard data != nil else { throw UpcycleError.usage("training needs token shards", field: "data") }
    guard plan.klWeight > 0 else { return warnings }
    guard let teacher else { throw UpcycleError.usage("a KL weight needs a teacher", field: "teacher") }
    let teacherConfig = try ModelConfig(contentsOf: teacher)
    if teacherConfig.vocabularySize < config.vocabularySize {
      throw UpcycleError.usage(
        "the teacher has another vocabulary than the student", at: teacher.path,
        expected: "at least \(config.vocabularySize) tokens",
        found: "\(teacherConfig.vocabularySize)", hint: "distillation compares predictions token by token")
    }
    if teacherConfig.maxPosition < positions.context {
      warnings.append(
        "\(teacher.path): the teacher was made for \(teacherConfig.maxPosition) positions; beyond them its predictions "
          + "may be worth nothing to follow (\(positions.context) asked)")
    }
    if let budget { try fit(plan, config, teacherConfig, budget) }
    return warnings
  }

  /// Buffers are rounded up, so a real step may hold a few percent more than the formula says.
  static let margin = 1.05

  /// Bytes a step of this plan will hold, by formula.
  public func memory(_ plan: TrainingPlan, _ config: ModelConfig, _ teacher: ModelConfig?) -> StepMemory {
    StepMemory(
      student: config, teacher: cache == nil ? teacher : nil, tokens: plan.microBatch * plan.time,
      checkpointing: plan.checkpointing, teacherWidth: cache == nil ? nil : teacher?.hiddenSize, lanes: Threads.count)
  }

  /// - Throws: one line that says what is too big and what would fit.
  private func fit(_ plan: TrainingPlan, _ config: ModelConfig, _ teacher: ModelConfig?, _ budget: Int) throws {
    let needed = memory(plan, config, teacher)
    func peak(_ memory: StepMemory) -> Int { Int(Double(memory.peak) * Self.margin) }
    if peak(needed) <= budget { return }
    func fits(_ change: (inout TrainingPlan) -> Void) -> Bool {
      var other = plan
      change(&other)
      return peak(memory(other, config, teacher)) <= budget
    }
    var hint = "give at least \(formatBytes(peak(needed)))"
    if needed.weights > budget {
      hint = "weights, gradients and moments alone pass the budget; " + hint
    } else if !plan.checkpointing, fits({ $0.checkpointing = true }) {
      hint = "`checkpointing` fits; or " + hint
    } else if plan.microBatch > 1,
      fits({
        $0.microBatch = 1; $0.checkpointing = true
      })
    {
      hint = "`micro_batch` 1 with `checkpointing` fits; or " + hint
    } else if let context = (1...40).map({ plan.time >> $0 }).first(where: { time in
      time >= 16
        && fits {
          $0.time = time; $0.microBatch = 1; $0.checkpointing = true
        }
    }) {
      hint = "`context` \(context) and `micro_batch` 1 with `checkpointing` fit; or " + hint
    }
    throw UpcycleError.usage(
      "a training step does not fit the memory budget", field: "budget", expected: "\(formatBytes(budget)) at most",
      found:
        "about \(formatBytes(peak(needed))): \(formatBytes(needed.weights)) of weights and optimizer, "
        + "\(formatBytes(needed.activations)) of activations, \(formatBytes(max(needed.loss, needed.working))) of working memory, "
        + "a margin of \(formatBytes(peak(needed) - needed.peak))",
      hint: hint)
  }

  // MARK: The stage

  /// Trains in `folder` and leaves the model there with its tokenizer; without a plan it writes the
  /// model with its new positions.
  /// - Parameter ranks: that share every batch
  /// - Returns: the held-out curve, on the first rank.
  @discardableResult
  public func run(
    in folder: URL, force: Bool = false, on ranks: any TrainingRanks = SingleRank(), saveEvery: Double = 60,
    reportTeacher: (Int) -> Void = { _ in },
    report: (Trainer.StepMetrics, Double) -> Void = { _, _ in }, shouldStop: () -> Bool = { false }
  ) throws -> Distilling.Curve {
    guard let plan, let data else {
      try ranks.onFirst { try extendPositions(in: folder) }
      return []
    }
    var recipe = Distilling(student: student, teacher: teacher, data: data, heldOut: heldOut, plan: plan)
    recipe.positions = positions
    recipe.type = type
    recipe.cache = plan.klWeight > 0 ? cache : nil
    recipe.shared = shared
    return try recipe.run(
      in: folder, force: force, on: ranks, saveEvery: saveEvery, reportTeacher: reportTeacher, report: report,
      shouldStop: shouldStop)
  }

  private func extendPositions(in folder: URL) throws {
    let config = positions.applied(to: try ModelConfig(contentsOf: student))
    let model = try LanguageModel(config, weights: CheckpointReader(student), file: student.path)
    try Tokenizer.load(from: student).save(to: folder)
    try model.save(to: folder, type: type)
  }
}
