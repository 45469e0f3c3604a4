import ArgumentParser
import Commands
import Foundation
import Groundwork
import ModelCore
import TokenData
import TrainingCommands
import Upcycling

extension LatentConversion.SigmaPlacement: ExpressibleByArgument {}
extension LatentConversion.Start: ExpressibleByArgument {}
extension LatentConversion.Weighting: ExpressibleByArgument {}
extension RankRule: ExpressibleByArgument {}

/// `xecomla convert`: a model folder in, a model folder with latent attention out.
struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn attention layers into latent attention (MLA), initialised from the base model's weights.",
    discussion: """
      Beyond the paper: --rope-init aligned keeps whole rotary pairs, --svd covariance fits the calibration text \
      instead of the weights; both start much closer to the base model.

      Example:
        xecomla convert --model runs/babyllama --kv-rank 12 --q-rank auto \\
          --rope-dim 8 --nope-dim 8 --out runs/mla
      """)

  @Option(help: "Base model folder.") var model: String
  @OptionGroup var output: OutputFolder
  @OptionGroup var latent: LatentOptions
  @Option(help: "Layers to convert: all, 1,3,5, 0-3, or a share like 50%.") var layers = "all"
  @Option(help: "Where singular values go: down (code), up (paper), balanced (default: down).") var sigma:
    LatentConversion.SigmaPlacement?
  @Option(help: "Ranks per layer: fixed, dynamic (the paper's energy rule), code (the official code's).") var rankRule =
    RankRule.fixed
  @Option(help: "Energy that a rank rule keeps of the query matrix (default: 0.95).") var deltaQ: Double?
  @Option(help: "Energy that a rank rule keeps of the key and value matrix (default: 0.95).") var deltaKv: Double?
  @Flag(help: "First and last layer keep --kv-rank and --q-rank under a rank rule.") var fixedEnds = false
  @Option(help: "Ranks are multiples of this (default 1; 8 under --rank-rule code).") var granule: Int?
  @Option(name: .customLong("init"), help: "Start of the new projections: svd, random.") var start = LatentConversion
    .Start.svd
  @Option(help: "Rope slice: paper, aligned.") var ropeInit = LatentConversion.Rope.paper
  @Option(help: "Factorisation: plain, covariance (needs --calibration).") var svd = LatentConversion.Weighting.plain
  @Option(help: "Token shards of calibration text.") var calibration: String?
  @Option(help: "Calibration tokens (default: 32K).") var calibrationTokens: String?
  @Option(help: "Token shards to measure loss and KL on before training (default: the calibration's).") var data:
    String?
  @Flag(help: "RMS norm on both latents.") var latentNorm = false
  @Flag(help: "A sigmoid gate on the attention's output; starts as if there were none (HyLo Table 5).") var outputGate =
    false
  @Flag(help: "No positions in the latent layers (HyLo Table 5).") var positionFree = false
  @Flag(help: "Up-project n_kv heads shared by groups of queries instead of n_h.") var kvHeadsUp = false
  @Option(help: "Seed of a random start (default: 0).") var seed: UInt64?
  @Option(help: "Element type of the output: float32, bfloat16, float16 (default: the base's).") var dtype:
    WritableType?
  @Flag(help: "Print the report as JSON.") var json = false

  func run() {
    runReportingErrors {
      try refuseWhatSaysNothing()
      // As in the paper's Table 12.
      let half = try ModelConfig(contentsOf: URL(fileURLWithPath: model)).halfRotated
      var conversion = try latent.applied(
        to: LatentConversion(
          kvRank: nil, nopeHeadDim: half.nope, ropeHeadDim: half.rope, layers: try LayerSelection(layers), start: start,
          rope: ropeInit, weighting: svd, sigma: sigma ?? .down, rankRule: rankRule,
          queryEnergy: deltaQ ?? 0.95, keyValueEnergy: deltaKv ?? 0.95,
          fixedEnds: fixedEnds, granule: granule ?? (rankRule == .code ? 8 : 1), latentNorm: latentNorm,
          sharesUpProjection: kvHeadsUp, seed: seed ?? 0))
      if outputGate { conversion.outputGate = true }
      if positionFree { conversion.isPositionFree = true }
      if let asked = latent.kvRank, conversion.granule > 0, asked % conversion.granule != 0 {
        printNote("note: ranks are multiples of \(conversion.granule) (--granule): --kv-rank \(asked) is rounded up")
      }
      let tokens = try parsedCount(calibrationTokens ?? "32K", "--calibration-tokens", such: "32K", atLeast: 1)
      try output.write(from: [model, calibration, data], json: json) { folder in
        let report = try ConversionRun(
          model: URL(fileURLWithPath: model), out: folder, conversion: conversion,
          calibration: calibration.map { URL(fileURLWithPath: $0) }, calibrationTokens: tokens,
          data: (data ?? calibration).map { URL(fileURLWithPath: $0) }, type: dtype?.type
        ).run()
        return .init(
          report.summary + "\nmodel: \(output.out)", json: output.naming(try jsonValue(report, snakeCase: true)))
      }
    }
  }

  private func refuseWhatSaysNothing() throws {
    if rankRule == .fixed {
      try refuse(
        ["--delta-q": deltaQ != nil, "--delta-kv": deltaKv != nil, "--fixed-ends": fixedEnds],
        "is of a rank rule", hint: "--rank-rule dynamic or code")
    } else if !fixedEnds {
      try refuse(
        ["--kv-rank": latent.kvRank != nil, "--q-rank": latent.qRank != nil],
        "says nothing under a rank rule, which chooses the ranks",
        hint: "--fixed-ends keeps it in the first and last layer")
    }
    if start == .random {
      try refuse(["--sigma": sigma != nil], "says nothing with --init random, which has no singular values")
    } else {
      try refuse(["--seed": seed != nil], "is of a random start", hint: "--init random")
    }
    if svd == .plain {
      try refuse(
        ["--calibration-tokens": calibrationTokens != nil, "--calibration": calibration != nil && data != nil],
        "goes with --svd covariance")
    }
  }
}
