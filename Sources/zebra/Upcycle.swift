import ArgumentParser
import Commands
import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import Recipes
import TokenData
import TrainingCommands

/// `zebra upcycle`: from a model and a cache size to a hybrid, by what the ablations show to be best.
struct Upcycle: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "The whole way to a hybrid of a given cache, by our own recipe: prints the plan and why, then does it.",
    discussion: """
      The base with latent attention in every layer and the base with Gated DeltaNet in every layer learn layer by layer \
      (ILD); every layer is scored by what latent attention there takes off the divergence; the highest, as many as \
      --kv has room for, stay latent, the others are Gated DeltaNet; the hybrid then follows the teacher (KL). Each of \
      these decisions is an experiment's, which the plan names with its numbers; inside a checkout these are those of \
      its committed records. A quarter of --tokens goes to each student, half to the hybrid.

      --plan prints the plan and writes nothing. What the first stages leave stays in the work folder: an interrupted \
      command goes on where it stopped. Ranks of mpirun share every batch.

      Example:
        zebra upcycle --model runs/babyllama --data shards/tinystories --kv 5% \\
          --tokens 4M --out runs/hybrid
      """)

  @Option(help: "Model folder: attention in every layer.") var model: String
  @Option(help: "Model that the hybrid follows, better a larger one of the same tokenizer (default: the model).")
  var teacher: String?
  @Option(help: "Token shards to train on.") var data: String
  @Option(help: "Token shards for the layers' errors and the held-out loss.") var heldOut: String?
  @Option(help: "KV cache of the hybrid against the model's, at most.") var kv = "5%"
  @Option(help: "Training tokens of all stages, such as 4M (default: as many as the text has).") var tokens: String?
  @Option(help: "Windows of 256 tokens to score layers on.") var windows = 64
  @Option(help: "Peak learning rate of the two students.") var layerLr = 2e-3
  @Option(help: "Peak learning rate of the hybrid.") var lr = 1e-3
  @Option(help: "Fraction of the steps that warm up.") var warmup = 0.02
  @OptionGroup var staged: StagedOptions
  @Flag(help: "Print the plan and stop.") var plan = false
  @Flag(help: "Print the plan, the layers' scores and the held-out loss as JSON.") var json = false

  func run() {
    runOnRanks(staged.onRanks, renamed: ["base": "model", "layers": "model"]) { ranks in
      let (recipe, outline) = try ranks.agreeing {
        let recipe = try self.recipe(on: ranks)
        let laboratory = (try? Places()).map { Laboratory(root: $0.root) }
        let out = URL(fileURLWithPath: staged.output.out)
        return (recipe, try recipe.outline(out: out, force: staged.output.force, citing: laboratory))
      }
      if plan { return try printResult(json ? outline.json.text(pretty: true) : outline.summary, on: ranks) }
      if !json { try printResult(outline.summary, on: ranks) }
      let outcome = try staged.train(
        from: [model, teacher, data, heldOut], base: recipe.base, teacher: recipe.teacher, on: ranks
      ) { out, force, isQuiet in
        try recipe.run(
          in: out, force: force, on: ranks, saveEvery: staged.saveEvery,
          reportLayers: { intermediateReport(recipe.plans.layers, label: "\($0) step", quiet: isQuiet) },
          reportScores: searchReport("scored batch", quiet: isQuiet),
          report: stepReport("distill", recipe.plans.distillation, quiet: isQuiet), shouldStop: { Interrupt.isRaised })
      }
      if let outcome { try show(outcome, outline) }
    }
  }

  private func recipe(on ranks: any TrainingRanks) throws -> BestRecipe {
    func folder(_ path: String) -> URL { URL(fileURLWithPath: path) }
    try requireRate(layerLr, "--layer-lr")
    let percent = try parsedPercent(kv, "--kv", such: "5%")
    // A model that cannot be taken is told before its text is.
    _ = try BestRecipe.shape(ofHybridFrom: folder(model), kvPercent: percent, seed: staged.seed)
    let shards = try TokenShards(folder(data))
    if Tokenizer.isPresent(in: folder(model)) { try shards.require(Tokenizer.load(from: folder(model))) }
    let tokens = try tokens.map { try parsedCount($0, "--tokens", such: "4M", atLeast: 1) } ?? shards.count
    let plans = try BestRecipe.Plans(
      tokens: tokens, batch: staged.batch, time: staged.sequence, layerRate: layerLr, rate: lr, warmup: warmup,
      seed: staged.seed
    ).dealt(to: ranks.size)
    var recipe = BestRecipe(
      base: folder(model), teacher: teacher.map(folder), kvPercent: percent,
      windows: windows, data: shards, heldOut: try heldOut.map { try TokenShards(folder($0)) }, plans: plans,
      work: staged.workFolder)
    recipe.type = try staged.type(from: folder(model))
    return recipe
  }

  private func show(_ outcome: BestRecipe.Outcome, _ outline: BestRecipe.Outline) throws {
    if json {
      let found = JSONValue.object(["plan": outline.json, "outcome": try jsonValue(outcome, snakeCase: true)])
      return try staged.output.printTrained(json: found)
    }
    for (layer, score) in outcome.scores.enumerated() {
      let chosen = outcome.latentLayers.contains(layer) ? "  latent" : ""
      try printResult(String(format: "layer %2d  KL that latent attention takes off %.4f%@", layer, score, chosen))
    }
    if let line = heldOutLine(outcome.heldOut) { try printResult(line) }
    try staged.output.printTrained()
  }
}
