import Distillation
import Foundation
import LabKit
import ModelCore
import TokenData
import Upcycling
import Worlds

/// How the linear blocks of a super-network start and learn.
struct SuperNetworkParameters: StageParameters {
  @OneOf var start: MixerStart
  var tokens: Int
  @OneOf var loss: IntermediatePlan.Loss
  var learningRate: Double
  var batch: Int
  var sequence: Int
  var warmup: Double
  @OneOf var mixture: MicroworldCorpus.Mixture

  enum CodingKeys: String, CodingKey, CaseIterable {
    case start = "init"
    case tokens, loss
    case learningRate = "lr"
    case batch, sequence, warmup, mixture
  }
}

/// `super_network`: every layer of the parent gets a JetBlock beside its attention, and these learn on random paths (PostNAS,
/// Jet-Nemotron); what it leaves is the model with the blocks in every layer. Series `loss` by tokens.
let superNetworkStage = Stage(
  name: "super_network", version: 1, parents: ["base"], parameters: SuperNetworkParameters.self,
  run: { context, parameters in
    let base = try context.parent("base").folder
    let tokenizer = try Tokenizer.load(from: base)
    let seed = UInt64(context.seed)
    let plan = IntermediatePlan(
      tokens: parameters.tokens, batch: parameters.batch, time: parameters.sequence,
      learningRate: parameters.learningRate, warmup: parameters.warmup, loss: parameters.loss, trained: .mixers,
      seed: seed)
    try SuperNetworkDistilling(
      base: base, replacement: JetConversion(start: parameters.start, seed: seed),
      data: MicroworldText(for: tokenizer).training(parameters.mixture, .intermediate, tokenizer: tokenizer), plan: plan
    ).run(
      in: context.folder,
      report: { context.progress($0.step, of: plan.steps, superNetworkDetail($0, $1)) },
      shouldStop: { context.isInterrupted })
    return StageResult(
      series: ["loss": try context.lossSeries(plan)], tokens: plan.steps * plan.unitsPerStep)
  })

/// How a super-network is searched.
struct PlacementSearchParameters: StageParameters {
  /// Layers that keep attention.
  var count: Int
  /// Sets that a round hands on.
  var beam: Int
  /// Of 256 tokens, that divergences are measured on.
  var windows: Int

  enum CodingKeys: String, CodingKey, CaseIterable { case count, beam, windows }
}

/// `placement_search`: beam search of the super-network of `base` and `linear` for the layers that keep attention, on training
/// text that evaluation never sees; what it leaves is the model. Metrics `kl` (of the choice), `layer1`, `layer2`, …; series
/// `attention`: the layers.
let placementSearchStage = Stage(
  name: "placement_search", version: 1, parents: ["base", "linear"], parameters: PlacementSearchParameters.self,
  seeded: false,
  run: { context, parameters in
    let base = try context.parent("base").folder
    let made = context.folder.appendingPathComponent("model")
    let rounds = try PlacementSearching(
      base: base, linear: context.parent("linear").folder,
      beam: PlacementBeam(
        count: parameters.count, width: parameters.beam, layerCount: ModelConfig(contentsOf: base).layerCount),
      windows: scoredWindows(parameters.windows, context), measured: context.folder.appendingPathComponent("paths.csv")
    ).run(
      to: made, report: { context.progress($0, of: $1, "paths") }, shouldStop: { context.isInterrupted })
    try moveContents(of: made, to: context.folder)
    guard let best = rounds.last?.first else { return StageResult() }
    var metrics = layerMetrics(best.layers)
    metrics["kl"] = Metric(best.divergence)
    return StageResult(metrics: metrics, series: ["attention": layerSeries(best.layers)])
  })
