import Autograd
import Distillation
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TokenData

/// Preference training of a distilled model (the last stage of X-EcoMLA and Zebra-Llama, the "+DPO" of their tables): a
/// model folder and pairs in, a model folder out, resumable; the frozen reference is the model as it came.
public struct Preferring {
  /// Folder of the model that trains.
  public var model: URL
  /// Pairs to train and to measure on.
  public var data: PreferenceData
  /// What decides the numbers.
  public var plan: PreferencePlan
  /// Type of the finished model's numbers.
  public var type = ElementType.float32

  /// The plan's pairs must be as many as the data's.
  public init(model: URL, data: PreferenceData, plan: PreferencePlan) {
    self.model = model
    self.data = data
    self.plan = plan
  }

  /// Means over the held-out pairs after training, all 0 without such pairs.
  public struct Outcome: Codable, Sendable {
    /// That the means are over.
    public var heldOutPairs = 0
    /// -log sigmoid(margin), nats.
    public var loss = 0.0
    /// Reward of the chosen minus that of the rejected reply.
    public var margin = 0.0
    /// Share of pairs with a positive margin.
    public var accuracy = 0.0
    /// Log-probability of a reply, nats, before and after.
    public var chosen: [Double] = []
    /// The same of the rejected replies.
    public var rejected: [Double] = []
    /// Tokens that went through the policy in training, without padding.
    public var tokens = 0
  }

  /// Trains in `folder` and leaves the model there with its tokenizer.
  /// - Parameter ranks: that share every batch
  @discardableResult
  public func run(
    in folder: URL, force: Bool = false, on ranks: any TrainingRanks = SingleRank(), saveEvery: Double = 60,
    report: (PreferenceTrainer.StepMetrics, Double) -> Void = { _, _ in },
    shouldStop: () -> Bool = { false }
  ) throws -> Outcome {
    let directory = RunDirectory(folder, force: force)
    let (tokenizer, pairs, identity) = try ranks.agreeing {
      let tokenizer = try Tokenizer.load(from: model)
      let config = try ModelConfig(contentsOf: model)
      let pairs = try data.tokenized(tokenizer, config)
      if pairs.shortened > 0 && ranks.writes {
        printNote(
          "note: pairs longer than \(config.readablePositions) tokens are shortened: \(formatCount(pairs.shortened))")
      }
      if plan.unusedPairs > 0 && ranks.writes {
        printNote(
          "note: pairs too few for another step of \(plan.batch) train nothing: \(formatCount(plan.unusedPairs))")
      }
      let identity = RunIdentity(
        student: try ranks.fromFirst { try modelIdentity(model) }, teacher: nil,
        data: PreferenceData.identity(of: data.training),
        heldOut: data.heldOut.isEmpty ? nil : PreferenceData.identity(of: data.heldOut), on: ranks)
      return (tokenizer, pairs, identity)
    }
    let outcomeFile = directory.run.appendingPathComponent("heldout.json")
    return try directory.complete(plan: plan, identity: identity, tokenizer: tokenizer, type: type, ranks: ranks) {
      try decodeJSON(Outcome.self, contentsOf: outcomeFile)
    } train: {
      let trainer = try ranks.agreeing {
        try PreferenceTrainer(
          policy: try ranks.load(model), reference: try ranks.load(model), pairs: pairs.training,
          plan: plan, ranks: ranks)
      }
      var (before, after) = (PreferenceSums(), PreferenceSums())
      try ranks.onFirst { before = trainer.score(pairs.heldOut) }
      try trainer.run(
        in: directory, identity: identity, saveEvery: saveEvery, report: report, shouldStop: shouldStop)
      try ranks.onFirst { after = trainer.score(pairs.heldOut) }
      var outcome = Outcome(tokens: trainer.trainedTokens)
      if after.pairs > 0 {
        let count = Double(after.pairs)
        outcome.heldOutPairs = after.pairs
        outcome.loss = after.loss / count
        outcome.margin = after.margin / count
        outcome.accuracy = Double(after.correct) / count
        outcome.chosen = [before.chosen / count, after.chosen / count]
        outcome.rejected = [before.rejected / count, after.rejected / count]
      }
      try ranks.onFirst { try writeFile(jsonText(outcome), to: outcomeFile) }
      return (trainer.policy, outcome)
    }
  }
}

/// The progress line of a preference training: loss, reward margin and accuracy, pairs per second, ETA.
public func preferenceReport(_ plan: PreferencePlan, quiet: Bool) -> (PreferenceTrainer.StepMetrics, Double) -> Void {
  progressReport("prefer step", plan, units: "pairs", quiet: quiet, preferenceDetail)
}

func preferenceDetail(_ metrics: PreferenceTrainer.StepMetrics, _ rate: Double) -> String {
  String(
    format: "loss %.4f  margin %+.4f  accuracy %.2f  lr %.1e  %.1f pairs/s", metrics.loss, metrics.margin,
    metrics.accuracy, metrics.rate, rate)
}
