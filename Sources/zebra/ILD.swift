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

/// `zebra ild`: all attention layers become one other mixer, and each learns its layer's output.
struct ILD: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ild",
    abstract: "Replace attention layers by one other mixer and train each layer on the base's (ILD).",
    discussion: """
      Layer l of the student sees the base's input of layer l and learns its output; layers train side by side and \
      do not see each other's errors. Needed twice, with mla and with mamba2, gdn or jet, before select and compose. \
      Ranks of mpirun share every batch.

      Latent attention (mla) defaults to half of each head rotated, an eighth of the cache's rank, and queries of \
      the same number of parameters; its up-projection has the base's KV heads.

      Example:
        zebra ild --base runs/babyllama --mixer mamba2 --data shards/tinystories \\
          --tokens 2M --out runs/all-mamba2
      """)

  enum MixerChoice: String, CaseIterable, ExpressibleByArgument { case mla, mamba2, gdn, jet }

  @Option(help: "Base model folder.") var base: String
  @Option(help: "What takes attention's place: mla, mamba2, gdn (Gated DeltaNet), jet (JetBlock).") var mixer:
    MixerChoice
  @Option(help: "Token shards to train on.") var data: String
  @Option(help: "Token shards that the layers' errors are measured on, before and after.") var heldOut: String?
  @Option(help: "Training tokens, such as 2M.") var tokens: String
  @OptionGroup var output: OutputFolder
  @Option(help: "Layers to replace: all, 1,3,5, 0-3, or a share like 50%.") var layers = "all"
  @Option(
    name: .customLong("init"),
    help:
      "mla, mamba2, jet: start of the new mixers: structured (from attention's weights), random (default: structured).")
  var start: MixerStart?
  @Option(help: "gdn: start of the new mixers: corner (HyLo's), aligned, zero, random (default: corner).") var gdnInit:
    DeltaConversion.Start?
  @Option(help: "gdn: heads (default: of width 256, or 6 in narrow models).") var gdnHeads: Int?
  @Option(help: "mla: rope slice, paper or aligned (default: paper).") var ropeInit: LatentConversion.Rope?
  @OptionGroup(title: "Latent attention") var latent: LatentOptions
  @OptionGroup(title: "Training") var training: IntermediateOptions
  @OptionGroup var stored: StoredType
  @OptionGroup var onRanks: RankOptions
  @Flag(help: "No progress line.") var quiet = false
  @Flag(help: "Print the layers' errors as JSON.") var json = false

  func run() {
    runOnRanks(onRanks, renamed: mixer == .gdn ? ["heads": "gdn-heads", "init": "gdn-init"] : [:]) { ranks in
      let recipe = try ranks.agreeing {
        let folder = URL(fileURLWithPath: base)
        let plan = training.plan(tokens: try parsedCount(tokens, "--tokens", such: "2M", atLeast: 1), loss: .norm)
        try plan.validate(ranks: ranks.size)
        var recipe = IntermediateDistilling(
          base: folder, student: .replacing(try replacement(ModelConfig(contentsOf: folder))),
          data: try TokenShards(URL(fileURLWithPath: data)),
          heldOut: try heldOut.map { try TokenShards(URL(fileURLWithPath: $0)) }, plan: plan)
        recipe.type = try stored.type(of: folder)
        try ranks.tellShares(of: plan.batch, "sequences", student: folder, frozen: folder)
        return recipe
      }
      Interrupt.listen()
      let outcome = try output.train(from: [base, data, heldOut], on: ranks, saveEvery: training.saveEvery) {
        out, force in
        try recipe.run(
          in: out, force: force, on: ranks, saveEvery: training.saveEvery,
          report: intermediateReport(recipe.plan, quiet: quiet || !ranks.writes), shouldStop: { Interrupt.isRaised })
      }
      if !ranks.writes { return }
      if json { return try output.printTrained(json: jsonValue(outcome, snakeCase: true)) }
      for (layer, errors) in zip(outcome.before, outcome.after).enumerated() {
        try printResult(String(format: "layer %2d  relative error %.3f -> %.3f", layer, errors.0, errors.1))
      }
      try output.printTrained()
    }
  }

  private func replacement(_ config: ModelConfig) throws -> any MixerReplacement {
    let (layers, seed) = (try LayerSelection(self.layers), training.seed)
    if mixer != .mla {
      try refuse(
        [
          "--kv-rank": latent.kvRank != nil, "--q-rank": latent.qRank != nil, "--rope-dim": latent.ropeDim != nil,
          "--nope-dim": latent.nopeDim != nil, "--rope-init": ropeInit != nil,
        ], "goes with --mixer mla")
    }
    if mixer != .gdn {
      try refuse(["--gdn-init": gdnInit != nil, "--gdn-heads": gdnHeads != nil], "goes with --mixer gdn")
    } else {
      try refuse(["--init": start != nil], "is not there for gdn", hint: "--gdn-init is its start")
    }
    switch mixer {
    case .gdn: return DeltaConversion(layers: layers, start: gdnInit ?? .corner, heads: gdnHeads, seed: seed)
    case .mamba2: return MambaConversion(layers: layers, start: start ?? .structured, seed: seed)
    case .jet: return JetConversion(layers: layers, start: start ?? .structured, seed: seed)
    case .mla:
      let half = config.halfRotated
      return try latent.applied(
        to: LatentConversion(
          kvRank: max(1, config.maxKVRank / 8), nopeHeadDim: half.nope, ropeHeadDim: half.rope, layers: layers,
          start: start == .random ? .random : .svd, rope: ropeInit ?? .paper, sharesUpProjection: true, seed: seed))
    }
  }
}
