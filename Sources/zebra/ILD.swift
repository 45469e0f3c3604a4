import ArgumentParser
import Distillation
import Foundation
import Groundwork
import ModelCore
import Recipes
import TokenData
import Upcycling

extension MambaConversion.Start: ExpressibleByArgument {}
extension DeltaConversion.Start: ExpressibleByArgument {}
extension LatentConversion.Rope: ExpressibleByArgument {}
extension IntermediatePlan.Loss: ExpressibleByArgument {}
extension IntermediatePlan.Trained: ExpressibleByArgument {}

/// `zebra ild`: all attention layers become one other mixer, and each learns its layer's output.
struct ILD: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ild",
    abstract: "Replace attention layers by one other mixer and train each layer on the base's (ILD).",
    discussion: """
      Layer l of the student sees the base's input of layer l and learns its output; layers train side by side and do
      not see each other's errors. Needed twice, with mla and with mamba2 or gdn, before select and compose.

      Latent attention (mla) defaults to half of each head rotated, an eighth of the cache's rank, and queries of the
      same number of parameters; its up-projection has the base's KV heads.

      Example: zebra ild --base runs/babyllama --mixer mamba2 --data shards/tinystories --tokens 2M --out runs/all-mamba2
      """)

  enum MixerChoice: String, CaseIterable, ExpressibleByArgument { case mla, mamba2, gdn }

  @Option(help: "Base model folder.") var base: String
  @Option(help: "What takes attention's place: mla, mamba2, gdn (Gated DeltaNet).") var mixer: MixerChoice
  @Option(help: "Token shards to train on.") var data: String
  @Option(help: "Token shards that the layers' errors are measured on, before and after.") var heldOut: String?
  @Option(help: "Training tokens, such as 2M.") var tokens: String
  @Option(help: "Output folder.") var out: String
  @Option(help: "Layers to replace: all, 1,3,5, 0-3, or a share like 50%.") var layers = "all"
  @Option(
    name: .customLong("init"),
    help: "mla, mamba2: start of the new mixers: structured (from attention's weights), random.")
  var start = MambaConversion.Start.structured
  @Option(help: "gdn: start of the new mixers: corner (HyLo's), aligned, zero, random.") var gdnInit = DeltaConversion
    .Start.corner
  @Option(help: "gdn: heads (default: of width 256, or 6 in narrow models).") var gdnHeads: Int?
  @Option(help: "mla: width of the key/value latent (r_kv).") var kvRank: Int?
  @Option(help: "mla: width of the query latent (r_q): auto, paper, or a number.") var qRank = "auto"
  @Option(help: "mla: rotated width of a head (d_r).") var ropeDim: Int?
  @Option(help: "mla: position-free width of a head (d_qk).") var nopeDim: Int?
  @Option(help: "mla: rope slice, paper or aligned.") var ropeInit = LatentConversion.Rope.paper
  @Option(help: "Loss: squared (the paper), norm (the official code), refined (norm, and the mixers' outputs too).")
  var loss = IntermediatePlan.Loss.norm
  @Option(help: "What trains: layers (all of them and the final norm), mixers.") var train = IntermediatePlan.Trained
    .layers
  @Option(help: "Peak learning rate.") var lr = IntermediatePlan(tokens: 0).learningRate
  @Option(help: "Sequences per step.") var batch = IntermediatePlan(tokens: 0).batch
  @Option(help: "Tokens per sequence.") var sequence = IntermediatePlan(tokens: 0).time
  @Option(help: "Fraction of the steps that warm up.") var warmup = IntermediatePlan(tokens: 0).warmup
  @Option(help: "Seed of the order of the data and of random starts.") var seed: UInt64 = 1
  @Option(help: "Seconds between checkpoints.") var saveEvery = 60.0
  @Flag(help: "No progress line.") var quiet = false
  @Flag(help: "Print the layers' errors as JSON.") var json = false

  func run() {
    runReportingErrors {
      let folder = URL(fileURLWithPath: base)
      let plan = IntermediatePlan(
        tokens: try tokenCount(tokens, "--tokens"), batch: batch, time: sequence, learningRate: lr, warmup: warmup,
        loss: loss, trained: train, seed: seed)
      try plan.validate()
      let recipe = IntermediateDistilling(
        base: folder, replacement: try replacement(ModelConfig(contentsOf: folder)),
        data: try TokenShards(URL(fileURLWithPath: data)),
        heldOut: try heldOut.map { try TokenShards(URL(fileURLWithPath: $0)) }, plan: plan)
      Interrupt.listen()
      let outcome = try recipe.run(
        in: URL(fileURLWithPath: out), saveEvery: saveEvery, report: intermediateReport(plan, quiet: quiet),
        shouldStop: { Interrupt.isRaised })
      if json { return try printResult(jsonText(outcome)) }
      for (layer, errors) in zip(outcome.before, outcome.after).enumerated() {
        try printResult(String(format: "layer %2d  relative error %.3f -> %.3f", layer, errors.0, errors.1))
      }
      try printResult("model: \(out)")
    }
  }

  private func replacement(_ config: ModelConfig) throws -> IntermediateDistilling.Replacement {
    let layers = try LayerSelection(self.layers)
    if mixer == .gdn {
      return .gatedDeltaNet(DeltaConversion(layers: layers, start: gdnInit, heads: gdnHeads, seed: seed))
    }
    if mixer == .mamba2 { return .mamba2(MambaConversion(layers: layers, start: start, seed: seed)) }
    let half = config.headDim / 2
    return .latentAttention(
      LatentConversion(
        kvRank: kvRank ?? max(1, config.maxKVRank / 8), queryRank: try QueryRank(qRank), nopeHeadDim: nopeDim ?? half,
        ropeHeadDim: ropeDim ?? half, layers: layers, start: start == .random ? .random : .svd, rope: ropeInit,
        sharesUpProjection: true,
        seed: seed))
  }
}

/// A number of tokens as the command line spells it.
func tokenCount(_ text: String, _ option: String) throws -> Int {
  guard let count = parseCount(text), count > 0 else {
    throw UpcycleError.usage("is not a number of tokens", at: option, expected: "such as 2M", found: text)
  }
  return count
}
