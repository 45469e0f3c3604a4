import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData

/// `pretrain`: a ladder model from random weights on the microworld, all its layers connected as `connectivity` says
/// (FarSkip's comparison from scratch). Metrics `training_loss` (mean of the last 50 steps), `loss` (held-out
/// instructions); series `loss` (training) by tokens.
let pretrainStage = Stage(
  name: "pretrain", version: 1,
  parameters: ["preset", "connectivity", "tokens", "lr", "batch", "sequence", "instructions"],
  run: { context in
    let parameters = StageParameters(context.config)
    var recipe = Pretraining(
      preset: try parameters.string("preset"), seed: UInt64(context.seed), tokens: try parameters.int("tokens"),
      batch: try parameters.int("batch"), time: try parameters.int("sequence"),
      learningRate: try parameters.double("lr"))
    recipe.connectivity = try parameters.choice("connectivity", Connectivity.self)
    recipe.instructions = try parameters.choice("instructions", MicroworldCorpus.Mixture.self)
    let places = try Places()
    let text = MicroworldText(places.microworld)
    let tokenizer = try Tokenizer.load(from: places.tokenizer)
    let plan = recipe.plan
    try recipe.run(
      in: context.folder, text: text, tokenizer: tokenizer, quiet: true,
      report: { metrics, rate in context.progress(metrics.step, of: plan.steps, stepDetail(metrics, plan, rate)) },
      shouldStop: { context.isInterrupted })
    let heldOut = try text.shards(.instruction, .validation, tokens: heldOutTokens, tokenizer: tokenizer)
    let loss = try heldOutLoss(LanguageModel(folder: context.folder), heldOut, time: plan.time)
    let rows = try RunDirectory(context.folder).readMetrics().rows
    let last = rows.suffix(50)
    return StageResult(
      metrics: [
        "training_loss": Metric(last.reduce(0) { $0 + $1[2] } / Double(last.count)), "loss": Metric(loss),
      ],
      series: ["loss": thinned(rows, unitsPerStep: plan.batch * plan.time)],
      tokens: plan.steps * plan.batch * plan.time)
  })
