import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TokenData

/// Trains a policy by direct preference optimisation against a frozen copy of its start (the last
/// stage of X-EcoMLA and Zebra-Llama; the loss is `Tape.preferenceLoss`), mean per pair; resumable bit for bit.
///
/// Every pair is seen once, so the reference is asked for a pair's log-probabilities when the pair comes up:
/// the same work as asking for all of them at the start, and nothing to store or to resume.
public final class PreferenceTrainer: StepTrainer {
  /// The model that trains.
  public let policy: LanguageModel
  /// The policy as it began; gets no gradient.
  public let reference: LanguageModel
  /// What decides the numbers.
  public let plan: PreferencePlan
  private let pairs: [TokenizedPair]
  private let order: Permutation
  /// Updates `policy` and counts its steps.
  public let loop: TrainingLoop
  /// Tokens that went through the policy in these steps, without padding.
  public var trainedTokens: Int {
    (0..<step * plan.batch).reduce(0) { sum, place in
      let pair = pairs[order[place]]
      return sum + pair.chosen.inputCount + pair.rejected.inputCount
    }
  }

  /// - Parameters:
  ///   - pairs: the plan's pairs, in any order: each step takes the next of a permutation by seed.
  ///   - ranks: each takes its part of a batch's pairs
  public init(
    policy: LanguageModel, reference: LanguageModel, pairs: [TokenizedPair], plan: PreferencePlan,
    ranks: any TrainingRanks = SingleRank()
  ) throws {
    try plan.validate(ranks: ranks.size)
    if policy.config.vocabularySize != reference.config.vocabularySize {
      throw UpcycleError.usage(
        "policy and reference have different vocabularies", at: "vocab_size",
        expected: "\(policy.config.vocabularySize)", found: "\(reference.config.vocabularySize)")
    }
    if pairs.count != plan.pairs {
      throw UpcycleError.usage(
        "do not fit the plan", field: "pairs", expected: "\(plan.pairs)", found: "\(pairs.count)")
    }
    try RankMemory.require(policy.config, on: ranks)
    self.policy = policy
    self.reference = reference
    // Frozen neighbours form the same joint products as trained ones: equal weights give equal bits.
    for parameter in reference.parameters.parameters { parameter.isTrainable = false }
    self.pairs = pairs
    self.plan = plan
    order = Permutation(count: pairs.count, stream: RandomStream(seed: plan.seed, "preference order"))
    loop = TrainingLoop(policy, plan, ranks: ranks)
  }

  /// Means per pair of one step, before its update.
  public struct StepMetrics: MetricsRow, Sendable {
    /// The step, from 1.
    public var step: Int
    /// -log sigmoid(margin), nats.
    public var loss: Double
    /// Reward of the chosen minus that of the rejected reply.
    public var margin: Double
    /// Share of pairs with a positive margin.
    public var accuracy: Double
    /// Log-probability of a reply under the policy, nats per reply.
    public var chosen: Double
    /// The same of the rejected replies.
    public var rejected: Double
    /// Before clipping.
    public var gradientNorm: Double
    /// The step's learning rate.
    public var rate: Double

    /// Of metrics.csv, before the seconds; `chosen` and `rejected` are log-probabilities, not rewards.
    public static var columns: String { "step,loss,margin,accuracy,chosen,rejected,gradient_norm,rate" }
    /// One per column.
    public var row: [String] {
      ["\(step)"] + [loss, margin, accuracy, chosen, rejected, gradientNorm].map { decimal($0) }
        + [String(format: "%.4e", rate)]
    }
  }

  // MARK: One step

  /// Forward, backward and update on the next batch. Its pairs are sorted by length, so that those of a
  /// micro-batch need little padding, and dealt out to ranks one by one, so that all have as much to do.
  public func trainStep() throws -> StepMetrics {
    let next = step * plan.batch..<(step + 1) * plan.batch
    let sorted = next.map { pairs[order[$0]] }.sorted { $0.inputCount < $1.inputCount }
    let batch = stride(from: loop.ranks.rank, to: sorted.count, by: loop.ranks.size).map { sorted[$0] }
    policy.parameters.zeroGradients()
    var sums = PreferenceSums()
    for start in stride(from: 0, to: batch.count, by: plan.microBatch) {
      let part = PreferenceBatch(Array(batch[start..<start + plan.microBatch]))
      let tape = Tape(recording: true)
      loop.ranks.attend(tape)
      let (loss, partSums) = preferenceLoss(tape, part, scale: 1 / Double(plan.batch))
      tape.backward(from: loss)
      sums += partSums
    }
    let (totals, norm) = try loop.reduce(
      [sums.loss, sums.margin, Double(sums.correct), sums.chosen, sums.rejected, Double(sums.pairs)])
    let means = totals.map { $0 / totals[5] }
    let rate = try loop.update(loss: means[0], norm: norm) {
      let part = PreferenceBatch(batch)
      return policy.firstNonFiniteLayer(ids: part.ids, batch: part.sequences, time: part.time)
    }
    return StepMetrics(
      step: step, loss: means[0], margin: means[1], accuracy: means[2], chosen: means[3], rejected: means[4],
      gradientNorm: norm, rate: rate)
  }

  private func preferenceLoss(_ tape: Tape, _ part: PreferenceBatch, scale: Double) -> (Variable, PreferenceSums) {
    let frozen = logProbabilities(reference, Tape(recording: false), part).value
    return tape.preferenceLoss(
      logProbabilities(policy, tape, part), reference: sequenceSums(frozen), beta: plan.beta, scale: scale)
  }

  /// [sequences, time], 0 outside the replies.
  private func logProbabilities(_ model: LanguageModel, _ tape: Tape, _ part: PreferenceBatch) -> Variable {
    let hidden = model.hidden(
      tape, ids: part.ids, batch: part.sequences, time: part.time, checkpointing: plan.checkpointing)
    return tape.targetLogProbabilities(hidden, head: model.head, targets: part.targets, cap: model.logitCap)
  }

  /// The policy as it is on other pairs, without training: sums over them.
  public func score(_ pairs: [TokenizedPair]) -> PreferenceSums {
    var sums = PreferenceSums()
    let sorted = pairs.sorted { $0.inputCount < $1.inputCount }
    for start in stride(from: 0, to: sorted.count, by: plan.microBatch) {
      let part = PreferenceBatch(Array(sorted[start..<min(start + plan.microBatch, sorted.count)]))
      sums += preferenceLoss(Tape(recording: false), part, scale: 1).1
    }
    return sums
  }
}
