import ArgumentParser
import Commands
import Distillation
import Foundation
import Groundwork
import ModelCore
import Recipes
import TokenData
import TrainingCommands
import Upcycling

/// `zebra mohawk`: a pure Mamba2 model, as Llamba was made.
struct Mohawk: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Baseline Llamba: a model whose layers are all Mamba2, distilled by MOHAWK's three stages.",
    discussion: """
      First the mixing matrices of every Mamba2 layer learn the attention matrices of the base's, head by head (Frobenius \
      norm); then its outputs learn attention's; then the whole model follows the teacher (KL). In the first two stages \
      layers see the base's own input, and the mixers alone train. --tokens are those of all stages, shared by default as \
      Zebra-Llama's paper trains Llamba: 225 M, 2.025 B and 3.75 B of 6 B.

      Mamba2 starts from the base's projections, as Zebra-Llama's does, and keeps its convolution, gate and norm, of which \
      Llamba drops some. What the first two stages leave stays in the work folder: an interrupted command goes on where \
      it stopped. Ranks of mpirun share every batch.

      Example:
        zebra mohawk --base runs/babyllama --data shards/tinystories \\
          --tokens 4M --out runs/llamba
      """)

  @Option(help: "Base model folder: attention in every layer.") var base: String
  @Option(help: "Model that the last stage follows (default: the base).") var teacher: String?
  @Option(help: "Token shards to train on.") var data: String
  @Option(help: "Token shards for the layers' errors and the held-out loss.") var heldOut: String?
  @Option(help: "Training tokens of all stages, such as 4M.") var tokens: String
  @Option(help: "Parts of the tokens for matrices, outputs and the whole model.") var shares = "3.75,33.75,62.5"
  @Option(
    name: .customLong("init"), help: "Start of the new mixers: structured (from attention's weights), random.")
  var start = MixerStart.structured
  @Option(help: "Peak learning rate of the first two stages.") var layerLr = 2e-3
  @Option(help: "Peak learning rate of the last stage.") var lr = 1e-3
  @Option(help: "Fraction of the steps that warm up.") var warmup = 0.01
  @OptionGroup var staged: StagedOptions
  @Flag(help: "Print the layers' errors and the held-out loss as JSON.") var json = false

  func run() {
    runOnRanks(staged.onRanks, renamed: ["layers": "base"]) { ranks in
      let recipe = try ranks.agreeing {
        func folder(_ path: String) -> URL { URL(fileURLWithPath: path) }
        try requireRate(layerLr, "--layer-lr")
        let plans = try MohawkDistilling.Plans(
          tokens: parsedCount(tokens, "--tokens", such: "4M", atLeast: 1),
          shares: parsedShares(shares, such: "4,34,62"), batch: staged.batch,
          time: staged.sequence, layerRate: layerLr, rate: lr, warmup: warmup, seed: staged.seed
        ).dealt(to: ranks.size)
        var recipe = MohawkDistilling(
          base: folder(base), teacher: teacher.map(folder),
          conversion: MambaConversion(start: start, seed: staged.seed),
          data: try TokenShards(folder(data)), heldOut: try heldOut.map { try TokenShards(folder($0)) }, plans: plans,
          work: staged.workFolder)
        recipe.type = try staged.type(from: folder(base))
        return recipe
      }
      let outcome = try staged.train(
        from: [base, teacher, data, heldOut], base: recipe.base, teacher: recipe.teacher, on: ranks
      ) { out, force, isQuiet in
        try recipe.run(
          in: out, force: force, on: ranks, saveEvery: staged.saveEvery,
          report: { intermediateReport($1, label: "\($0) step", quiet: isQuiet) },
          reportLast: stepReport("distill", recipe.plans.distillation, quiet: isQuiet),
          shouldStop: { Interrupt.isRaised })
      }
      guard let outcome else { return }
      if json { return try staged.output.printTrained(json: jsonValue(outcome, snakeCase: true)) }
      for (layer, start) in outcome.matrices.before.enumerated() {
        try printResult(
          String(
            format: "layer %2d  relative error %.3f -> %.3f (matrices) -> %.3f (outputs)", layer, start,
            outcome.matrices.after[layer], outcome.mixers.after[layer]))
      }
      if let line = heldOutLine(outcome.heldOut) { try printResult(line) }
      try staged.output.printTrained()
    }
  }
}
