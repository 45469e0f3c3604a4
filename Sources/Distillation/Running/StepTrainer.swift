/// What every trainer is: its own step, and the loop that all share.
public protocol StepTrainer: AnyObject {
  /// What a step leaves in metrics.csv.
  associatedtype StepMetrics: MetricsRow

  /// Updates the model and counts the steps.
  var loop: TrainingLoop { get }

  /// The next batch, then one update.
  func trainStep() throws -> StepMetrics
}

extension StepTrainer {
  /// Steps done.
  public var step: Int { loop.step }

  /// Trains to the end of the plan, saving into `directory` every `saveEvery` seconds, and goes on from its
  /// checkpoint when there is one. The caller saves the finished model, then calls `directory.finish()`.
  /// - Parameters:
  ///   - identity: what the run is made of (hashes), so that a folder never mixes two runs.
  ///   - report: called after every step with its metrics and the rate, in the plan's units per second.
  ///   - shouldStop: asked after every step; true saves a checkpoint and throws.
  ///   - isFinished: asked before every step with the steps done; true ends the run as if it were the last.
  public func run(
    in directory: RunDirectory, identity: RunIdentity, saveEvery: Double = 60,
    report: (StepMetrics, Double) throws -> Void = { _, _ in }, shouldStop: () -> Bool = { false },
    isFinished: (Int) throws -> Bool = { _ in false }
  ) throws {
    try loop.run(
      in: directory, identity: identity, saveEvery: saveEvery, report: report, shouldStop: shouldStop,
      isFinished: isFinished, takeStep: trainStep)
  }
}
