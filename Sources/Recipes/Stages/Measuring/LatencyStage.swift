import Evaluation
import Groundwork
import LabKit
import ModelCore

/// How one text is read and continued.
struct LatencyParameters: StageParameters {
  /// Tokens of the text.
  var context: Int
  var newTokens: Int
  /// Tokens that are read at a time.
  var chunk: Int
  /// Longer prompts are not read.
  var longestPrefill: Int
  /// How often a prompt is read; once has no error.
  var reads: Int
  /// No measurement where cache and states pass so many gigabytes.
  var memoryGB: Double

  enum CodingKeys: String, CodingKey, CaseIterable {
    case context
    case newTokens = "new_tokens"
    case chunk, reads
    case longestPrefill = "longest_prefill"
    case memoryGB = "memory_gb"
  }
}

/// `latency`: one text of `context` tokens, of a preset with other mixers (as `info` names them) and random weights.
/// Metrics `seconds_to_first_token` (the prompt really read, `chunk` tokens at a time, `reads` times; absent above
/// `longest_prefill`), `ms_per_token` (from a cache of random numbers, timed five times), `cache_gb`, `state_gb`,
/// `context`; only the last three where the cache would pass `memory_gb`.
let latencyStage = Stage(
  name: "latency", version: 2, parameters: (HybridShape.self, LatencyParameters.self), seeded: false, isTimed: true,
  run: { context, shape, parameters in
    let config = try shape.config()
    let length = parameters.context
    let (cache, state) = (cappedProduct(4, length, config.kvNumbersPerToken), 4 * config.stateNumbers)
    var metrics = [
      "context": Metric(Double(length)), "cache_gb": Metric(Double(cache) / 1e9),
      "state_gb": Metric(Double(state) / 1e9),
    ]
    if Double(cache) + Double(state) > 1e9 * parameters.memoryGB { return StageResult(metrics: metrics) }
    let model = try LanguageModel(config, seed: 1)
    if length <= parameters.longestPrefill {
      guard parameters.reads >= 1 else {
        throw UpcycleError("must be positive", at: "`reads`", expected: "1 or more", found: "\(parameters.reads)")
      }
      metrics["seconds_to_first_token"] = Metric(
        repeated: try (0..<parameters.reads).map { _ in
          try context.checkInterrupt()
          return try measurePrefill(of: model, tokens: length, chunk: parameters.chunk)
        })
    }
    let point = try measureDecoding(
      of: model, named: "latency", batch: 1, context: length, newTokens: parameters.newTokens,
      repeats: Metric.timings)
    metrics["ms_per_token"] = Metric(repeated: point.timings)
    return StageResult(metrics: metrics)
  })
