import Foundation
import Groundwork

extension ServeLengthReport {
  /// What a user reads.
  /// - Parameter plan: that was measured
  public func text(_ plan: ServeLengthPlan) -> String {
    func cell(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    var lines = [
      model,
      "  weights   \(formatCount(budget.weightBytes)) bytes",
      "  states    \(formatCount(budget.stateBytes)) bytes",
      "  working   \(formatCount(budget.workingBytes)) bytes (prefill chunks of \(plan.chunk) tokens)",
      "  cache     \(formatCount(budget.cacheBytesPerToken)) bytes per token",
      "  longest   \(budget.longest.map { formatCount($0) + " tokens" } ?? "without limit") in \(formatCount(budget.budgetBytes)) bytes"
        + (isVerified ? ", verified" : ": NOT verified, a measured peak is above it"),
    ]
    if let positions = budget.positions, (points.last?.context ?? 0) > positions {
      lines.append("  note: this model has \(formatCount(positions)) positions; beyond them only speed means anything")
    }
    lines.append("     context   prefill s   decode ms/token      peak bytes")
    for point in points {
      lines.append(
        cell(formatCount(point.context), 12) + cell(point.prefillSeconds.map { String(format: "%.3f", $0) } ?? "-", 12)
          + cell(String(format: "%.3f", point.decodeMilliseconds), 18) + cell(formatCount(point.peakBytes), 16))
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
