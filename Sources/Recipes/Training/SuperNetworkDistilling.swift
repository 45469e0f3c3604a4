import Distillation
import Foundation
import Groundwork
import ModelCore
import TokenData
import Upcycling

/// The first stage of PostNAS (Jet-Nemotron): every attention layer of a base gets a linear block beside it, and these learn on
/// paths that take each layer from one of the two. A base folder in, a folder of the model with the linear block in every
/// layer out, resumable; with the base it is the super-network.
public struct SuperNetworkDistilling {
  /// Folder of an attention-only model.
  public var base: URL
  /// How attention becomes the linear block.
  public var replacement: any MixerReplacement
  /// Text to train on.
  public var data: TokenShards
  /// Training mixers, with the loss `norm` or `squared`.
  public var plan: IntermediatePlan

  public init(base: URL, replacement: any MixerReplacement, data: TokenShards, plan: IntermediatePlan) {
    self.base = base
    self.replacement = replacement
    self.data = data
    self.plan = plan
  }

  /// Trains in `folder` and leaves the model there with its tokenizer.
  /// - Parameter ranks: that share every batch
  public func run(
    in folder: URL, force: Bool = false, on ranks: any TrainingRanks = SingleRank(), saveEvery: Double = 60,
    report: (SuperNetworkTrainer.StepMetrics, Double) -> Void = { _, _ in }, shouldStop: () -> Bool = { false }
  ) throws {
    let (tokenizer, identity) = try ranks.agreeing {
      let tokenizer = try Tokenizer.load(from: base)
      try data.require(tokenizer, of: base)
      _ = try replacement.config(base: ModelConfig(contentsOf: base))
      return (
        tokenizer,
        RunIdentity(
          student: "super-network of \(try replacement.identity)",
          teacher: try ranks.fromFirst { try modelIdentity(base) },
          data: data.identity, on: ranks)
      )
    }
    let directory = RunDirectory(folder, force: force)
    try directory.complete(plan: plan, identity: identity, tokenizer: tokenizer, ranks: ranks) {
    } train: {
      let trainer = try ranks.agreeing {
        let baseModel = try ranks.load(base)
        return try SuperNetworkTrainer(
          SuperNetwork(base: baseModel, linear: replacement.converted(baseModel)),
          batches: ShardBatches(data, batch: plan.batch, time: plan.time, seed: plan.seed), plan: plan, ranks: ranks)
      }
      try trainer.run(
        in: directory, identity: identity, saveEvery: saveEvery, report: report, shouldStop: shouldStop)
      return (trainer.network.linear, ())
    }
  }
}

func superNetworkDetail(_ metrics: SuperNetworkTrainer.StepMetrics, _ rate: Double) -> String {
  String(
    format: "loss %.4f  %d attention layers  lr %.1e  %@ tok/s", metrics.loss, metrics.attentionLayers, metrics.rate,
    formatCount(Int(rate)))
}

/// The progress line of a super-network's training.
public func superNetworkReport(_ plan: IntermediatePlan, quiet: Bool) -> (SuperNetworkTrainer.StepMetrics, Double) ->
  Void
{
  progressReport("super-network step", plan, quiet: quiet, superNetworkDetail)
}
