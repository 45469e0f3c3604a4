import Foundation
import Groundwork

extension ConversionReport {
  /// For people: ranks per layer, cache, parameters, time, starting loss.
  public var summary: String {
    func percent(_ share: Double) -> String { String(format: "%.2f %%", 100 * share) }
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
    lines.append(
      "KV cache: \(kvNumbersPerToken) of \(baseKVNumbersPerToken) numbers per token, \(String(format: "%.2f", kvPercent)) %"
    )
    lines.append(
      "parameters: \(parameters) (base \(baseParameters), \(percent(Double(parameters) / Double(baseParameters))))")
    if let fit {
      lines.append(
        String(
          format: "before training: loss %.4f (base %.4f), KL %.4f per token over %d tokens", fit.loss, fit.baseLoss,
          fit.divergence, fit.tokens))
    }
    lines.append("converted in \(String(format: "%.1f", seconds)) s")
    return lines.joined(separator: "\n")
  }
}
