import Foundation
import Groundwork
import LabKit
import ModelCore
import Published
import Upcycling

/// `info`: exact numbers of a model folder, or of a published preset with or without conversion. With `kv_rank` the
/// listed `layers` are latent, without it they stay attention; `rest: "mamba2"` or `"gdn"` makes Mamba2 or
/// Gated DeltaNet of the other layers.
/// `up_heads: "key_value"` counts Zebra-Llama's up-projection (n_kv heads), else X-EcoMLA's (n_h).
let infoStage = Stage(
  name: "info", version: 1, parents: ["model"],
  parameters: ["preset", "kv_rank", "q_rank", "rope_dim", "nope_dim", "layers", "up_heads", "rest"], seeded: false,
  run: { context in
    if !context.parents.isEmpty {
      return StageResult(metrics: sizes(of: try ModelConfig(contentsOf: try context.parent("model").folder)))
    }
    return StageResult(metrics: sizes(of: try hybridConfig(StageParameters(context.config))))
  })

/// A preset with the mixers that the parameters name (see `infoStage`).
func hybridConfig(_ parameters: StageParameters) throws -> ModelConfig {
  let config = try presetConfig(parameters)
  guard let rest = try parameters.optional("rest", { $0.string }) else { return config }
  let kept = try LayerSelection(try parameters.spelled("layers")).resolve(layerCount: config.layerCount)
  let others = (0..<config.layerCount).filter { !kept.contains($0) }
  switch rest {
  case "mamba2": return try config.withMamba2(layers: others)
  case "gdn": return try config.withGatedDeltaNet(layers: others)
  default: throw UpcycleError.usage("unknown value", at: "rest", expected: "mamba2, gdn", found: rest)
  }
}

private func sizes(of config: ModelConfig) -> [String: Metric] {
  let kind = config.layers(of: config.latent == nil ? .attention : .latentAttention).first ?? 0
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
  if let mamba = config.mamba, let layer = config.layers(of: .mamba2).first {
    metrics["mamba2_parameters_per_layer"] = Metric(Double(config.mixerParameterCount(layer: layer)))
    // The official cache keeps as many inputs of the convolution as it has taps, one more than are needed.
    metrics["state_numbers_per_layer"] = Metric(Double(mamba.recurrentNumbers + mamba.convTaps * mamba.convWidth))
  }
  if let delta = config.delta, let layer = config.layers(of: .gatedDeltaNet).first {
    metrics["gdn_parameters_per_layer"] = Metric(Double(config.mixerParameterCount(layer: layer)))
    metrics["state_numbers_per_layer"] = Metric(Double(delta.recurrentNumbers + delta.convTaps * delta.convWidth))
  }
  metrics["state_numbers"] = Metric(Double(config.recurrentNumbers))
  for context in [8, 16, 32, 64, 2048] {
    metrics["cache_percent_\(context)k"] = Metric(config.cachePercent(context: context << 10))
  }
  return metrics
}

private func presetConfig(_ parameters: StageParameters) throws -> ModelConfig {
  let base = try ModelConfig.preset(try parameters.string("preset"))
  guard let kvRank = try parameters.optional("kv_rank", { $0.int }) else { return base }
  let ropeDim = try parameters.int("rope_dim")
  let nopeDim = try parameters.int("nope_dim")
  let upHeads = try upProjectionHeads(parameters, base)
  let rank = try QueryRank(try parameters.spelled("q_rank")).resolve(
    base: base, kvRank: kvRank, nopeHeadDim: nopeDim, ropeHeadDim: ropeDim, upProjectionHeads: upHeads, granule: 1)
  let layers = try LayerSelection(try parameters.spelled("layers")).resolve(layerCount: base.layerCount)
  return try base.withLatentAttention(
    LatentConfig(
      qRank: rank.rank, kvRank: kvRank, nopeHeadDim: nopeDim, ropeHeadDim: ropeDim, valueHeadDim: base.headDim,
      upProjectionHeads: upHeads), layers: layers)
}

private func upProjectionHeads(_ parameters: StageParameters, _ base: ModelConfig) throws -> Int {
  switch try parameters.optional("up_heads", { $0.string }) {
  case nil, "query": return base.attentionHeads
  case "key_value": return base.keyValueHeads
  case let other?:
    throw UpcycleError.usage("unknown value", at: "up_heads", expected: "query or key_value", found: other)
  }
}
