import Collectives
import Distillation
import Foundation
import Groundwork
import ModelCore
import Parallelism
import TensorCore
import TokenData

/// Trains a model with experts on ranks that share them; the first rank leaves it in a folder, with its tokenizer and
/// the loss curve (run/metrics.csv). Every rank keeps its state there, so an interrupted run goes on with as many
/// ranks.
public struct ExpertParallelTraining {
  /// Folder of a model with experts.
  public var model: URL
  /// Text to train on.
  public var data: TokenShards
  /// What decides the numbers.
  public var plan: TrainingPlan
  /// Whether messages fly while ranks compute.
  public var overlaps: Bool
  /// How messages proceed.
  public var progress: MessageProgress.Mode
  /// Seconds between two saved states.
  public var saveEvery = 60.0

  public init(
    model: URL, data: TokenShards, plan: TrainingPlan, overlaps: Bool, progress: MessageProgress.Mode = .poll
  ) {
    self.model = model
    self.data = data
    self.plan = plan
    self.overlaps = overlaps
    self.progress = progress
  }

  /// How the training went.
  public struct Outcome: Sendable {
    /// Of the whole training; on other ranks than the first those since it was resumed.
    public var steps: [ExpertParallelTrainer.StepMetrics]
    /// Milliseconds that computation stood still in a step, by pass and operation ("forward D"), medians over steps of
    /// means over ranks.
    public var exposed: [String: Double]
    /// Of the last step.
    public var timeline: Timeline
  }

  /// - Parameters:
  ///   - report: on every rank, after every step
  ///   - shouldStop: asked on every rank after every step; true on one saves all states and throws
  public func run(
    on ranks: any Communicator, in folder: URL, force: Bool = false,
    report: (ExpertParallelTrainer.StepMetrics) -> Void = { _ in },
    shouldStop: () -> Bool = { false }
  ) throws -> Outcome {
    let context = RankContext(ranks, overlaps: overlaps, progress: progress)
    defer { context.progress.stop() }
    let (trainer, tokenizer, identity) = try ranks.agreeing { try prepare(context) }
    try ranks.requireSame(identity.text, "data", field: "data")
    try ranks.requireSame(jsonText(plan), "plan", field: "tokens")
    let directory = RunDirectory(folder, force: force)
    var steps: [ExpertParallelTrainer.StepMetrics] = []
    var stalls: [String: [Double]] = [:]
    return try directory.complete(plan: plan, identity: identity, tokenizer: tokenizer, ranks: trainer.trainingRanks) {
      // Of what the ranks measured only the steps are kept.
      Outcome(
        steps: try directory.readMetrics().rows.compactMap(ExpertParallelTrainer.StepMetrics.init), exposed: [:],
        timeline: Timeline([]))
    } train: {
      try trainer.run(
        in: directory, identity: identity, saveEvery: saveEvery,
        report: { step in
          steps.append(step)
          for (name, milliseconds) in context.log.stalls { stalls[name, default: []].append(milliseconds) }
          report(step)
        }, shouldStop: shouldStop)
      let timeline = Timeline([
        .init(name: overlaps ? "overlapped" : "blocking", logs: try context.log.gathered(ranks))
      ])
      let names = stalls.keys.sorted()
      let means = try ranks.mean(names.map { median(stalls[$0]!) })
      try trainer.gatherExperts()
      let exposed = Dictionary(uniqueKeysWithValues: zip(names, means))
      // Those before an interruption too, where they can be read.
      if ranks.rank == 0, let all = try? directory.readMetrics().rows.compactMap(ExpertParallelTrainer.StepMetrics.init)
      {
        steps = all
      }
      return (trainer.parallel.model, Outcome(steps: steps, exposed: exposed, timeline: timeline))
    }
  }

  private func prepare(_ context: RankContext) throws -> (ExpertParallelTrainer, Tokenizer, RunIdentity) {
    let tokenizer = try Tokenizer.load(from: model)
    try data.require(tokenizer, of: model)
    let batches = try ShardBatches(data, batch: plan.batch, time: plan.time, seed: plan.seed)
    let trainer = try ExpertParallelTrainer(
      context.ranks.load(ModelConfig(contentsOf: model), from: model), batches: batches, plan: plan, on: context)
    let identity = RunIdentity(
      student: try trainer.trainingRanks.fromFirst { try modelIdentity(model) }, teacher: nil, data: data.identity,
      threads: Threads.count,
      ranks: context.ranks.size)
    return (trainer, tokenizer, identity)
  }
}

extension RunIdentity {
  fileprivate var text: String { "\(student), \(data), \(threads) threads" }
}

extension EventLog {
  /// Milliseconds of standing still by pass and operation, such as "forward D".
  fileprivate var stalls: [String: Double] {
    events.reduce(into: [:]) { sums, event in
      if event.track == .stall {
        sums["\(event.pass.rawValue) \(event.operation)", default: 0] += event.end - event.start
      }
    }
  }
}

extension ExpertParallelTrainer.StepMetrics {
  /// A row of metrics.csv, whose last field are the seconds so far; nil for another number of fields.
  fileprivate init?(_ row: [Double]) {
    guard row.count == 7, let step = Int(exactly: row[0]) else { return nil }
    self.init(
      step: step, loss: row[1], gradientNorm: row[2], rate: row[3], milliseconds: row[4], stalled: row[5])
  }
}
