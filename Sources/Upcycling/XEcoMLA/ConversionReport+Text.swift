import Foundation
import Groundwork

extension ConversionReport {
  /// For people: ranks per layer, cache, parameters, time, starting loss.
  public var summary: String {
    var lines: [String] = []
    if !layers.isEmpty {
      lines.append("layer  r_q   r_kv  energy lost (q, kv)  seconds")
      for layer in layers {
        lines.append(
          String(format: "%5d %4d %6d", layer.layer, layer.queryRank, layer.kvRank)
            + String(format: "  %9.2e %9.2e  %7.2f", layer.queryLoss, layer.keyValueLoss, layer.seconds))
      }
    }
    if let clamped = queryRankClampedFrom {
      lines.append("query rank: parity would be \(clamped), cut to the rank of the query matrix")
    }
    lines += sizeLines(
      kvNumbersPerToken: kvNumbersPerToken, baseKVNumbersPerToken: baseKVNumbersPerToken, kvPercent: kvPercent,
      parameters: parameters, baseParameters: baseParameters, fit: fit, seconds: seconds)
    return lines.joined(separator: "\n")
  }
}

/// What every conversion says of cache, parameters, start and time.
func sizeLines(
  kvNumbersPerToken: Int, baseKVNumbersPerToken: Int, kvPercent: Double, parameters: Int, baseParameters: Int,
  fit: StartingFit?, seconds: Double
) -> [String] {
  let share = 100 * Double(parameters) / Double(baseParameters)
  var lines = [
    "KV cache: \(formatCount(kvNumbersPerToken)) of \(formatCount(baseKVNumbersPerToken)) numbers per token, "
      + String(format: "%.2f %%", kvPercent),
    "parameters: \(formatCount(parameters)) (base \(formatCount(baseParameters)), " + String(format: "%.2f %%)", share),
  ]
  if let fit {
    lines.append(
      String(
        format: "before training: loss %.4f (base %.4f), KL %.4f per token over %@ tokens", fit.loss, fit.baseLoss,
        fit.divergence, formatCount(fit.tokens)))
  }
  return lines + ["converted in \(String(format: "%.1f", seconds)) s"]
}
