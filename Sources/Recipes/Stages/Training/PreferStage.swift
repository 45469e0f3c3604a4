import Distillation
import Foundation
import Groundwork
import LabKit
import TokenData
import Worlds

/// How a model learns preferences.
struct PreferParameters: StageParameters {
  var pairs: Int
  var beta: Double
  var learningRate: Double
  var batch: Int
  var warmup: Double

  enum CodingKeys: String, CodingKey, CaseIterable {
    case pairs, beta
    case learningRate = "lr"
    case batch, warmup
  }
}

/// `prefer`: preference training on the microworld's pairs. Metrics on held-out pairs, after: `loss`, `margin`
/// and `accuracy` (percent) of the rewards, `chosen` and `rejected` (log-probability of a reply); series `loss`
/// (training) by pairs.
let preferStage = Stage(
  name: "prefer", version: 1, parents: ["model"], parameters: PreferParameters.self,
  run: { context, parameters in
    let plan = PreferencePlan(
      pairs: parameters.pairs, batch: parameters.batch, learningRate: parameters.learningRate,
      warmup: parameters.warmup, beta: parameters.beta, seed: UInt64(context.seed))
    let model = try context.parent("model").folder
    let edition = Edition(of: try Tokenizer.load(from: model))
    let recipe = Preferring(
      model: model,
      // A trial of a few pairs is not mostly measuring.
      data: PreferenceData(
        microworldPairs: plan.pairs, edition: edition, heldOut: min(200, max(8, plan.pairs))), plan: plan)
    let outcome = try recipe.run(
      in: context.folder,
      report: { metrics, rate in
        context.progress(metrics.step, of: plan.steps, preferenceDetail(metrics, rate))
      }, shouldStop: { context.isInterrupted })
    return StageResult(
      metrics: [
        "loss": Metric(outcome.loss), "margin": Metric(outcome.margin), "accuracy": Metric(100 * outcome.accuracy),
        "chosen": Metric(outcome.chosen.last ?? .nan), "rejected": Metric(outcome.rejected.last ?? .nan),
      ], series: ["loss": try context.lossSeries(plan)], tokens: outcome.tokens)
  })
