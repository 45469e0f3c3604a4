import Evaluation
import Foundation
import Groundwork
import LabKit

/// Draws a decoding sweep: tokens per second, milliseconds per step and peak bytes, against the context when it varies
/// and against the batch otherwise, one line per model (and batch); `script` is `figures/throughput.gp`.
public func drawDecodingSweep(_ points: [DecodingPoint], with script: FigureScript, to svg: URL) throws {
  let axis = Set(points.map(\.context)).count > 1 ? "context" : "batch"
  let hasBatches = axis == "context" && Set(points.map(\.batch)).count > 1
  var table = DecodingPoint.csv(points)
  var lines: [String] = []
  let column = try table.column("model")
  for (row, point) in points.enumerated() {
    let line = hasBatches ? "\(point.model), batch \(point.batch)" : point.model
    table.rows[row][column] = line
    if !lines.contains(line) { lines.append(line) }
  }
  try script.draw(table, to: svg, settings: ["models": lines.joined(separator: "\t"), "axis": axis])
}
