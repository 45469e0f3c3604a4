import Collectives
import Foundation
import Groundwork
import LabKit

/// Draws speed-up and overlap by GPU count, one line per method; `script` is `figures/simulate.gp`.
public func drawScaling(_ points: [ScalingPoint], of scenario: Scenario, with script: FigureScript, to svg: URL) throws
{
  let csv = FileManager.default.temporaryDirectory.appendingPathComponent("scaling-\(UUID().uuidString).csv")
  defer { try? FileManager.default.removeItem(at: csv) }
  let rows = points.flatMap { point in
    point.times.dropFirst().map { "\($0.method.rawValue),\(point.gpus),\(point.speedup($0)),\(100 * $0.overlap)" }
  }
  try writeFile((["method,gpus,speedup,overlap"] + rows).joined(separator: "\n") + "\n", to: csv)
  let methods = scenario.methods.filter { $0 != .standard }.map(\.rawValue)
  try script.draw(
    csv: csv, to: svg, ours: rows.count,
    settings: [
      "methods": methods.joined(separator: " "), "counts": points.map { "\($0.gpus)" }.joined(separator: " "),
      "headline": "\(scenario.shape.name), \(scenario.mode.rawValue), simulated",
    ])
}
