import Evaluation
import Groundwork
import LabKit
import ModelCore
import TensorCore

/// `speed`: decoding of a preset with other mixers (as `info` names them), random weights, from a cache of random
/// numbers: the papers' protocols A (`batch`) and B (`context`). Metrics `throughput` (tokens per second over all
/// sequences), `ms_per_step`, `cache_gb`, `peak_gb` (true allocations), `batch`, `context`; only the last two where
/// the cache alone would pass `memory_gb`.
let speedStage = Stage(
  name: "speed", version: 2,
  parameters: [
    "preset", "kv_rank", "q_rank", "rope_dim", "nope_dim", "layers", "up_heads", "rest", "batch", "context",
    "new_tokens",
    "memory_gb",
  ], seeded: false,
  run: { context in
    let parameters = StageParameters(context.config)
    let config = try hybridConfig(parameters)
    let (batch, length) = (try parameters.int("batch"), try parameters.int("context"))
    var metrics = ["batch": Metric(Double(batch)), "context": Metric(Double(length))]
    let bytes = 4 * batch * (length * config.kvNumbersPerToken + config.stateNumbers)
    if Double(bytes) > 1e9 * (try parameters.double("memory_gb")) { return StageResult(metrics: metrics) }
    let point = try measureDecoding(
      of: LanguageModel(config, seed: 1), named: config.architecture.rawValue, batch: batch, context: length,
      newTokens: try parameters.int("new_tokens"))
    metrics["throughput"] = Metric(point.tokensPerSecond)
    metrics["ms_per_step"] = Metric(point.millisecondsPerStep)
    metrics["cache_gb"] = Metric(Double(point.cacheBytes) / 1e9)
    metrics["peak_gb"] = Metric(Double(point.peakBytes) / 1e9)
    return StageResult(metrics: metrics)
  })
