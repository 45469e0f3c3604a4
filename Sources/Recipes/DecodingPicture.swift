import Evaluation
import Foundation
import Groundwork
import LabKit

/// Draws a decoding sweep: tokens per second, milliseconds per step and peak bytes, against the context when it varies
/// and against the batch otherwise, one line per model; `script` is `figures/throughput.gp`.
public func drawDecodingSweep(_ points: [DecodingPoint], with script: FigureScript, to svg: URL) throws {
  var models: [String] = []
  for point in points where !models.contains(point.model) { models.append(point.model) }
  let axis = Set(points.map(\.context)).count > 1 ? "context" : "batch"
  try script.draw(
    DecodingPoint.csv(points), to: svg, settings: ["models": models.joined(separator: " "), "axis": axis])
}
