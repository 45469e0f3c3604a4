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
  /// The step of the state on disk that this run wrote last, or went on from.
  private var lastSaved: Int?

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
  ///   - probe: the first place that is not finite; asked when loss or gradient is not.
  /// - Returns: the gradient norm before clipping and the learning rate.
  func update(loss: Double, probe: () -> Fault?) throws -> (norm: Double, rate: Double) {
    let norm = optimizer.gradientNorm()
    if !loss.isFinite || !norm.isFinite {
      let fault = nonFiniteParameter.map { Fault($0) } ?? probe() ?? Fault("the backward pass")
      throw UpcycleError(
        "loss or gradient is not finite (loss \(loss))", at: "step \(step + 1)", found: "first in \(fault.place)",
        hint: fault.hint)
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
    let metrics = try resume(from: directory, header: columns + ",seconds")
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
        try save(in: directory, metrics)
        saved = monotonicSeconds()
      }
      if stop {
        throw UpcycleError(
          "interrupted after step \(step); the same command goes on from there", at: directory.url.path,
          kind: .interrupted)
      }
    }
    // The last state stays until the finished model is on disk (`RunDirectory.finish`).
    try save(in: directory, metrics)
    model.parameters.dropGradients()
  }

  /// Goes on from the last good state, if there is one.
  private func resume(from directory: RunDirectory, header: String) throws -> MetricsFile {
    let found = TrainingCheckpoint.examine(directory.checkpoint, most: 1)
    try TrainingCheckpoint.tell(found.damaged, goingOnFrom: found.good.first)
    guard let last = found.good.first else { return try directory.openMetrics(keeping: 0, header: header) }
    let curve = try TrainingCheckpoint.load(directory.checkpoint, step: last, into: model, optimizer)
    (step, lastSaved) = (last, last)
    return try directory.openMetrics(keeping: last, header: header, curve: curve)
  }

  /// Saves the state, unless the last update spoilt it: every checkpoint is a good one.
  private func save(in directory: RunDirectory, _ metrics: MetricsFile) throws {
    if step == lastSaved { return }
    if let culprit = nonFiniteParameter {
      throw naming(
        checkpointsIn: directory,
        UpcycleError(
          "the update is not finite", at: "step \(step)", found: "first in \(culprit)",
          hint: "lower the learning rate"))
    }
    try metrics.sync()
    try TrainingCheckpoint.write(
      directory.checkpoint, step: step, after: lastSaved, curve: metrics.digest, model, optimizer)
    lastSaved = step
  }

  /// The same error, naming the last good checkpoint too.
  private func naming(checkpointsIn directory: RunDirectory, _ error: UpcycleError) -> UpcycleError {
    let checkpoint = TrainingCheckpoint.newest(directory.checkpoint)
    let last = checkpoint.map { "last good checkpoint: \($0.path)" } ?? "no checkpoint yet"
    var named = error
    named.hint = [error.hint, last].compactMap { $0 }.joined(separator: "; ")
    return named
  }
}

/// Where numbers stop being finite, and what to do about it.
struct Fault {
  var place: String
  var hint: String

  init(_ place: String, hint: String = "lower the learning rate") {
    self.place = place
    self.hint = hint
  }
}

/// A number of metrics.csv.
func decimal(_ value: Double, _ digits: Int = 6) -> String { String(format: "%.\(digits)f", value) }

extension LanguageModel {
  /// The first layer whose output is not finite on these ids.
  func firstNonFiniteLayer(ids: [Int32], batch: Int, time: Int) -> Fault? {
    var culprit: String?
    _ = hidden(Tape(recording: false), ids: ids, batch: batch, time: time) { layer, x in
      if culprit == nil && x.value.hasNonFinite { culprit = "output of layer \(layer)" }
    }
    return culprit.map { Fault($0) }
  }
}
