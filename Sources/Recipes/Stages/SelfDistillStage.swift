import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData

/// `self_distill`: a rewired `student` learns to answer as the `teacher`, the same model with its ordinary connectivity
/// (FarSkip's FCSD), or from the text alone (`objective` sft). `patience` null: no early stopping, and the last weights
/// are kept; otherwise `validate_every` steps apart, by the task `validate_task` or, null, by held-out loss. Metrics:
/// held-out loss of the teacher (`teacher_loss`), the student before (`naive_loss`) and after (`loss`), the share of
/// the damage that is repaired (`recovered`, %), the training loss of the last tenth (`training_loss`), the `step`
/// whose weights were kept. Series `loss` (training) by tokens, `validation` by step.
let selfDistillStage = Stage(
  name: "self_distill", version: 1, parents: ["student", "teacher"],
  parameters: [
    "objective", "tokens", "lr", "batch", "sequence", "warmup", "mixture", "answers_only", "freeze_embeddings",
    "hidden_weight", "patience", "validate_every", "validate_task",
  ],
  run: { context in
    let parameters = StageParameters(context.config)
    let student = try context.parent("student").folder
    let teacher = try context.parent("teacher").folder
    let time = try parameters.int("sequence")
    let plan = SelfDistilling.plan(
      try parameters.choice("objective", SelfDistilling.Objective.self), tokens: try parameters.int("tokens"),
      batch: try parameters.int("batch"), time: time, learningRate: try parameters.double("lr"),
      warmup: try parameters.double("warmup"),
      hiddenWeight: try parameters.optional("hidden_weight") { $0.double } ?? 0,
      freezesEmbeddings: try parameters.bool("freeze_embeddings"), seed: UInt64(context.seed), checkpointing: false)
    let tokenizer = try Tokenizer.load(from: student)
    let text = MicroworldText(try Places().microworld)
    let heldOut = try text.shards(.instruction, .validation, tokens: heldOutTokens, tokenizer: tokenizer)
    let mixture = try parameters.choice("mixture", MicroworldCorpus.Mixture.self)
    var recipe = SelfDistilling(
      student: student, teacher: teacher, data: try text.shards(mixture, tokens: corpusTokens, tokenizer: tokenizer),
      heldOut: heldOut, plan: plan)
    recipe.answersOnly = try parameters.bool("answers_only")
    recipe.stopping = try earlyStopping(parameters, steps: plan.steps)
    let outcome = try recipe.run(
      in: context.folder,
      report: { metrics, rate in context.progress(metrics.step, of: plan.steps, stepDetail(metrics, plan, rate)) },
      shouldStop: { context.isInterrupted })
    func loss(_ folder: URL) throws -> Double { try heldOutLoss(LanguageModel(folder: folder), heldOut, time: time) }
    let (aim, naive, reached) = (try loss(teacher), try loss(student), try loss(context.folder))
    let rows = try RunDirectory(context.folder).readMetrics().rows
    let last = rows.suffix(max(1, rows.count / 10))
    return StageResult(
      metrics: [
        "teacher_loss": Metric(aim), "naive_loss": Metric(naive), "loss": Metric(reached),
        "recovered": Metric(100 * (naive - reached) / (naive - aim)), "step": Metric(Double(outcome.step)),
        "training_loss": Metric(last.reduce(0) { $0 + $1[1] } / Double(last.count)),
      ],
      series: [
        "loss": thinned(rows, unitsPerStep: plan.batch * plan.time),
        "validation": outcome.validation.map { [Double($0.step), $0.value] },
      ], tokens: rows.count * plan.batch * plan.time)
  })

private func earlyStopping(_ parameters: StageParameters, steps: Int) throws -> EarlyStopping? {
  guard let patience = try parameters.optional("patience", { $0.int }) else { return nil }
  let task = try parameters.optional("validate_task") { $0.string }
  return EarlyStopping(
    metric: task.map { .task($0, items: 100) } ?? .loss,
    every: try parameters.optional("validate_every") { $0.int } ?? max(1, steps / 20), patience: patience)
}
