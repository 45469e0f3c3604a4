import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// What every training shares, whatever its loss: the update from a step's gradients (clipping, schedule,
/// AdamW), and the way from a run directory's last checkpoint to the last step, saving on the way.
final class TrainingLoop {
  let model: LanguageModel
  private let optimizer: AdamW
  private let schedule: Schedule
  private let clip: Double
  /// Steps done.
  private(set) var step = 0

  init(_ model: LanguageModel, _ optimizer: AdamW.Settings, _ schedule: Schedule, clip: Double) {
    self.model = model
    self.optimizer = AdamW(model.parameters, optimizer)
    self.schedule = schedule
    self.clip = clip
  }

  // MARK: One update

  /// Ends a step: clips the model's gradients, updates it and counts the step.
  /// - Parameters:
  ///   - loss: only looked at for being finite.
  ///   - probe: names the first layer whose output is not finite; asked when loss or gradient is not.
  /// - Returns: the gradient norm before clipping and the learning rate.
  func update(loss: Double, probe: () -> String?) throws -> (norm: Double, rate: Double) {
    let norm = optimizer.gradientNorm()
    if !loss.isFinite || !norm.isFinite {
      throw UpcycleError(
        "loss or gradient is not finite (loss \(loss))", at: "step \(step + 1)",
        found: "first in \(nonFiniteParameter ?? probe() ?? "the backward pass")", hint: "lower the learning rate")
    }
    let rate = schedule.rate(at: step)
    optimizer.update(rate: rate, gradientScale: clip > 0 && norm > clip ? clip / norm : 1)
    step += 1
    return (norm, rate)
  }

  private var nonFiniteParameter: String? {
    model.parameters.parameters.first { $0.value.hasNonFinite }.map { "parameter \($0.name)" }
  }

  // MARK: A whole run

  /// Steps to the end of the schedule, saving into `directory` every `saveEvery` seconds, and goes on from its
  /// checkpoint when there is one. The caller saves the finished model, then calls `directory.finish()`.
  /// - Parameters:
  ///   - columns: names of the fields that `row` gives; seconds are added.
  ///   - takeStep: one step, ending with `update`.
  ///   - report: called after every step with its result and the rate in steps per second.
  ///   - shouldStop: asked after every step; true saves a checkpoint and throws.
  ///   - isFinished: asked before every step with the steps done; true ends the run early.
  func run<Plan: Codable & Equatable, Result>(
    in directory: RunDirectory, plan: Plan, identity: RunIdentity, saveEvery: Double, columns: String,
    row: (Result) -> [String], report: (Result, Double) throws -> Void, shouldStop: () -> Bool,
    isFinished: (Int) -> Bool = { _ in false }, takeStep: () throws -> Result
  ) throws {
    try directory.begin(plan: plan, identity: identity)
    TrainingCheckpoint.removeLeftovers(directory.checkpoint)
    if let found = try TrainingCheckpoint.load(directory.checkpoint, into: model, optimizer) { step = found }
    let metrics = try directory.openMetrics(keeping: step, header: columns + ",seconds")
    let started = monotonicSeconds()
    let firstStep = step
    var saved = started
    while step < schedule.steps && !isFinished(step) {
      let result: Result
      do { result = try takeStep() } catch let error as UpcycleError { throw naming(checkpointsIn: directory, error) }
      let elapsed = monotonicSeconds() - started
      try metrics.append((row(result) + [decimal(elapsed, 2)]).joined(separator: ","))
      try report(result, Double(step - firstStep) / elapsed)
      let stop = shouldStop() && step < schedule.steps
      if stop || monotonicSeconds() - saved > saveEvery {
        try save(in: directory)
        saved = monotonicSeconds()
      }
      if stop {
        throw UpcycleError(
          "interrupted after step \(step); the same command goes on from there", at: directory.url.path)
      }
    }
    // The last state stays until the finished model is on disk (`RunDirectory.finish`).
    try save(in: directory)
    model.parameters.dropGradients()
  }

  /// Saves the state, unless the last update spoilt it: every checkpoint is a good one.
  private func save(in directory: RunDirectory) throws {
    if let culprit = nonFiniteParameter {
      throw naming(
        checkpointsIn: directory,
        UpcycleError(
          "the update is not finite", at: "step \(step)", found: "first in \(culprit)",
          hint: "lower the learning rate"))
    }
    try TrainingCheckpoint.save(directory.checkpoint, step: step, model, optimizer)
  }

  /// The same error, naming the last good checkpoint too.
  private func naming(checkpointsIn directory: RunDirectory, _ error: UpcycleError) -> UpcycleError {
    let checkpoint = try? TrainingCheckpoint.newest(directory.checkpoint)
    let last = checkpoint.map { "last good checkpoint: \($0.path)" } ?? "no checkpoint yet"
    var named = error
    named.hint = [error.hint, last].compactMap { $0 }.joined(separator: "; ")
    return named
  }
}

/// A number of metrics.csv.
func decimal(_ value: Double, _ digits: Int = 6) -> String { String(format: "%.\(digits)f", value) }

extension LanguageModel {
  /// The first layer whose output is not finite on these ids.
  func firstNonFiniteLayer(ids: [Int32], batch: Int, time: Int) -> String? {
    var culprit: String?
    _ = hidden(Tape(recording: false), ids: ids, batch: batch, time: time) { layer, x in
      if culprit == nil && x.value.hasNonFinite { culprit = "output of layer \(layer)" }
    }
    return culprit
  }
}
