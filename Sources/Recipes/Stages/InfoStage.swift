import Foundation
import Groundwork
import LabKit
import ModelCore
import Upcycling

/// `info`: exact numbers of a model folder, or of a published preset with or without conversion.
let infoStage = Stage(
  name: "info", version: 1, parents: ["model"],
  parameters: ["preset", "kv_rank", "q_rank", "rope_dim", "nope_dim", "layers"], seeded: false,
  run: { context in
    let config =
      context.parents.isEmpty
      ? try presetConfig(StageParameters(context.config))
      : try ModelConfig(contentsOf: try context.parent("model").folder)
    let kind = config.latent == nil ? 0 : config.layers(of: .latentAttention)[0]
    var metrics = [
      "parameters": Metric(Double(config.parameterCount)),
      "attention_parameters_per_layer": Metric(Double(config.mixerParameterCount(layer: kind))),
      "kv_numbers_per_token": Metric(Double(config.kvNumbersPerToken)), "kv_percent": Metric(config.kvPercent),
    ]
    if let latent = config.latent {
      let ranks = config.layers(of: .latentAttention).map { latent.ranks(layer: $0) }
      metrics["kv_rank"] = Metric(ranks.reduce(0) { $0 + Double($1.kv) } / Double(ranks.count))
      metrics["q_rank"] = Metric(ranks.reduce(0) { $0 + Double($1.q ?? 0) } / Double(ranks.count))
    }
    return StageResult(metrics: metrics)
  })

private func presetConfig(_ parameters: StageParameters) throws -> ModelConfig {
  let base = try ModelConfig.preset(try parameters.string("preset"))
  guard let kvRank = try parameters.optional("kv_rank", { $0.int }) else { return base }
  let ropeDim = try parameters.int("rope_dim")
  let nopeDim = try parameters.int("nope_dim")
  let rank = try QueryRank(try parameters.spelled("q_rank")).resolve(
    base: base, kvRank: kvRank, nopeHeadDim: nopeDim, ropeHeadDim: ropeDim,
    upProjectionHeads: base.attentionHeads, granule: 1)
  let layers = try LayerSelection(try parameters.spelled("layers")).resolve(layerCount: base.layerCount)
  return try base.withLatentAttention(
    LatentConfig(
      qRank: rank.rank, kvRank: kvRank, nopeHeadDim: nopeDim, ropeHeadDim: ropeDim, valueHeadDim: base.headDim,
      upProjectionHeads: base.attentionHeads), layers: layers)
}
