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

/// `zebra mambainllama`: attention beside Mamba2, after MambaInLlama.
struct MambaInLlamaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mambainllama",
    abstract: "Baseline MambaInLlama: every second attention layer becomes Mamba2, round by round.",
    discussion: """
      A round makes Mamba2 of every second attention layer that is left, from its own projections: one round leaves half of \
      them, two a quarter, three an eighth. Then the model follows the teacher (KL), at first with frozen feed-forwards, then \
      whole. --tokens are those of all rounds, which have equal parts; --shares divides each. --layers names the attention \
      layers that are left instead, in one round. Preference training, the paper's last stage, is `zebra prefer`.

      What the stages before the last leave stays in the work folder: an interrupted command goes on where it stopped. Ranks \
      of mpirun share every batch.

      Example:
        zebra mambainllama --base runs/babyllama --data shards/tinystories \\
          --tokens 4M --out runs/mambainllama
      """)

  @Option(help: "Base model folder: attention in every layer.") var base: String
  @Option(help: "Model that is followed (default: the base).") var teacher: String?
  @Option(help: "Token shards to train on.") var data: String
  @Option(help: "Token shards for the held-out loss.") var heldOut: String?
  @Option(help: "Training tokens of all rounds, such as 4M.") var tokens: String
  @Option(help: "Rounds, of which each halves the attention layers (default: 1).") var rounds: Int?
  @Option(help: "Attention layers that are left, such as 3,7,11, instead of --rounds.") var layers: String?
  @Option(help: "Parts of a round's tokens for frozen feed-forwards and the whole model.") var shares = "50,50"
  @Option(
    name: .customLong("init"), help: "Start of the new mixers: structured (from attention's weights), random.")
  var start = MixerStart.structured
  @Option(help: "Peak learning rate.") var lr = 1e-3
  @Option(help: "Fraction of the steps that warm up.") var warmup = 0.01
  @OptionGroup var staged: StagedOptions
  @Flag(help: "Print the attention layers and the held-out loss as JSON.") var json = false

  func run() {
    runOnRanks(staged.onRanks, renamed: layers == nil ? ["layers": "base"] : [:]) { ranks in
      let recipe = try ranks.agreeing { try self.recipe(on: ranks) }
      let outcome = try staged.train(
        from: [base, teacher, data, heldOut], base: recipe.base, teacher: recipe.teacher, on: ranks
      ) { out, force, isQuiet in
        try recipe.run(
          in: out, force: force, on: ranks, saveEvery: staged.saveEvery,
          report: { stepReport($0, $1, quiet: isQuiet) }, shouldStop: { Interrupt.isRaised })
      }
      if let outcome { try show(outcome) }
    }
  }

  private func recipe(on ranks: any TrainingRanks) throws -> MambaInLlama {
    func folder(_ path: String) -> URL { URL(fileURLWithPath: path) }
    let replaced = try replacedLayers(of: ModelConfig(contentsOf: folder(base)).layerCount)
    let plans = try MambaInLlama.Plans(
      tokens: parsedCount(tokens, "--tokens", such: "4M", atLeast: 1), rounds: replaced.count,
      shares: parsedShares(shares, such: "50,50"), batch: staged.batch, time: staged.sequence, rate: lr, warmup: warmup,
      seed: staged.seed
    ).dealt(to: ranks.size)
    var recipe = MambaInLlama(
      base: folder(base), teacher: teacher.map(folder), rounds: replaced, start: start,
      data: try TokenShards(folder(data)), heldOut: try heldOut.map { try TokenShards(folder($0)) }, plans: plans,
      work: staged.workFolder)
    recipe.type = try staged.type(from: folder(base))
    return recipe
  }

  /// Layers that become Mamba2, round by round.
  private func replacedLayers(of layerCount: Int) throws -> [[Int]] {
    guard let layers else { return try MambaInLlama.halving(rounds ?? 1, layerCount: layerCount) }
    try refuse(["--rounds": rounds != nil], "does not go with --layers, which names what is left")
    guard case .list(let list) = try? LayerSelection(layers) else {
      throw UpcycleError.usage("is not a list of layers", at: "--layers", expected: "such as 3,7,11", found: layers)
    }
    _ = try LayerSelection.list(list).resolve(layerCount: layerCount)
    return [(0..<layerCount).filter { !list.contains($0) }]
  }

  private func show(_ outcome: MambaInLlama.Outcome) throws {
    if json { return try staged.output.printTrained(json: jsonValue(outcome, snakeCase: true)) }
    let list = outcome.attentionLayers.map(String.init).joined(separator: ",")
    try printResult("attention layers: \(list.isEmpty ? "none" : list)")
    for (index, round) in outcome.rounds.enumerated() {
      let title = outcome.rounds.count == 1 ? "" : "round \(index + 1), "
      for (name, curve) in [("frozen feed-forwards", round.frozen), ("whole", round.whole)] {
        if let line = heldOutLine(curve) { try printResult("\(title)\(name): \(line)") }
      }
    }
    try staged.output.printTrained()
  }
}
