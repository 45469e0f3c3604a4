import Distillation
import Foundation
import Groundwork
import LabKit
import TokenData

/// `distill`: KL from a teacher (and cross-entropy) on a microworld mixture. Metric `loss` (held-out, after),
/// series `loss` (training) and `heldout`, both by tokens.
let distillStage = Stage(
  name: "distill", version: 1, parents: ["student", "teacher"],
  parameters: ["tokens", "kl_weight", "ce_weight", "lr", "batch", "sequence", "warmup", "mixture"],
  run: { context in
    let parameters = StageParameters(context.config)
    let student = try context.parent("student").folder
    let plan = TrainingPlan(
      tokens: try parameters.int("tokens"), batch: try parameters.int("batch"), time: try parameters.int("sequence"),
      learningRate: try parameters.double("lr"), warmup: try parameters.double("warmup"),
      ceWeight: try parameters.double("ce_weight"), klWeight: try parameters.double("kl_weight"),
      seed: UInt64(context.seed))
    let mixture = try parameters.choice("mixture", MicroworldCorpus.Mixture.self)
    let tokenizer = try Tokenizer.load(from: student)
    let text = MicroworldText(try Places().microworld)
    let recipe = Distilling(
      student: student, teacher: try context.parent("teacher").folder,
      data: try text.shards(mixture, tokens: corpusTokens, tokenizer: tokenizer),
      heldOut: try text.shards(.instruction, .validation, tokens: heldOutTokens, tokenizer: tokenizer), plan: plan)
    let heldOut = try recipe.run(
      in: context.folder,
      report: { metrics, rate in
        context.progress(metrics.step, of: plan.steps, stepDetail(metrics, plan, rate))
      }, shouldStop: { context.isInterrupted })
    let training = try RunDirectory(context.folder).readMetrics()
    return StageResult(
      metrics: ["loss": Metric(heldOut.last?.last ?? .nan)],
      series: ["loss": thinned(training.rows, unitsPerStep: plan.batch * plan.time), "heldout": heldOut],
      tokens: plan.steps * plan.batch * plan.time)
  })

/// One instruction corpus serves every distillation; longer runs take several passes over it.
let corpusTokens = 4_000_000

/// Training loss by tokens (or pairs) seen, averaged over windows so that at most 60 points remain.
func thinned(_ rows: [[Double]], unitsPerStep: Int) -> [[Double]] {
  let window = max(1, rows.count / 60)
  return stride(from: 0, to: rows.count - window + 1, by: window).map { start in
    let part = rows[start..<start + window]
    let mean = part.reduce(0) { $0 + $1[1] } / Double(part.count)
    return [part.last![0] * Double(unitsPerStep), (mean * 1e6).rounded() / 1e6]
  }
}
