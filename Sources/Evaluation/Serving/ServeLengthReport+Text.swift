import Foundation
import Groundwork

extension ServeLengthReport {
  /// What a user reads.
  /// - Parameter plan: that was measured
  public func text(_ plan: ServeLengthPlan) -> String {
    var lines = [
      model,
      "  weights   \(formatCount(budget.weightBytes)) bytes",
      "  states    \(formatCount(budget.stateBytes)) bytes",
      "  working   \(formatCount(budget.workingBytes)) bytes (prefill chunks of \(plan.chunk) tokens)",
      "  cache     \(formatCount(budget.cacheBytesPerToken)) bytes per token",
      "  longest   \(budget.longest.map { formatCount($0) + " tokens" } ?? "without limit") in \(formatCount(budget.budgetBytes)) bytes"
        + verdict,
    ]
    if let positions = budget.positions, (points.last?.context ?? 0) > positions {
      lines.append("  note: this model has \(formatCount(positions)) positions; beyond them only speed means anything")
    }
    lines.append("     context   prefill s   decode ms/token      peak bytes")
    for point in points {
      lines.append(
        [
          formatCount(point.context).rightAligned(12),
          (point.prefillSeconds.map { String(format: "%.3f", $0) } ?? "-").rightAligned(12),
          String(format: "%.3f", point.decodeMilliseconds).rightAligned(18),
          formatCount(point.peakBytes).rightAligned(16),
        ].joined())
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private var verdict: String {
    if isVerified { return ", verified" }
    guard let unmeasured else { return ": NOT verified, a measured peak is above it" }
    return ": not verified, \(formatCount(unmeasured.context)) tokens need \(formatBytes(unmeasured.neededBytes)) and "
      + "\(formatBytes(unmeasured.freeBytes)) are free"
  }
}
