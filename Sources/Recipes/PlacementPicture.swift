import Foundation
import Groundwork
import LabKit
import Upcycling

/// Draws sensitivity by layer with the chosen layers filled; `script` is that of Zebra-Llama's Figure 3.
public func drawPlacement(_ placement: LayerPlacement, scores: [Double], with script: FigureScript, to svg: URL) throws
{
  let csv = FileManager.default.temporaryDirectory.appendingPathComponent("placement-\(UUID().uuidString).csv")
  defer { try? FileManager.default.removeItem(at: csv) }
  let rows = scores.enumerated().map { "\($0),\($1),\(placement.layers.contains($0) ? 1 : 0)" }
  try writeFile((["layer,score,chosen"] + rows).joined(separator: "\n") + "\n", to: csv)
  let list = placement.layers.map(String.init).joined(separator: ", ")
  try script.draw(
    csv: csv, to: svg, ours: scores.count,
    settings: [
      "score": "score", "chosen": "chosen", "headline": "\(placement.strategy.rawValue): latent attention in \(list)",
    ])
}
