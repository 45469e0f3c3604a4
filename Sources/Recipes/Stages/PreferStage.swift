import Distillation
import Foundation
import Groundwork
import LabKit

/// `prefer`: preference training on the microworld's pairs. Metrics on held-out pairs, after: `loss`, `margin`
/// and `accuracy` (percent) of the rewards, `chosen` and `rejected` (log-probability of a reply); series `loss`
/// (training) by pairs.
let preferStage = Stage(
  name: "prefer", version: 1, parents: ["model"], parameters: ["pairs", "beta", "lr", "batch", "warmup"],
  run: { context in
    let parameters = StageParameters(context.config)
    let plan = PreferencePlan(
      pairs: try parameters.int("pairs"), batch: try parameters.int("batch"),
      learningRate: try parameters.double("lr"), warmup: try parameters.double("warmup"),
      beta: try parameters.double("beta"), seed: UInt64(context.seed))
    let recipe = Preferring(
      model: try context.parent("model").folder, data: PreferenceData(microworldPairs: plan.pairs), plan: plan)
    let outcome = try recipe.run(
      in: context.folder,
      report: { metrics, rate in
        context.progress(metrics.step, of: plan.steps, preferenceDetail(metrics, rate))
      }, shouldStop: { context.isInterrupted })
    let training = try RunDirectory(context.folder).readMetrics()
    return StageResult(
      metrics: [
        "loss": Metric(outcome.loss), "margin": Metric(outcome.margin), "accuracy": Metric(100 * outcome.accuracy),
        "chosen": Metric(outcome.chosen.last ?? .nan), "rejected": Metric(outcome.rejected.last ?? .nan),
      ], series: ["loss": thinned(training.rows, unitsPerStep: plan.batch)], tokens: outcome.tokens)
  })
