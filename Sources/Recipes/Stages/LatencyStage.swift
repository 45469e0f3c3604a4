import Evaluation
import Groundwork
import LabKit
import ModelCore

/// `latency`: one text of `context` tokens, of a preset with other mixers (as `info` names them) and random weights.
/// Metrics `seconds_to_first_token` (the prompt really read, `chunk` tokens at a time; absent above `longest_prefill`),
/// `ms_per_token` (from a cache of random numbers), `cache_gb`, `state_gb`, `context`; only the last three where the
/// cache would pass `memory_gb`.
let latencyStage = Stage(
  name: "latency", version: 1,
  parameters: [
    "preset", "kv_rank", "q_rank", "rope_dim", "nope_dim", "layers", "up_heads", "rest", "context", "new_tokens",
    "chunk",
    "longest_prefill", "memory_gb",
  ], seeded: false,
  run: { context in
    let parameters = StageParameters(context.config)
    let config = try hybridConfig(parameters)
    let length = try parameters.int("context")
    let (cache, state) = (4 * length * config.kvNumbersPerToken, 4 * config.stateNumbers)
    var metrics = [
      "context": Metric(Double(length)), "cache_gb": Metric(Double(cache) / 1e9),
      "state_gb": Metric(Double(state) / 1e9),
    ]
    if Double(cache + state) > 1e9 * (try parameters.double("memory_gb")) { return StageResult(metrics: metrics) }
    let model = try LanguageModel(config, seed: 1)
    if length <= (try parameters.int("longest_prefill")) {
      metrics["seconds_to_first_token"] = Metric(
        try measurePrefill(of: model, tokens: length, chunk: try parameters.int("chunk")))
    }
    let point = try measureDecoding(
      of: model, named: "latency", batch: 1, context: length, newTokens: try parameters.int("new_tokens"))
    metrics["ms_per_token"] = Metric(point.millisecondsPerStep)
    return StageResult(metrics: metrics)
  })
