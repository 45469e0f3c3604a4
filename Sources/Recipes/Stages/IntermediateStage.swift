import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData
import Upcycling

/// `ild`: attention layers of the parent become one other mixer and learn their layer's output (Zebra-Llama's first
/// and HyLo's first stage); `mixer` is mla (with `output_gate` and `position_free` for HyLo's Table 5), mamba2 or gdn
/// (Gated DeltaNet, with HyLo's starts as `init`); `tokens` 0 leaves them as they start, and measures that. Metrics
/// `error_before`, `error` (mean over layers of the relative error on held-out text), series `error_before` and `error`
/// by layer, `loss` (training) by tokens.
let intermediateStage = Stage(
  name: "ild", version: 1, parents: ["base"],
  parameters: [
    "mixer", "init", "heads", "kv_rank", "q_rank", "rope_dim", "nope_dim", "output_gate", "position_free", "loss",
    "trained",
    "tokens", "lr", "batch", "sequence", "warmup", "mixture", "layers",
  ],
  run: { context in
    let parameters = StageParameters(context.config)
    let base = try context.parent("base").folder
    let replacement = try replacement(parameters, seed: UInt64(context.seed))
    let tokenizer = try Tokenizer.load(from: base)
    let text = MicroworldText(try Places().microworld)
    let heldOut = try text.shards(.instruction, .validation, tokens: heldOutTokens, tokenizer: tokenizer)
    func byLayer(_ errors: [Double]) -> [[Double]] {
      errors.enumerated().map { [Double($0), ($1 * 1e6).rounded() / 1e6] }
    }
    func mean(_ errors: [Double]) -> Metric { Metric(errors.reduce(0, +) / Double(errors.count)) }
    let tokens = try parameters.int("tokens")
    if tokens == 0 {
      let errors = try replacement.save(base: base, to: context.folder, heldOut: heldOut)
      return StageResult(metrics: ["error": mean(errors)], series: ["error": byLayer(errors)])
    }
    let plan = IntermediatePlan(
      tokens: tokens, batch: try parameters.int("batch"), time: try parameters.int("sequence"),
      learningRate: try parameters.double("lr"), warmup: try parameters.double("warmup"),
      loss: try parameters.choice("loss", IntermediatePlan.Loss.self),
      trained: try parameters.choice("trained", IntermediatePlan.Trained.self), seed: UInt64(context.seed))
    let mixture = try parameters.choice("mixture", MicroworldCorpus.Mixture.self)
    let recipe = IntermediateDistilling(
      base: base, replacement: replacement, data: try text.shards(mixture, tokens: corpusTokens, tokenizer: tokenizer),
      heldOut: heldOut, plan: plan)
    let outcome = try recipe.run(
      in: context.folder,
      report: { metrics, rate in context.progress(metrics.step, of: plan.steps, intermediateDetail(metrics, rate)) },
      shouldStop: { context.isInterrupted })
    let training = try RunDirectory(context.folder).readMetrics()
    return StageResult(
      metrics: ["error_before": mean(outcome.before), "error": mean(outcome.after)],
      series: [
        "error_before": byLayer(outcome.before), "error": byLayer(outcome.after),
        "loss": thinned(training.rows, unitsPerStep: plan.batch * plan.time),
      ], tokens: plan.steps * plan.batch * plan.time)
  })

private func replacement(_ parameters: StageParameters, seed: UInt64) throws -> IntermediateDistilling.Replacement {
  let layers = try parameters.optional("layers") { _ in try? LayerSelection(parameters.spelled("layers")) } ?? .all
  func start() throws -> MambaConversion.Start { try parameters.choice("init", MambaConversion.Start.self) }
  switch try parameters.string("mixer") {
  case "mamba2": return .mamba2(MambaConversion(layers: layers, start: try start(), seed: seed))
  case "gdn":
    return .gatedDeltaNet(
      DeltaConversion(
        layers: layers, start: try parameters.choice("init", DeltaConversion.Start.self),
        heads: try parameters.optional("heads") { $0.int }, seed: seed))
  case "mla":
    var conversion = LatentConversion(
      kvRank: try parameters.int("kv_rank"), queryRank: try QueryRank(parameters.spelled("q_rank")),
      nopeHeadDim: try parameters.int("nope_dim"), ropeHeadDim: try parameters.int("rope_dim"), layers: layers,
      start: try start() == .random ? .random : .svd, sharesUpProjection: true, seed: seed)
    if try parameters.optional("output_gate", { $0.bool }) == true { conversion.outputGate = true }
    if try parameters.optional("position_free", { $0.bool }) == true { conversion.isPositionFree = true }
    return .latentAttention(conversion)
  case let other: throw UpcycleError.usage("unknown value", at: "mixer", expected: "mla, mamba2, gdn", found: other)
  }
}
