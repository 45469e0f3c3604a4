import ArgumentParser
import Foundation
import Groundwork
import Recipes
import Upcycling

extension LayerPlacement.Strategy: ExpressibleByArgument {}

/// `zebra select`: which layers of the hybrid become latent attention.
struct Select: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Choose the latent-attention layers of a hybrid from one sensitivity score per layer (SMART).",
    discussion: """
      The score file is CSV with the columns layer and sensitivity, every layer from 0 up once; lines that start
      with # are comments:

        layer,sensitivity
        0,1185.06
        1,382.73

      SMART takes the best-scoring layer of the first L/N and of the last L/N layers, keeps the gaps between
      latent layers as equal as they can be, and of all such placements the one with the largest sum. Every
      strategy's list is held against that rule. On fixed scores greedy ends where max-score does.

      Example: zebra select --scores experiments/zebra/published/table10.csv --count 4
      """)

  @Option(help: "Score file.") var scores: String
  @Option(help: "Number of latent-attention layers (N).") var count: Int
  @Option(help: "smart, or a rival: uniform-first, uniform-last, max-score, greedy.")
  var strategy = LayerPlacement.Strategy.smart
  @Option(help: "Draw scores and placement as SVG (with gnuplot, inside a checkout).") var plot: String?
  @Flag(help: "Print JSON: layers, total, gaps, obeys_rule and more.") var json = false

  func run() {
    runReportingErrors {
      let scores = try LayerScores(contentsOf: URL(fileURLWithPath: self.scores)).values
      let placement = try LayerPlacement(strategy, count: count, scores: scores)
      if let plot { try drawPlacement(placement, scores: scores, to: URL(fileURLWithPath: plot)) }
      if json { return print(placement.json(scores: scores).text(pretty: true)) }
      print(placement.picture(scores: scores))
      print("\n" + placement.summary(layerCount: scores.count))
    }
  }
}
