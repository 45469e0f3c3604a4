import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData
import Worlds

/// How a rewired model learns from itself.
struct SelfDistillParameters: StageParameters {
  @OneOf var objective: SelfDistilling.Objective
  var tokens: Int
  var learningRate: Double
  var batch: Int
  var sequence: Int
  var warmup: Double
  @OneOf var mixture: MicroworldCorpus.Mixture
  /// nil: text that the base was pretrained on; else another author's, who gives this share of answers wrongly.
  var rho: Double?
  var answersOnly: Bool
  var freezesEmbeddings: Bool
  var hiddenWeight: Double?
  /// nil: no early stopping, and the last weights are kept.
  var patience: Int?
  /// nil: a twentieth of all steps.
  var validateEvery: Int?
  /// nil: the held-out loss decides.
  var validateTask: String?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case objective, tokens
    case learningRate = "lr"
    case batch, sequence, warmup, mixture, rho
    case answersOnly = "answers_only"
    case freezesEmbeddings = "freeze_embeddings"
    case hiddenWeight = "hidden_weight"
    case patience
    case validateEvery = "validate_every"
    case validateTask = "validate_task"
  }

  func plan(seed: Int) -> TrainingPlan {
    SelfDistilling.plan(
      objective, tokens: tokens, batch: batch, time: sequence, learningRate: learningRate, warmup: warmup,
      hiddenWeight: hiddenWeight ?? 0, freezesEmbeddings: freezesEmbeddings, seed: UInt64(seed), checkpointing: false)
  }

  func stopping(steps: Int) -> EarlyStopping? {
    patience.map {
      EarlyStopping(
        metric: validateTask.map { .task($0, items: 100) } ?? .loss, every: validateEvery ?? max(1, steps / 20),
        patience: $0)
    }
  }
}

/// `self_distill`: a rewired `student` learns to answer as the `teacher`, the same model with its ordinary connectivity
/// (FarSkip's FCSD), or from the text alone (`objective` sft). Metrics: held-out loss of the teacher (`teacher_loss`),
/// the student before (`naive_loss`) and after (`loss`), the share of the damage that is repaired (`recovered`, %), the
/// training loss of the last tenth (`training_loss`), the `step` whose weights were kept. Series `loss` (training) by
/// tokens, `validation` by step.
let selfDistillStage = Stage(
  name: "self_distill", version: 1, parents: ["student", "teacher"], parameters: SelfDistillParameters.self,
  run: { context, parameters in
    let student = try context.parent("student").folder
    let teacher = try context.parent("teacher").folder
    let plan = parameters.plan(seed: context.seed)
    let tokenizer = try Tokenizer.load(from: student)
    let text = try MicroworldText(for: tokenizer)
    let heldOut = try text.heldOut(tokenizer: tokenizer)
    var recipe = SelfDistilling(
      student: student, teacher: teacher,
      data: try text.training(parameters.mixture, rho: parameters.rho, tokenizer: tokenizer),
      heldOut: heldOut, plan: plan)
    recipe.answersOnly = parameters.answersOnly
    recipe.stopping = parameters.stopping(steps: plan.steps)
    recipe.shared = try context.sharedTeacherStates()
    let outcome = try recipe.run(
      in: context.folder, reportTeacher: context.reportTeacher(plan), report: context.report(plan),
      shouldStop: { context.isInterrupted })
    func loss(_ folder: URL) throws -> Double {
      try plan.heldOutLoss(LanguageModel(folder: folder), heldOut)
    }
    let (aim, naive, reached) = (try loss(teacher), try loss(student), try loss(context.folder))
    let metrics = try RunDirectory(context.folder).readMetrics()
    let last = try metrics.column("loss").suffix(max(1, metrics.rows.count / 10))
    return StageResult(
      metrics: [
        "teacher_loss": Metric(aim), "naive_loss": Metric(naive), "loss": Metric(reached),
        "recovered": Metric(100 * (naive - reached) / (naive - aim)), "step": Metric(Double(outcome.step)),
        "training_loss": Metric(last.reduce(0, +) / Double(last.count)),
      ],
      series: [
        "loss": try context.lossSeries(plan),
        "validation": outcome.validation.map { [Double($0.step), $0.value] },
      ], tokens: metrics.rows.count * plan.batch * plan.time)
  })
