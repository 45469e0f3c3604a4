import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData

/// Of a model from scratch.
struct PretrainParameters: StageParameters {
  var preset: String
  @OneOf var connectivity: Connectivity
  var tokens: Int
  var learningRate: Double
  var batch: Int
  var sequence: Int
  @OneOf var instructions: MicroworldCorpus.Mixture
  /// Edition of the microworld; nil: the first.
  var world: Edition?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case preset, connectivity, tokens
    case learningRate = "lr"
    case batch, sequence, instructions, world
  }
}

/// `pretrain`: a ladder model from random weights on the microworld, all its layers connected as `connectivity` says
/// (FarSkip's comparison from scratch). Metrics `training_loss` (mean of the last 50 steps), `loss` (held-out
/// instructions); series `loss` (training) by tokens.
let pretrainStage = Stage(
  name: "pretrain", version: 1, parameters: PretrainParameters.self,
  run: { context, parameters in
    var recipe = Pretraining(
      preset: parameters.preset, seed: UInt64(context.seed), tokens: parameters.tokens, batch: parameters.batch,
      time: parameters.sequence, learningRate: parameters.learningRate)
    recipe.connectivity = parameters.connectivity
    recipe.instructions = parameters.instructions
    let places = try Places()
    let text = MicroworldText(places.microworld, edition: parameters.world ?? .first)
    let tokenizer = try Tokenizer.load(from: places.tokenizer(parameters.world ?? .first))
    let plan = recipe.plan
    try recipe.run(
      in: context.folder, text: text, tokenizer: tokenizer, quiet: true,
      report: { metrics, rate in context.progress(metrics.step, of: plan.steps, stepDetail(metrics, plan, rate)) },
      shouldStop: { context.isInterrupted })
    let loss = try heldOutLoss(
      LanguageModel(folder: context.folder), text.heldOut(tokenizer: tokenizer), time: plan.time)
    let metrics = try RunDirectory(context.folder).readMetrics()
    let last = try metrics.column("ce").suffix(50)
    return StageResult(
      metrics: ["training_loss": Metric(last.reduce(0, +) / Double(last.count)), "loss": Metric(loss)],
      series: ["loss": try thinned(metrics, unitsPerStep: plan.batch * plan.time)],
      tokens: plan.steps * plan.batch * plan.time)
  })
