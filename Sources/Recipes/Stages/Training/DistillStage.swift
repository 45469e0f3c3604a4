import Distillation
import Foundation
import Groundwork
import LabKit
import TokenData
import Worlds

/// How a student follows its teacher.
struct DistillParameters: StageParameters {
  var tokens: Int
  var klWeight: Double
  var ceWeight: Double
  var learningRate: Double
  var batch: Int
  var sequence: Int
  var warmup: Double
  /// Of the microworld; nil: the packed text that it builds on.
  var mixture: OneOf<MicroworldCorpus.Mixture>?
  /// nil: text that the base was pretrained on; else another author's, who gives this share of answers wrongly.
  var rho: Double?
  var freezesFeedForwards: Bool?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case tokens
    case klWeight = "kl_weight"
    case ceWeight = "ce_weight"
    case learningRate = "lr"
    case batch, sequence, warmup, mixture, rho
    case freezesFeedForwards = "freeze_feed_forwards"
  }

  static func names(buildingOn roles: Set<String>) -> [String] {
    roles.contains("text") ? allNames.filter { $0 != "mixture" && $0 != "rho" } : allNames
  }
}

/// `distill`: KL from a teacher (and cross-entropy) on a microworld mixture, or on the packed `text` with the loss on
/// `held_out`. Metric `loss` (held-out, after), series `loss` (training) and `heldout`, both by tokens.
let distillStage = Stage(
  name: "distill", version: 1, parents: ["student", "teacher", "text?", "held_out?"],
  parameters: DistillParameters.self,
  run: { context, parameters in
    let student = try context.parent("student").folder
    var plan = TrainingPlan(
      tokens: parameters.tokens, batch: parameters.batch, time: parameters.sequence,
      learningRate: parameters.learningRate, warmup: parameters.warmup, ceWeight: parameters.ceWeight,
      klWeight: parameters.klWeight, seed: UInt64(context.seed))
    if parameters.freezesFeedForwards == true { plan.freezesFeedForwards = true }
    let tokenizer = try Tokenizer.load(from: student)
    let text: (training: TokenShards, heldOut: TokenShards)
    if let given = context.parents["text"] {
      text = (try packedText(given, tokenizer), try packedText(try context.parent("held_out"), tokenizer))
    } else {
      guard let mixture = parameters.mixture else { throw UpcycleError.usage("is missing", field: "mixture") }
      let world = try MicroworldText(for: tokenizer)
      text = (
        try world.training(mixture.wrappedValue, .supervised, rho: parameters.rho, tokenizer: tokenizer),
        try world.heldOut(tokenizer: tokenizer)
      )
    }
    var recipe = Distilling(
      student: student, teacher: try context.parent("teacher").folder,
      data: text.training, heldOut: text.heldOut, plan: plan)
    recipe.shared = try context.sharedTeacherStates()
    let heldOut = try recipe.run(
      in: context.folder, reportTeacher: context.reportTeacher(plan), report: context.report(plan),
      shouldStop: { context.isInterrupted })
    return StageResult(
      metrics: ["loss": Metric(heldOut.last?.last ?? .nan)],
      series: ["loss": try context.lossSeries(plan), "heldout": heldOut],
      tokens: plan.steps * plan.batch * plan.time)
  })
