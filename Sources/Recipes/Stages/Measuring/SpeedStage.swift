import Evaluation
import Groundwork
import LabKit
import ModelCore
import TensorCore

/// How many sequences are continued, from how long a context.
struct SpeedParameters: StageParameters {
  var batch: Int
  var context: Int
  var newTokens: Int
  /// No measurement where the cache alone passes so many gigabytes.
  var memoryGB: Double

  enum CodingKeys: String, CodingKey, CaseIterable {
    case batch, context
    case newTokens = "new_tokens"
    case memoryGB = "memory_gb"
  }
}

/// `speed`: decoding of a preset with other mixers (as `info` names them), random weights, from a cache of random
/// numbers: the papers' protocols A (`batch`) and B (`context`), timed five times. Metrics `throughput` (tokens per second
/// over all sequences), `ms_per_step`, `cache_gb`, `peak_gb` (true allocations), `batch`, `context`; only the last two where
/// the cache alone would pass `memory_gb`.
let speedStage = Stage(
  name: "speed", version: 3, parameters: (HybridShape.self, SpeedParameters.self), seeded: false, isTimed: true,
  run: { _, shape, parameters in
    let config = try shape.config()
    let (batch, length) = (parameters.batch, parameters.context)
    var metrics = ["batch": Metric(Double(batch)), "context": Metric(Double(length))]
    let numbers = cappedSum(cappedProduct(length, config.kvNumbersPerToken), config.stateNumbers)
    let bytes = cappedProduct(4, batch, numbers)
    if Double(bytes) > 1e9 * parameters.memoryGB { return StageResult(metrics: metrics) }
    let point = try measureDecoding(
      of: LanguageModel(config, seed: 1), named: config.architecture.rawValue, batch: batch, context: length,
      newTokens: parameters.newTokens, repeats: Metric.timings)
    metrics["throughput"] = Metric(repeated: point.timings.map { 1000 * Double(batch) / $0 })
    metrics["ms_per_step"] = Metric(repeated: point.timings)
    metrics["cache_gb"] = Metric(Double(point.cacheBytes) / 1e9)
    metrics["peak_gb"] = Metric(Double(point.peakBytes) / 1e9)
    return StageResult(metrics: metrics)
  })

extension Metric {
  /// How often a stage measures a time, so that it has an error.
  static let timings = 5

  /// The mean of repeated measurements and its standard error, which a single one has not.
  init(repeated values: [Double]) {
    let estimate = Estimate(values)
    self.init(estimate.value, stderr: values.count > 1 ? estimate.standardError : nil)
  }
}
