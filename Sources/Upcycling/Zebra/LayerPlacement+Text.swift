import Foundation
import Groundwork

extension LayerPlacement {
  /// Scores as bars, the chosen layers filled, and what was chosen.
  ///
  ///     layer  sensitivity
  ///         0      1185.06  ████████████████████████████████████████  MLA
  ///         1       382.73  ░░░░░░░░░░░░░
  public func picture(scores: [Double]) -> String {
    let width = 40
    let highest = max(scores.max() ?? 0, .leastNormalMagnitude)
    let lines = scores.enumerated().map { layer, score -> String in
      let isChosen = layers.contains(layer)
      let length = Int((max(0, score) / highest * Double(width)).rounded())
      let bar = String(repeating: isChosen ? "█" : "░", count: length)
      let padded = bar + String(repeating: " ", count: width - length)
      let line =
        String(format: highest < 10 ? "%5d  %11.4f  " : "%5d  %11.2f  ", layer, score)
        + (isChosen ? padded + "  MLA" : bar)
      return String(line.reversed().drop { $0 == " " }.reversed())
    }
    return (["layer  sensitivity"] + lines).joined(separator: "\n")
  }

  /// Two lines: the layers with their total, and whether they obey SMART's rule.
  public func summary(layerCount: Int) -> String {
    let gaps = PlacementRule.gaps(layers).map(String.init).joined(separator: " ")
    let verdict =
      violations.isEmpty ? "obeys SMART's rule" : "breaks SMART's rule: " + violations.joined(separator: "; ")
    return """
      \(strategy.rawValue): \(layers.count) of \(layerCount) layers: \(layers.map(String.init).joined(separator: ","))
      total \(String(format: total < 10 ? "%.4f" : "%.2f", total))\(gaps.isEmpty ? "" : "; gaps \(gaps)"); \(verdict)
      """
  }

  /// `strategy`, `layers`, `gaps`, `total`, `obeys_rule`, `violations`, and the scores it was chosen from.
  public func json(scores: [Double]) -> JSONValue {
    .object([
      "strategy": .string(strategy.rawValue), "layers": .array(layers.map { .int($0) }),
      "gaps": .array(PlacementRule.gaps(layers).map { .int($0) }), "total": .double(total),
      "obeys_rule": .bool(violations.isEmpty), "violations": .array(violations.map { .string($0) }),
      "scores": .array(scores.map { .double($0) }),
    ])
  }
}
