import Groundwork
import LabKit
import ModelCore

/// The shape whose numbers are asked for; where the stage builds on a model, only what evicts from its cache.
struct InfoParameters: StageParameters {
  var shape: HybridShape?
  /// `h2o:15.6%`; nil: everything is kept.
  var cache: String?

  enum CodingKeys: String, CodingKey { case cache }

  static func names(buildingOn roles: Set<String>) -> [String] {
    roles.isEmpty ? HybridShape.allNames : [CodingKeys.cache.rawValue]
  }

  init(from decoder: any Decoder) throws {
    cache = try decoder.container(keyedBy: CodingKeys.self).decodeIfPresent(String.self, forKey: .cache)
    let shaped = try decoder.container(keyedBy: HybridShape.CodingKeys.self).allKeys
    shape = shaped.isEmpty ? nil : try HybridShape(from: decoder)
  }
}

/// `info`: exact numbers of a model folder, or of a published preset with or without other mixers.
let infoStage = Stage(
  name: "info", version: 1, parents: ["model?"], parameters: InfoParameters.self, seeded: false,
  run: { context, parameters in
    let config = try parameters.shape?.config() ?? ModelConfig(contentsOf: context.parent("model").folder)
    var metrics = sizes(of: config)
    if let cache = parameters.cache {
      try config.requireEvictable()
      metrics["kv_percent"] = Metric(config.kvPercent(keeping: try HeavyHitters(cache)))
    }
    return StageResult(metrics: metrics)
  })

private func sizes(of config: ModelConfig) -> [String: Metric] {
  var metrics = [
    "parameters": Metric(Double(config.parameterCount)),
    "attention_parameters_per_layer": Metric(Double(config.mixerParameterCount(layer: config.attentionLayer ?? 0))),
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
