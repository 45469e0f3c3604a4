import Collectives
import Foundation
import Groundwork
import LabKit

/// Draws speed-up and overlap by GPU count, one line per method; `script` is `figures/simulate.gp`.
public func drawScaling(_ points: [ScalingPoint], of scenario: Scenario, with script: FigureScript, to svg: URL) throws
{
  let rows = points.flatMap { point in
    point.times.dropFirst().map {
      [$0.method.rawValue, "\(point.gpus)", "\(point.speedup($0))", "\(100 * $0.overlap)"]
    }
  }
  let methods = scenario.methods.filter { $0 != .standard }.map(\.rawValue)
  try script.draw(
    CSV(header: ["method", "gpus", "speedup", "overlap"], rows: rows), to: svg,
    settings: [
      "methods": methods.joined(separator: " "), "counts": points.map { "\($0.gpus)" }.joined(separator: " "),
      "headline": "\(scenario.shape.name), \(scenario.mode.rawValue), simulated",
    ])
}
