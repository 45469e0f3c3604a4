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
  public var model: URL
  public var data: TokenShards
  public var plan: TrainingPlan
  public var overlaps: Bool
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

  public struct Outcome: Sendable {
    /// Of this process: after a resumption the later ones.
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
    on ranks: any Communicator, in folder: URL, report: (ExpertParallelTrainer.StepMetrics) -> Void = { _ in },
    shouldStop: () -> Bool = { false }
  ) throws -> Outcome {
    let context = RankContext(ranks, overlaps: overlaps, progress: progress)
    defer { context.progress.stop() }
    let (trainer, tokenizer, identity) = try ranks.agreeing { try prepare(context, folder) }
    try ranks.requireSame(identity.text, "checkpoint or data", at: "--model")
    try ranks.requireSame(try plan.text, "plan", at: "--tokens")
    let directory = RunDirectory(folder)
    if let finished = try finished(directory, identity, ranks) { return finished }
    try ranks.agreeing { if ranks.rank == 0 { try directory.begin(plan: plan, identity: identity) } }
    let curve = try trainer.resume(from: directory.checkpoint)
    let metrics = try ranks.agreeing {
      ranks.rank > 0
        ? nil
        : try directory.openMetrics(
          keeping: trainer.step, header: "step,loss,gradient_norm,rate,ms,stalled_ms", curve: curve)
    }
    var steps: [ExpertParallelTrainer.StepMetrics] = []
    var stalls: [String: [Double]] = [:]
    var saved = monotonicSeconds()
    while trainer.step < plan.steps {
      let step = try trainer.trainStep()
      steps.append(step)
      for (name, milliseconds) in context.log.stalls { stalls[name, default: []].append(milliseconds) }
      try ranks.agreeing { try metrics?.append(step.line) }
      report(step)
      // The clock of the first rank decides for all.
      let wishes = try ranks.allGather([shouldStop(), monotonicSeconds() - saved > saveEvery], filler: false)
      let stops = wishes.contains { $0[0] } && trainer.step < plan.steps
      if stops || wishes[0][1] || trainer.step == plan.steps {
        try ranks.agreeing { try metrics?.sync() }
        try trainer.save(in: directory.checkpoint, curve: metrics?.digest ?? "")
        saved = monotonicSeconds()
      }
      if stops {
        throw AgreedError(
          UpcycleError(
            "interrupted after step \(trainer.step); the same command goes on from there", at: folder.path,
            kind: .interrupted))
      }
    }
    // Read before gathering, whose messages are not the step's.
    let timeline = Timeline([.init(name: overlaps ? "overlapped" : "blocking", logs: try context.log.gathered(ranks))])
    let names = stalls.keys.sorted()
    let means = try ranks.mean(names.map { median(stalls[$0]!) })
    try trainer.gatherExperts()
    try ranks.agreeing { if ranks.rank == 0 { try save(trainer, tokenizer, in: folder) } }
    return Outcome(steps: steps, exposed: Dictionary(uniqueKeysWithValues: zip(names, means)), timeline: timeline)
  }

  /// What a finished run of the same settings left; nil: it is not finished. The first rank looks.
  private func finished(_ directory: RunDirectory, _ identity: RunIdentity, _ ranks: any Communicator) throws
    -> Outcome?
  {
    let config = directory.url.appendingPathComponent("config.json")
    let steps = try ranks.agreeing { () -> [ExpertParallelTrainer.StepMetrics]? in
      guard ranks.rank == 0, FileManager.default.fileExists(atPath: config.path) else { return nil }
      guard try directory.holds(plan: plan, identity: identity) else {
        throw UpcycleError.usage(
          "holds a model already", at: directory.url.path, hint: "choose another output folder")
      }
      try directory.finish()
      return try directory.readMetrics().rows.compactMap(ExpertParallelTrainer.StepMetrics.init)
    }
    if try ranks.broadcast([steps != nil], filler: false)[0] == false { return nil }
    return Outcome(steps: steps ?? [], exposed: [:], timeline: Timeline([]))
  }

  private func prepare(_ context: RankContext, _ folder: URL) throws -> (ExpertParallelTrainer, Tokenizer, RunIdentity)
  {
    let tokenizer = try Tokenizer.load(from: model)
    try data.require(tokenizer)
    let batches = try ShardBatches(data, batch: plan.batch, time: plan.time, seed: plan.seed)
    let trainer = try ExpertParallelTrainer(LanguageModel(folder: model), batches: batches, plan: plan, on: context)
    let identity = RunIdentity(
      student: try modelIdentity(model), teacher: nil, data: data.identity, threads: Threads.count,
      ranks: context.ranks.size)
    return (trainer, tokenizer, identity)
  }

  private func save(_ trainer: ExpertParallelTrainer, _ tokenizer: Tokenizer, in folder: URL) throws {
    try tokenizer.save(to: folder)
    try trainer.parallel.model.save(to: folder)
    try RunDirectory(folder).finish()
  }
}

extension RunIdentity {
  fileprivate var text: String { "\(student), \(data), \(threads) threads" }
}

extension TrainingPlan {
  fileprivate var text: String {
    get throws {
      try jsonText(self)
    }
  }
}

extension ExpertParallelTrainer.StepMetrics {
  /// Of metrics.csv.
  fileprivate var line: String {
    String(format: "%d,%.6f,%.6f,%.4e,%.3f,%.3f", step, loss, gradientNorm, rate, milliseconds, stalled)
  }

  /// A row of it; nil for another number of fields.
  fileprivate init?(_ row: [Double]) {
    guard row.count == 6, let step = Int(exactly: row[0]) else { return nil }
    self.init(
      step: step, loss: row[1], gradientNorm: row[2], rate: row[3], milliseconds: row[4], stalled: row[5])
  }
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
