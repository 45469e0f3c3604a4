import Foundation
import Groundwork
import LabKit
import Upcycling

/// Draws sensitivity by layer with the chosen layers filled; `script` is that of Zebra-Llama's Figure 3.
/// - Parameter linear: what the other layers are, in words
public func drawPlacement(
  _ placement: LayerPlacement, scores: [Double], linear: String, with script: FigureScript, to svg: URL
) throws {
  let rows = scores.enumerated().map { ["\($0)", "\($1)", placement.layers.contains($0) ? "1" : "0"] }
  let list = placement.layers.map(String.init).joined(separator: ", ")
  try script.draw(
    CSV(header: ["layer", "score", "chosen"], rows: rows), to: svg,
    settings: [
      "caption": "", "score": "score", "chosen": "chosen",
      "headline": "\(placement.strategy.rawValue): latent attention in \(list)", "linear": linear,
    ])
}
