import ArgumentParser
import Commands
import Foundation
import Groundwork
import LabKit
import Recipes

/// `hybrid curve`: what trainings went through, side by side.
struct Curve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Loss, KL and held-out loss of trainings by tokens, finished ones or under way.",
    discussion: """
      Reads run/metrics.csv and run/heldout.csv of the folders, or the losses of early stopping (run/validation.csv); \
      every curve of a training's own steps is thinned to 200 means.

      Example:
        hybrid curve runs/mla-sft runs/zebra-sft --plot curves.svg
      """)

  @Argument(help: "Folders that distill, extend or pretrain wrote (--out).") var runs: [String]
  @Option(defaultAsFlag: "curves.svg", help: "Draw them as SVG (with gnuplot, inside a checkout).") var plot: String?
  @Option(help: "Write the points as CSV.") var csv: String?

  func run() {
    runReportingErrors {
      let picture = try plot.map {
        (try outputFile($0, "--plot", replacing: "svg"), try FigureScript.ofCheckout("curve.gp"))
      }
      let table = try csv.map { try outputFile($0, "--csv", replacing: "csv") }
      let curves = try runs.map(TrainingCurve.init)
      try printResult(TrainingCurve.table(curves))
      if let table {
        try writeFile(TrainingCurve.csv(curves).text, to: table)
        sayWritten(table)
      }
      if let (plot, script) = picture {
        try TrainingCurve.draw(curves, with: script, to: plot)
        sayWritten(plot)
      }
    }
  }
}
