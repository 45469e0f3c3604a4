import ArgumentParser
import Commands
import Distillation
import Foundation
import Groundwork
import ModelCore
import Published
import Recipes
import TokenData
import TrainingCommands
import Worlds

extension MicroworldCorpus.Mixture: ExpressibleByArgument {}
extension Edition: ExpressibleByArgument {}
extension Connectivity: ExpressibleByArgument {}

/// `hybrid pretrain`: a ladder model from random weights on the microworld.
struct Pretrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Pretrain a ladder model on the generated microworld.",
    discussion: """
      Text, tokenizer and weights come from seeds alone; the run resumes where it was stopped. --from goes on with a \
      pretrained model on long documents (RULER's formats and instructions). Ranks of mpirun share every batch.

      Example:
        hybrid pretrain --preset nano-1b --seed 1 --tokens 8M \\
          --out experiments/teachers/nano-1b-seed1
        hybrid pretrain --preset nano-qwen-moe --instructions code --tokens 4M \\
          --out experiments/teachers/nano-qwen-moe-seed1
        hybrid pretrain --from experiments/teachers/nano-1b-seed1 --tokens 2M \\
          --sequence 2048 --batch 1 --lr 1e-3 --out long
      """)

  @Option(
    help: """
      Model: nano-1b, nano-3b, nano-8b, nano-qwen, nano-smol, the smaller nano-smol-135m, nano-smol-360m and \
      nano-qwen-0.5b; with experts nano-dsv2, nano-qwen-moe, nano-scout.
      """)
  var preset: String?
  @Option(help: "Pretrained model to go on from, on long documents.") var from: String?
  @Option(help: "With --from: text to go on with (default: long).") var mixture: MicroworldCorpus.Mixture?
  @Option(
    help: "Instructions beside the other text: instruction, or code (with little programs) (default: instruction).")
  var instructions: MicroworldCorpus.Mixture?
  @Option(help: "Rows of every batch that are instructions (default: half from random weights, none with --from).")
  var instructionRows: Int?
  @Flag(help: "Of --mixture, score only tokens that can be copied from earlier in their window.") var onlyRepeats =
    false
  @Option(
    help:
      "Set the rotary base of the model to go on from (more of its frequencies then turn slowly enough for long texts)."
  )
  var ropeTheta: Double?
  @Option(
    help: "Of a model with experts: standard, farskip, attention-only, mlp-only (FarSkip's comparison from scratch).")
  var connectivity = Connectivity.standard
  @Option(
    help:
      "Edition of the microworld: 1, or 2 (ten times as many facts, another tokenizer) (default: 1; with --from its own)."
  )
  var world: Edition?
  @Option(help: "Seed of weights and batches.") var seed: UInt64 = 1
  @Option(help: "Training tokens.") var tokens = "8M"
  @Option(help: "Sequences per step.") var batch = 8
  @Option(help: "Tokens per sequence.") var sequence = 512
  @Option(help: "Peak learning rate.") var lr = 3e-3
  @OptionGroup var output: OutputFolder
  @OptionGroup var onRanks: RankOptions
  @Flag(help: "No progress line.") var quiet = false

  func run() {
    runOnRanks(onRanks) { ranks in
      let (pretraining, text, tokenizer) = try ranks.inTurn(prepared)
      try ranks.agreeing {
        try pretraining.plan.dealt(to: ranks.size).validate(ranks: ranks.size)
        ranks.tellShares(of: batch, "sequences", student: try pretraining.config(tokenizer), frozen: nil)
      }
      Interrupt.listen()
      try output.train(from: [from], on: ranks) { out, force in
        try pretraining.run(
          in: out, force: force, on: ranks, text: text, tokenizer: tokenizer, quiet: quiet || !ranks.writes,
          shouldStop: { Interrupt.isRaised })
      }
      if ranks.writes { try output.printTrained() }
    }
  }

  private func prepared() throws -> (Pretraining, MicroworldText, Tokenizer) {
    guard let tokens = parseCount(tokens) else {
      throw UpcycleError.usage("is not a number of tokens", at: "--tokens", found: self.tokens)
    }
    if (preset == nil) == (from == nil) {
      throw UpcycleError.usage("give either a model to build or one to go on from", at: "--preset, --from")
    }
    try refuse(["--mixture": mixture != nil && from == nil], "is the text to go on with", hint: "give --from too")
    try refuse(
      ["--instructions": instructions != nil && from != nil && (instructionRows ?? 0) == 0],
      "names rows that there are none of", hint: "give --instruction-rows too, or --mixture, the text to go on with")
    if connectivity != .standard, let preset, try ModelConfig.preset(preset).experts == nil {
      throw UpcycleError.usage("is of a model with experts", at: "--connectivity", found: preset)
    }
    let places = try Places()
    let edition =
      try world ?? from.map { Edition(of: try Tokenizer.load(from: URL(fileURLWithPath: $0))) } ?? .first
    let text = MicroworldText(places.microworld, edition: edition)
    let vocabulary = places.tokenizer(edition)
    let tokenizer: Tokenizer
    if FileManager.default.fileExists(atPath: vocabulary.appendingPathComponent("tokenizer.json").path) {
      tokenizer = try Tokenizer.load(from: vocabulary)
    } else {
      tokenizer = try text.trainTokenizer()
      try tokenizer.save(to: vocabulary)
    }
    var pretraining = Pretraining(
      preset: preset ?? "long documents", start: from.map { URL(fileURLWithPath: $0) }, seed: seed, tokens: tokens,
      batch: batch,
      time: sequence, learningRate: lr, instructionRows: instructionRows)
    if let mixture { pretraining.mixture = mixture }
    pretraining.onlyRepeats = onlyRepeats
    pretraining.ropeTheta = ropeTheta
    pretraining.connectivity = connectivity
    if let instructions { pretraining.instructions = instructions }
    if let instructionRows, !(0...batch).contains(instructionRows) {
      throw UpcycleError.usage(
        "does not fit the batch", at: "--instruction-rows", expected: "0 to --batch \(batch)",
        found: "\(instructionRows)")
    }
    if let ropeTheta, !(ropeTheta > 1 && ropeTheta.isFinite) || from == nil {
      throw UpcycleError.usage("needs a number above 1 and --from", at: "--rope-theta", found: "\(ropeTheta)")
    }
    if connectivity != .standard && from != nil {
      throw UpcycleError.usage(
        "is for a model from scratch", at: "--connectivity", hint: "farskip convert rewires a model")
    }
    return (pretraining, text, tokenizer)
  }
}
