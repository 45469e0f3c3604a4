import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData
import Worlds

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
    return try pretrained(recipe, in: context, world: parameters.world ?? .first)
  })

/// Of a hybrid from scratch.
struct PretrainHybridParameters: StageParameters {
  var tokens: Int
  var learningRate: Double
  var batch: Int
  var sequence: Int

  enum CodingKeys: String, CodingKey, CaseIterable {
    case tokens
    case learningRate = "lr"
    case batch, sequence
  }
}

/// `pretrain_hybrid`: a preset with other mixers (as `info` names them) from random weights on the microworld, as
/// `pretrain` trains: what a hybrid learns that is not made from a finished model.
let pretrainHybridStage = Stage(
  name: "pretrain_hybrid", version: 1, parameters: (HybridShape.self, PretrainHybridParameters.self),
  run: { context, shape, parameters in
    var recipe = Pretraining(
      preset: "\(shape.preset) as \(context.config.text())", seed: UInt64(context.seed), tokens: parameters.tokens,
      batch: parameters.batch, time: parameters.sequence, learningRate: parameters.learningRate)
    recipe.shape = try shape.config()
    return try pretrained(recipe, in: context, world: .first)
  })

private func pretrained(_ recipe: Pretraining, in context: StageContext, world: Edition) throws -> StageResult {
  let places = try Places()
  let text = MicroworldText(places.microworld, edition: world)
  let tokenizer = try Tokenizer.load(from: places.tokenizer(world))
  let plan = recipe.plan
  try recipe.run(
    in: context.folder, text: text, tokenizer: tokenizer, quiet: true,
    report: context.report(plan), shouldStop: { context.isInterrupted })
  let loss = try plan.heldOutLoss(LanguageModel(folder: context.folder), text.heldOut(tokenizer: tokenizer))
  let last = try RunDirectory(context.folder).readMetrics().column("ce").suffix(50)
  return StageResult(
    metrics: ["training_loss": Metric(last.reduce(0, +) / Double(last.count)), "loss": Metric(loss)],
    series: ["loss": try context.lossSeries(plan)],
    tokens: plan.steps * plan.batch * plan.time)
}
