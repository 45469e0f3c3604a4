import ArgumentParser
import Commands
import Foundation
import Groundwork
import ModelCore
import Recipes
import TokenData
import Upcycling

extension Connectivity: ExpressibleByArgument {}

/// `farskip convert`: the same weights, another connectivity.
struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Connect layers of a model with experts so that communication can hide; print the damage before training.",
    discussion: """
      With farskip, attention does not see the routed experts of the layer before, and experts do not see the \
      attention of their own layer: dispatch and combine can both hide behind computation. attention-only cuts the \
      first edge alone (the combine can hide), mlp-only the second (the dispatch can); standard goes back again.

      No weight changes: config.json gets the key farskip_connectivity. The loss on held-out text stands beside the \
      original's; without --data, models of the ladder are measured on the microworld's text.

      Example:
        farskip convert --model experiments/teachers/nano-qwen-moe-seed1 \\
          --layers last:90% --out runs/far
      """)

  @Option(help: "Model folder, one with experts.") var model: String
  @Option(help: "Layers to convert: all, 2-11, 1,3,5, last:90%, first:4, or a share spread evenly like 50%.")
  var layers = "all"
  @Option(help: "farskip, attention-only, mlp-only, standard.") var connectivity = Connectivity.farskip
  @Option(help: "Token shards to measure the damage on (default: the microworld's, for its own models).") var data:
    String?
  @OptionGroup var output: OutputFolder
  @Flag(help: "Do not measure the damage.") var noMeasure = false
  @Flag(help: "No progress line.") var quiet = false
  @Flag(help: "Print what was made as JSON.") var json = false

  func run() {
    runReportingErrors {
      let folder = URL(fileURLWithPath: model)
      let selection = try LayerSelection(layers)
      if noMeasure { try refuse(["--data": data != nil], "says nothing with --no-measure") }
      try output.write(from: [model, data], json: json) { place in
        let outcome = try Rewiring(
          model: folder, layers: selection, connectivity: connectivity, heldOut: try heldOut(folder)
        ).run(to: place)
        return .init(outcome.summary + "\nmodel: \(output.out)", json: output.naming(outcome.json))
      }
    }
  }

  private func heldOut(_ folder: URL) throws -> TokenShards? {
    if noMeasure { return nil }
    if let data { return try TokenShards(URL(fileURLWithPath: data)) }
    // A dense model is refused as such, not for its missing text.
    if try ModelConfig(contentsOf: folder).experts == nil { return nil }
    return try ladderText(for: folder, quiet: quiet || json).heldOut
  }
}
