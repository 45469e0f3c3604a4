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

/// `hylo halo`: a hybrid of attention without positions and linear layers with them, as HypeNet was made.
struct HALOCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "halo",
    abstract:
      "Baseline HypeNet: attention without positions in a few layers, Lightning Attention with them in the others.",
    discussion: """
      First a Lightning Attention in every layer's place learns the output of the base's attention, on the base's own \
      input. Then every layer of the base is taken for its linear one alone: the --count layers whose loss is largest (KL \
      on windows of --data) keep attention, without rotary positions and with an output gate. At last the hybrid \
      follows the teacher (KL). --tokens are those of both trainings, in the parts of --shares.

      Lightning Attention is linear attention that forgets at a constant rate per head, with rotary positions, norms on \
      queries and keys, and an output norm and gate; keys and values are repeated to as many heads as queries have. The \
      paper's last stage, fine-tuning on long texts, is a training like any: hylo extend --kl-weight 0 --ce-weight 1.

      What the first stages leave stays in the work folder: an interrupted command goes on where it stopped. Ranks of \
      mpirun share every batch. Without --data, models of the ladder train on the microworld's text.

      Example:
        hylo halo --base runs/babyllama --count 2 --data shards/tinystories \\
          --tokens 4M --out runs/hype
      """)

  @Option(help: "Base model folder: attention in every layer.") var base: String
  @Option(help: "Model that the hybrid follows (default: the base).") var teacher: String?
  @Option(help: "Token shards to train on (default: the microworld's, for its own models).") var data: String?
  @Option(help: "Token shards for the layers' errors and the held-out loss.") var heldOut: String?
  @Option(help: "Training tokens of both stages, such as 4M.") var tokens: String
  @Option(help: "Parts of the tokens for the linear layers and the hybrid.") var shares = "25,75"
  @Option(help: "Number of layers that keep attention.") var count: Int
  @Option(help: "Windows of 256 tokens to choose layers on.") var windows = 16
  @Option(help: "Peak learning rate of the first stage.") var layerLr = 2e-3
  @Option(help: "Peak learning rate of the last stage.") var lr = 1e-3
  @Option(help: "Fraction of the steps that warm up.") var warmup = 0.01
  @OptionGroup var staged: StagedOptions
  @Flag(help: "Print the losses, the layers and the held-out loss as JSON.") var json = false

  func run() {
    runOnRanks(staged.onRanks, renamed: ["layers": "base"]) { ranks in
      let recipe: HALO = try ranks.inTurn { try self.recipe(on: ranks) }
      let outcome = try staged.train(
        from: [base, teacher, data, heldOut], base: recipe.base, teacher: recipe.teacher, on: ranks
      ) { out, force, isQuiet in
        try recipe.run(
          in: out, force: force, on: ranks, saveEvery: staged.saveEvery,
          reportAlignment: intermediateReport(recipe.plans.alignment, label: "aligned step", quiet: isQuiet),
          reportSwaps: searchReport("swapped layer", quiet: isQuiet),
          report: stepReport("distill", recipe.plans.distillation, quiet: isQuiet), shouldStop: { Interrupt.isRaised })
      }
      if let outcome { try show(outcome) }
    }
  }

  private func recipe(on ranks: any TrainingRanks) throws -> HALO {
    func folder(_ path: String) -> URL { URL(fileURLWithPath: path) }
    try requireRate(layerLr, "--layer-lr")
    let plans = try HALO.Plans(
      tokens: parsedCount(tokens, "--tokens", such: "4M", atLeast: 1), shares: parsedShares(shares, such: "25,75"),
      batch: staged.batch, time: staged.sequence, layerRate: layerLr, rate: lr, warmup: warmup, seed: staged.seed
    ).dealt(to: ranks.size)
    let text = try trainingText(for: folder(base), data: data, heldOut: heldOut, quiet: staged.quiet || !ranks.writes)
    var recipe = HALO(
      base: folder(base), teacher: teacher.map(folder), count: count, windows: windows, data: text.training,
      heldOut: text.heldOut, plans: plans, work: staged.workFolder)
    recipe.type = try staged.type(from: folder(base))
    if ranks.writes { try staged.noteBiases(of: recipe.base) }
    return recipe
  }

  private func show(_ outcome: HALO.Outcome) throws {
    if json { return try staged.output.printTrained(json: jsonValue(outcome, snakeCase: true)) }
    for (layer, loss) in outcome.losses.enumerated() {
      let kept = outcome.attentionLayers.contains(layer) ? "  attention" : ""
      try printResult(String(format: "layer %2d  KL without its attention %.4f%@", layer, loss, kept))
    }
    if let line = heldOutLine(outcome.heldOut) { try printResult(line) }
    try staged.output.printTrained()
  }
}
