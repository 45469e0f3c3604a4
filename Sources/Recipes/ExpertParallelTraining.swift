import Collectives
import Distillation
import Foundation
import Groundwork
import ModelCore
import Parallelism
import TokenData

/// Trains a model with experts on ranks that share them; the first rank leaves it in a folder, with its tokenizer and
/// the loss curve (run/metrics.csv). An interrupted run starts anew.
public struct ExpertParallelTraining {
  public var model: URL
  public var data: TokenShards
  public var plan: TrainingPlan
  public var overlaps: Bool
  public var progress: MessageProgress.Mode

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
    public var steps: [ExpertParallelTrainer.StepMetrics]
    /// Milliseconds that computation stood still in a step, by pass and operation ("forward D"), medians over steps of
    /// means over ranks.
    public var exposed: [String: Double]
    /// Of the last step.
    public var timeline: Timeline
  }

  /// - Parameter report: on every rank, after every step
  public func run(
    on ranks: any Communicator, in folder: URL, report: (ExpertParallelTrainer.StepMetrics) -> Void = { _ in }
  ) throws -> Outcome {
    let context = RankContext(ranks, overlaps: overlaps, progress: progress)
    defer { context.progress.stop() }
    let (trainer, tokenizer, identity) = try ranks.agreeing { try prepare(context, folder) }
    try ranks.requireSame(identity, "checkpoint, data or plan", at: "--model")
    var steps: [ExpertParallelTrainer.StepMetrics] = []
    var stalls: [String: [Double]] = [:]
    while trainer.step < plan.steps {
      steps.append(try trainer.trainStep())
      report(steps.last!)
      for (name, milliseconds) in context.log.stalls { stalls[name, default: []].append(milliseconds) }
    }
    // Read before gathering, whose messages are not the step's.
    let timeline = Timeline([.init(name: overlaps ? "overlapped" : "blocking", logs: try context.log.gathered(ranks))])
    let names = stalls.keys.sorted()
    let means = try ranks.mean(names.map { median(stalls[$0]!) })
    try trainer.gatherExperts()
    try ranks.agreeing { if ranks.rank == 0 { try save(trainer, tokenizer, steps, in: folder) } }
    return Outcome(steps: steps, exposed: Dictionary(uniqueKeysWithValues: zip(names, means)), timeline: timeline)
  }

  private func prepare(_ context: RankContext, _ folder: URL) throws -> (ExpertParallelTrainer, Tokenizer, String) {
    if FileManager.default.fileExists(atPath: folder.appendingPathComponent("config.json").path) {
      throw UpcycleError.usage("holds a model already", at: folder.path, hint: "choose another output folder")
    }
    let tokenizer = try Tokenizer.load(from: model)
    try data.require(tokenizer)
    let batches = try ShardBatches(data, batch: plan.batch, time: plan.time, seed: plan.seed)
    let trainer = try ExpertParallelTrainer(LanguageModel(folder: model), batches: batches, plan: plan, on: context)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let settings = String(decoding: try encoder.encode(plan), as: UTF8.self)
    return (trainer, tokenizer, "\(try modelIdentity(model)), \(data.identity), \(sha256(settings).prefix(16))")
  }

  private func save(
    _ trainer: ExpertParallelTrainer, _ tokenizer: Tokenizer, _ steps: [ExpertParallelTrainer.StepMetrics], in folder: URL
  ) throws {
    let lines = steps.map {
      String(format: "%d,%.6f,%.6f,%.4e,%.3f,%.3f", $0.step, $0.loss, $0.gradientNorm, $0.rate, $0.milliseconds, $0.stalled)
    }
    try writeFile(
      (["step,loss,gradient_norm,rate,ms,stalled_ms"] + lines).joined(separator: "\n") + "\n",
      to: RunDirectory(folder).run.appendingPathComponent("metrics.csv"))
    try tokenizer.save(to: folder)
    try trainer.parallel.model.save(to: folder)
  }
}

extension EventLog {
  /// Milliseconds of standing still by pass and operation, such as "forward D".
  fileprivate var stalls: [String: Double] {
    events.reduce(into: [:]) { sums, event in
      if event.track == .stall { sums["\(event.pass.rawValue) \(event.operation)", default: 0] += event.end - event.start }
    }
  }
}
