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

/// `hylo postnas`: a hybrid of a few attention layers with JetBlocks, as Jet-Nemotron was made.
struct PostNASCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "postnas",
    abstract: "Baseline Jet-Nemotron: a few attention layers found by search, JetBlocks in all others.",
    discussion: """
      Every layer of the base gets a JetBlock beside its attention (a super-network). First the blocks learn: each step takes \
      a random path through the layers, and every layer of it learns the base's output (feature distillation); all else \
      is frozen. Then a beam search finds the --count layers that keep attention, by the divergence of the path from the \
      base (KL on windows of --data). The model that is left follows the teacher (KL), at first with frozen feed-forwards, \
      then whole. --tokens are those of all stages, in the parts of --shares.

      JetBlock is Gated DeltaNet without its convolutions but for one over values, whose taps a small network makes of \
      the input for every token. Its heads have the numbers of the base's. --layers names the attention layers instead: \
      then nothing is searched, and the last two stages have all tokens. The paper's windowed attention layers and its \
      search for head sizes are left out, and its last stage trains on text alone.

      What the stages leave stays in the work folder: an interrupted command goes on where it stopped. Ranks of mpirun \
      share every batch. Without --data, models of the ladder train on the microworld's text.

      Example:
        hylo postnas --base runs/babyllama --count 2 --data shards/tinystories \\
          --tokens 4M --out runs/jet
      """)

  @Option(help: "Base model folder: attention in every layer.") var base: String
  @Option(help: "Model that the chosen one follows (default: the base).") var teacher: String?
  @Option(help: "Token shards to train on (default: the microworld's, for its own models).") var data: String?
  @Option(help: "Token shards for the held-out loss.") var heldOut: String?
  @Option(help: "Training tokens of all stages, such as 4M.") var tokens: String
  @Option(help: "Parts of the tokens for the super-network, frozen feed-forwards and the whole model.")
  var shares = "20,10,70"
  @Option(help: "Number of layers that keep attention (default: 2).") var count: Int?
  @Option(help: "Layers that keep attention, such as 5,11, instead of a search.") var layers: String?
  @Option(help: "Sets of layers that a round of the search hands on (1: greedy; default: 4).") var beam: Int?
  @Option(help: "Windows of 256 tokens to search on (default: 16).") var windows: Int?
  @Option(
    name: .customLong("init"), help: "Start of the JetBlocks: structured (from attention's weights), random.")
  var start = MixerStart.structured
  @Option(help: "Peak learning rate of the super-network.") var blockLr = 2e-3
  @Option(help: "Peak learning rate of the other stages.") var lr = 1e-3
  @Option(help: "Fraction of the steps that warm up.") var warmup = 0.01
  @OptionGroup var staged: StagedOptions
  @Flag(help: "Print the layers, the search and the held-out loss as JSON.") var json = false

  func run() {
    runOnRanks(staged.onRanks, renamed: layers == nil ? ["layers": "base"] : [:]) { ranks in
      let recipe: PostNAS = try ranks.inTurn { try self.recipe(on: ranks) }
      let outcome = try staged.train(
        from: [base, teacher, data, heldOut], base: recipe.base, teacher: recipe.teacher, on: ranks
      ) { out, force, isQuiet in
        try recipe.run(
          in: out, force: force, on: ranks, saveEvery: staged.saveEvery,
          reportBlocks: recipe.plans.superNetwork.map { superNetworkReport($0, quiet: isQuiet) } ?? { _, _ in },
          reportSearch: searchReport("search path", quiet: isQuiet),
          report: { stepReport($0, $1, quiet: isQuiet) }, shouldStop: { Interrupt.isRaised })
      }
      if let outcome { try show(outcome) }
    }
  }

  private func recipe(on ranks: any TrainingRanks) throws -> PostNAS {
    func folder(_ path: String) -> URL { URL(fileURLWithPath: path) }
    try requireRate(blockLr, "--block-lr")
    let plans = try PostNAS.Plans(
      tokens: parsedCount(tokens, "--tokens", such: "4M", atLeast: 1), shares: parsedShares(shares, such: "20,10,70"),
      searches: layers == nil,
      batch: staged.batch, time: staged.sequence, blockRate: blockLr, rate: lr, warmup: warmup, seed: staged.seed
    ).dealt(to: ranks.size)
    let text = try trainingText(for: folder(base), data: data, heldOut: heldOut, quiet: staged.quiet || !ranks.writes)
    var recipe = PostNAS(
      base: folder(base), teacher: teacher.map(folder), placement: try placement(), start: start, data: text.training,
      heldOut: text.heldOut, plans: plans, work: staged.workFolder)
    recipe.type = try staged.type(from: folder(base))
    if ranks.writes { try staged.noteBiases(of: recipe.base) }
    return recipe
  }

  private func placement() throws -> PostNAS.Placement {
    guard let layers else { return .searched(count: count ?? 2, beam: beam ?? 4, windows: windows ?? 16) }
    if count != nil {
      throw UpcycleError.usage("does not go with --layers, which names them", at: "--count", found: "both")
    }
    try refuse(["--beam": beam != nil, "--windows": windows != nil], "is of the search that --layers leaves out")
    return .given(try parsedLayers(layers, "--layers", such: "5,11"))
  }

  private func show(_ outcome: PostNAS.Outcome) throws {
    if json { return try staged.output.printTrained(json: jsonValue(outcome, snakeCase: true)) }
    func list(_ layers: [Int]) -> String { layers.map(String.init).joined(separator: ",") }
    for (index, round) in outcome.rounds.enumerated() {
      let best = round.map { "\(list($0.layers)) (KL \(formatDecimal($0.divergence, 4)))" }.joined(separator: "  ")
      try printResult("best with attention in \(index + 1): \(best)")
    }
    try printResult("attention layers: \(list(outcome.attentionLayers))")
    for (name, curve) in [("frozen feed-forwards", outcome.frozen), ("whole", outcome.heldOut)] {
      if let line = heldOutLine(curve) { try printResult("\(name): \(line)") }
    }
    try staged.output.printTrained()
  }
}
