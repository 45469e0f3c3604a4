import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData
import Upcycling

/// `extend`: one stage of long-context distillation on a microworld mixture (HyLo's stage II). `yarn` and
/// `original_context` null: the paper's defaults (context / the model's own); `batch` and `kl_weight` null: 8,192
/// tokens a step, KL alone; `kl_weight` 0 with `ce_weight` 1 is training without a teacher. `tokens` 0: only the
/// positions change. Metric `loss` (held-out text of the same mixture at this context, after), `yarn`; series `loss`
/// and `heldout` by tokens.
let extendStage = Stage(
  name: "extend", version: 1, parents: ["student", "teacher"],
  parameters: [
    "context", "yarn", "original_context", "tokens", "kl_weight", "ce_weight", "lr", "batch", "warmup", "mixture",
    "cache_teacher",
  ],
  run: { context in
    let parameters = StageParameters(context.config)
    let student = try context.parent("student").folder
    let length = try parameters.int("context")
    let positions = try ContextExtension(
      of: ModelConfig(contentsOf: student), context: length, yarn: parameters.optional("yarn") { $0.double },
      originalContext: parameters.optional("original_context") { $0.int })
    let tokenizer = try Tokenizer.load(from: student)
    let text = MicroworldText(try Places().microworld)
    let mixture = try parameters.choice("mixture", MicroworldCorpus.Mixture.self)
    let heldOut = try text.shards(mixture, .validation, tokens: heldOutTokens, tokenizer: tokenizer)
    let yarn = Metric(positions.factor)
    let tokens = try parameters.int("tokens")
    if tokens == 0 {
      try Extending(student: student, teacher: nil, data: nil, positions: positions, plan: nil).run(in: context.folder)
      let loss = try heldOutLoss(LanguageModel(folder: context.folder), heldOut, time: length)
      return StageResult(metrics: ["loss": Metric(loss), "yarn": yarn])
    }
    let klWeight = try parameters.optional("kl_weight") { $0.double } ?? 1
    let plan = Extending.plan(
      context: length, tokens: tokens, batch: try parameters.optional("batch") { $0.int },
      learningRate: try parameters.double("lr"), warmup: try parameters.double("warmup"),
      ceWeight: try parameters.optional("ce_weight") { $0.double } ?? 0, klWeight: klWeight, seed: UInt64(context.seed))
    let cached = try parameters.optional("cache_teacher") { $0.bool } ?? false
    let recipe = Extending(
      student: student, teacher: klWeight > 0 ? try context.parent("teacher").folder : nil,
      data: try text.shards(mixture, tokens: corpusTokens, tokenizer: tokenizer), heldOut: heldOut,
      positions: positions,
      plan: plan, cache: cached ? TeacherStates(context.folder.appendingPathComponent("run/teacher")) : nil)
    for warning in try recipe.check() { printNote("warning: \(warning)") }
    let curve = try recipe.run(
      in: context.folder, reportTeacher: { context.progress($0, of: plan.steps, "teacher states") },
      report: { metrics, rate in context.progress(metrics.step, of: plan.steps, stepDetail(metrics, plan, rate)) },
      shouldStop: { context.isInterrupted })
    let training = try RunDirectory(context.folder).readMetrics()
    return StageResult(
      metrics: ["loss": Metric(curve.last?.last ?? .nan), "yarn": yarn],
      series: ["loss": thinned(training.rows, unitsPerStep: plan.batch * plan.time), "heldout": curve],
      tokens: plan.steps * plan.batch * plan.time)
  })
