import ArgumentParser
import Commands
import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import Recipes
import TokenData
import Upcycling

extension LayerPlacement.Strategy: ExpressibleByArgument {}

/// `zebra select`: which layers of the hybrid become latent attention.
struct Select: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Choose the latent-attention layers of a hybrid from one sensitivity score per layer (SMART).",
    discussion: """
      The score file is CSV with the columns layer and sensitivity, every layer from 0 up once; lines that start \
      with # are comments:

        layer,sensitivity
        0,1185.06
        1,382.73

      SMART takes the best-scoring layer of the first L/N and of the last L/N layers, keeps the gaps between latent \
      layers as equal as they can be, and of all such placements the one with the largest sum (smart-least: the \
      smallest). Every strategy's list is held against that rule.

      Without --scores they are measured: KL of the all-linear model to the base, minus the same with one layer \
      taken from the latent-attention model, on the first windows of --data. There greedy measures anew beside every \
      layer it has chosen; on a score file, and with --method kl, it ends where max-score does.

      --method kl trains before it measures (KL-guided selection): every model with one latent layer follows the base \
      for --tokens, and the layers of the highest scores are taken. One short distillation a layer, kept in --work.

      Example:
        zebra select --scores experiments/zebra/published/table10.csv --count 4
        zebra select --base runs/babyllama --mla runs/all-mla \\
          --linear runs/all-mamba2 --data shards/tinystories --count 2
        zebra select --base runs/babyllama --mla runs/all-mla \\
          --linear runs/all-mamba2 --data shards/tinystories --count 2 \\
          --method kl --tokens 50k --work runs/guided
      """)

  @Option(help: "Score file.") var scores: String?
  @Option(help: "Base model folder.") var base: String?
  @Option(help: "ILD model whose layers are latent attention.") var mla: String?
  @Option(help: "ILD model whose layers are linear.") var linear: String?
  @Option(help: "Token shards to measure on.") var data: String?
  @Option(help: "Windows of 256 tokens to measure on (default: 64).") var windows: Int?
  @Option(help: "Write the measured scores to this CSV file.") var writeScores: String?
  @Option(help: "Number of latent-attention layers (N).") var count: Int
  @Option(
    help: "How scores are measured: swap (SMART's, as the students are; default), kl (after a little distillation).")
  var method: Method?
  @Option(help: "With --method kl: tokens of every distillation.") var tokens: String?
  @Option(help: "With --method kl: folder for a model of every layer.") var work: String?
  @Option(help: "smart, or a rival: smart-least, uniform-first, uniform-last, max-score (default of kl), greedy.")
  var strategy: LayerPlacement.Strategy?
  @Option(defaultAsFlag: "placement.svg", help: "Draw scores and placement as SVG (with gnuplot, inside a checkout).")
  var plot: String?
  @Flag(help: "No progress line.") var quiet = false
  @Flag(help: "Print JSON: layers, total, gaps, obeys_rule and more.") var json = false

  func run() {
    runReportingErrors {
      let picture = try plot.map {
        (try outputFile($0, "--plot", replacing: "svg"), try FigureScript.ofCheckout("zebra/figure3.gp"))
      }
      if scores != nil {
        try refuse(
          [
            "--base": base != nil, "--mla": mla != nil, "--linear": linear != nil, "--data": data != nil,
            "--windows": windows != nil, "--write-scores": writeScores != nil, "--method": method != nil,
          ], "says nothing with --scores, which are measured already")
      }
      if method != .kl { try refuse(["--tokens": tokens != nil, "--work": work != nil], "goes with --method kl") }
      let (scores, placement) = try self.scores.map(placed(byFile:)) ?? measured()
      if json {
        try printResult(placement.json(scores: scores).text(pretty: true))
      } else {
        try printResult(placement.picture(scores: scores))
        try printResult("\n" + placement.summary(layerCount: scores.count))
      }
      if let (plot, script) = picture {
        let kind = try linear.map { try ModelConfig(contentsOf: URL(fileURLWithPath: $0)).kinds.last }
        let name = kind.flatMap { $0?.mixer.reportName } ?? "other layers"
        try drawPlacement(placement, scores: scores, linear: name, with: script, to: plot)
        sayWritten(plot)
      }
    }
  }

  enum Method: String, CaseIterable, ExpressibleByArgument { case swap, kl }

  private var chosenStrategy: LayerPlacement.Strategy { strategy ?? (method == .kl ? .maxScore : .smart) }

  private func placed(byFile path: String) throws -> ([Double], LayerPlacement) {
    let scores = try LayerScores(contentsOf: URL(fileURLWithPath: path)).values
    return (scores, try LayerPlacement(chosenStrategy, count: count, scores: scores))
  }

  private func measured() throws -> ([Double], LayerPlacement) {
    func folder(_ path: String?, _ option: String) throws -> URL {
      guard let path else {
        throw UpcycleError.usage(
          "is needed", at: option, hint: "or give --scores FILE; measuring takes --base, --mla, --linear and --data")
      }
      return URL(fileURLWithPath: path)
    }
    if let windows, windows < 1 {
      throw UpcycleError.usage("is out of range", at: "--windows", expected: "1 or more", found: "\(windows)")
    }
    let folders = try [folder(base, "--base"), folder(mla, "--mla"), folder(linear, "--linear")]
    let table = try writeScores.map { try outputFile($0, "--write-scores", replacing: "csv") }
    let shards = try TokenShards(folder(data, "--data"))
    let configs = try folders.map { try ModelConfig(contentsOf: $0) }
    // Refuses models of another base, and ones with other mixers, by composing any hybrid of the two.
    _ = try Composition(latentLayers: [0]).config(base: configs[0], latent: configs[1], linear: configs[2])
    // An impossible count is refused before anything is measured.
    _ = try LayerPlacement(
      chosenStrategy == .greedy ? .maxScore : chosenStrategy, count: count,
      scores: (0..<configs[0].layerCount).map { Double($0) })
    try shards.require(Tokenizer.load(from: folders[0]))
    let texts = try shards.firstWindows(windows ?? 64, for: configs[0])
    let scores = try method == .kl ? guided(folders, shards, texts) : swapped(folders, texts)
    if let table {
      try LayerScores(scores).save(to: table)
      sayWritten(table)
    }
    let placement = try LayerPlacement(chosenStrategy, count: count, scores: scores)
    guard chosenStrategy == .greedy, method != .kl else { return (scores, placement) }
    let models = try folders.map { try LanguageModel(folder: $0) }
    let rounds = ProgressLine("greedy batch", total: count * ((texts.count + 7) / 8), quiet: quiet || json)
    let choices = try greedyLayers(
      base: models[0], latent: models[1], linear: models[2], windows: texts, count: count
    ) { done, _ in rounds.update(done, "") }
    rounds.finish(choices.map { String(format: "%d (%.4f)", $0.layer, $0.gain) }.joined(separator: ", then "))
    return (scores, LayerPlacement(.greedy, layers: choices.map(\.layer), scores: scores))
  }

  /// SMART's scores.
  private func swapped(_ folders: [URL], _ texts: [[Int32]]) throws -> [Double] {
    let models = try folders.map { try LanguageModel(folder: $0) }
    let progress = ProgressLine("select batch", total: (texts.count + 7) / 8, quiet: quiet || json)
    let (divergence, scores) = try layerSensitivities(
      base: models[0], latent: models[1], linear: models[2], windows: texts
    ) { done, _ in progress.update(done, "") }
    progress.finish(Self.linear(divergence))
    return scores
  }

  /// Scores after a little training of every candidate.
  private func guided(_ folders: [URL], _ shards: TokenShards, _ texts: [[Int32]]) throws -> [Double] {
    guard let work, let tokens else {
      throw UpcycleError.usage("needs --tokens and --work", at: "--method kl")
    }
    let count = try parsedCount(tokens, "--tokens", such: "50k", atLeast: 1)
    let candidates = try ModelConfig(contentsOf: folders[0]).layerCount + 1
    Interrupt.listen()
    let progress = ProgressLine("select model", total: candidates, quiet: quiet || json)
    let (divergence, scores) = try GuidedScores(
      base: folders[0], latent: folders[1], linear: folders[2], data: shards,
      plan: TrainingPlan(tokens: count, batch: 8, ceWeight: 0, klWeight: 1), work: URL(fileURLWithPath: work)
    ).measure(windows: texts, report: { done, _ in progress.update(done, "") }, shouldStop: { Interrupt.isRaised })
    progress.finish(Self.linear(divergence))
    return scores
  }

  private static func linear(_ divergence: Double) -> String {
    "all linear: KL \(formatDecimal(divergence, 4)) nats per token"
  }
}
