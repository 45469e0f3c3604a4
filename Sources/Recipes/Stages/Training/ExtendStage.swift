import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData
import Upcycling
import Worlds

/// Of one stage at a longer context.
struct ExtendParameters: StageParameters {
  var context: Int
  /// YaRN's factor; nil: context / the model's own.
  var yarn: Double?
  /// nil: the model's own.
  var originalContext: Int?
  /// 0: only the positions change.
  var tokens: Int
  /// nil: 1.
  var klWeight: Double?
  /// nil: 0.
  var ceWeight: Double?
  var learningRate: Double
  /// nil: 8,192 tokens a step.
  var batch: Int?
  var warmup: Double
  @OneOf var mixture: MicroworldCorpus.Mixture
  /// Whether the teacher runs once and its states are kept.
  var cachesTeacher: Bool?
  /// Whether the dense feed-forwards stay as they are; nil: they train.
  var freezesFeedForwards: Bool?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case context, yarn
    case originalContext = "original_context"
    case tokens
    case klWeight = "kl_weight"
    case ceWeight = "ce_weight"
    case learningRate = "lr"
    case batch, warmup, mixture
    case cachesTeacher = "cache_teacher"
    case freezesFeedForwards = "freeze_feed_forwards"
  }
}

/// `extend`: one stage of long-context distillation on a microworld mixture (HyLo's stage II). `kl_weight` 0 with
/// `ce_weight` 1 is training without a teacher. Metric `loss` (held-out text of the same mixture at this context,
/// after), `yarn`; series `loss` and `heldout` by tokens.
let extendStage = Stage(
  name: "extend", version: 1, parents: ["student", "teacher?"], parameters: ExtendParameters.self,
  run: { context, parameters in
    let student = try context.parent("student").folder
    let length = parameters.context
    let positions = try ContextExtension(
      of: ModelConfig(contentsOf: student), context: length, yarn: parameters.yarn,
      originalContext: parameters.originalContext)
    let tokenizer = try Tokenizer.load(from: student)
    let text = try MicroworldText(for: tokenizer)
    let heldOut = try text.heldOut(parameters.mixture, tokenizer: tokenizer)
    let yarn = Metric(positions.factor)
    if parameters.tokens == 0 {
      try Extending(student: student, teacher: nil, data: nil, positions: positions, plan: nil).run(in: context.folder)
      let loss = try heldOutLoss(LanguageModel(folder: context.folder), heldOut, time: length)
      return StageResult(metrics: ["loss": Metric(loss), "yarn": yarn])
    }
    let klWeight = parameters.klWeight ?? 1
    var plan = Extending.plan(
      context: length, tokens: parameters.tokens, batch: parameters.batch, learningRate: parameters.learningRate,
      warmup: parameters.warmup, ceWeight: parameters.ceWeight ?? 0, klWeight: klWeight, seed: UInt64(context.seed))
    if parameters.freezesFeedForwards == true { plan.freezesFeedForwards = true }
    var recipe = Extending(
      student: student, teacher: klWeight > 0 ? try context.parent("teacher").folder : nil,
      data: try text.training(parameters.mixture, tokenizer: tokenizer), heldOut: heldOut, positions: positions,
      plan: plan,
      cache: parameters.cachesTeacher == true
        ? TeacherStates(context.folder.appendingPathComponent("run/teacher")) : nil)
    recipe.shared = try context.sharedTeacherStates()
    for warning in try recipe.check() { printNote("warning: \(warning)") }
    let curve = try recipe.run(
      in: context.folder, reportTeacher: context.reportTeacher(plan), report: context.report(plan),
      shouldStop: { context.isInterrupted })
    return StageResult(
      metrics: ["loss": Metric(curve.last?.last ?? .nan), "yarn": yarn],
      series: ["loss": try context.lossSeries(plan), "heldout": curve],
      tokens: plan.steps * plan.batch * plan.time)
  })
