import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// What every training shares, whatever its loss: the update from a step's gradients (clipping, schedule,
/// AdamW), and the way from a run directory's last checkpoint to the last step, saving on the way; on one rank or many.
public final class TrainingLoop {
  let model: LanguageModel
  /// What the ranks of this training do together.
  public let ranks: any TrainingRanks
  private let optimizer: AdamW
  private let plan: any UpdatePlan
  private let schedule: Schedule
  /// Steps done.
  public private(set) var step = 0
  /// The step of the state that all ranks have on disk: written last, or gone on from.
  private var lastSaved: Int?

  /// - Parameter ranks: that train together
  public init(_ model: LanguageModel, _ plan: any UpdatePlan, ranks: any TrainingRanks = SingleRank()) {
    self.model = model
    self.plan = plan
    self.ranks = ranks
    ranks.begin(model)
    optimizer = AdamW(model.parameters, plan.optimizer, share: ranks.share(of: model.parameters.count))
    schedule = plan.schedule
  }

  // MARK: One update

  /// Ends the backward pass: the model's gradients become those of the whole batch.
  /// - Parameter sums: what this rank's part of the batch adds to the step's measures
  /// - Returns: the sums over all ranks, and the gradient norm before clipping
  public func reduce(_ sums: [Double]) throws -> (sums: [Double], norm: Double) {
    try ranks.reduce(sums, norm: optimizer.gradientNorm)
  }

  /// Ends a step: clips the model's gradients, updates it and counts the step.
  /// - Parameters:
  ///   - loss: only looked at for being finite
  ///   - norm: as `reduce` gives it
  ///   - probe: the first place that is not finite; asked on every rank when loss or gradient is not
  /// - Returns: the learning rate
  public func update(loss: Double, norm: Double, probe: () throws -> Fault? = { nil }) throws -> Double {
    if !loss.isFinite || !norm.isFinite {
      // Asked on every rank, whatever the rank itself has found: ranks may look together.
      let found = try probe()
      func error(_ fault: Fault) -> UpcycleError {
        UpcycleError(
          "loss or gradient is not finite (loss \(loss))", at: "step \(step + 1)", found: "first in \(fault.place)",
          hint: fault.hint)
      }
      // The cause may lie in the part of the batch that another rank has.
      try ranks.agreeing { if let fault = nonFiniteParameter.map({ Fault($0) }) ?? found { throw error(fault) } }
      throw ranks.shared(error(Fault("the backward pass")))
    }
    let rate = schedule.rate(at: step)
    optimizer.update(rate: rate, gradientScale: plan.clip > 0 && norm > plan.clip ? plan.clip / norm : 1)
    if ranks.shardsOptimizer { try ranks.gather(model.parameters.values) }
    step += 1
    return rate
  }

  private var nonFiniteParameter: String? {
    model.parameters.parameters.first { $0.value.hasNonFinite }.map { "parameter \($0.name)" }
  }

  // MARK: A whole run

  /// Steps to the end of the schedule, saving into `directory` every `saveEvery` seconds, and goes on from its
  /// checkpoint when there is one. `RunDirectory.complete` calls it and then saves the finished model.
  /// - Parameters:
  ///   - identity: what the run is made of (hashes), so that a folder never mixes two runs
  ///   - report: called after every step with its metrics and the rate, in the plan's units per second
  ///   - shouldStop: asked after every step; true, on any rank, saves a checkpoint and throws
  ///   - isFinished: asked before every step with the steps done, on all ranks, which must answer alike; true ends the
  ///     run early
  ///   - takeStep: one step, ending with `update`
  public func run<Metrics: MetricsRow>(
    in directory: RunDirectory, identity: RunIdentity, saveEvery: Double, report: (Metrics, Double) throws -> Void,
    shouldStop: () -> Bool, isFinished: (Int) throws -> Bool = { _ in false }, takeStep: () throws -> Metrics
  ) throws {
    let states = ranks.states(in: directory.checkpoint)
    try ranks.agreeing { if ranks.writes { try directory.begin(plan: plan, identity: identity) } }
    let curve = try resume(from: states)
    if step == 0, ranks.writes, let loss = directory.lostStates(in: states, saveEvery: saveEvery) {
      printNote("warning: \(loss)")
    }
    let metrics = try ranks.agreeing {
      ranks.writes ? try directory.openMetrics(keeping: step, header: Metrics.columns + ",seconds", curve: curve) : nil
    }
    let started = monotonicSeconds()
    let firstStep = step
    var saved = started
    while try step < schedule.steps && !isFinished(step) {
      let result: Metrics
      do { result = try takeStep() } catch let error as UpcycleError { throw naming(checkpointsIn: states, error) }
      let elapsed = monotonicSeconds() - started
      try ranks.agreeing { try metrics?.append((result.row + [decimal(elapsed, 2)]).joined(separator: ",")) }
      try report(result, Double(step - firstStep) / elapsed * Double(plan.unitsPerStep))
      let (stops, saves) = try ranks.decide(
        stop: shouldStop() && step < schedule.steps, save: monotonicSeconds() - saved > saveEvery)
      if stops || saves {
        try save(in: states, metrics)
        saved = monotonicSeconds()
      }
      if stops {
        throw ranks.shared(
          UpcycleError(
            "interrupted after step \(step); the same command goes on from there", at: directory.url.path,
            kind: .interrupted))
      }
    }
    // The last state stays until the finished model is on disk (`RunDirectory.complete`).
    try save(in: states, metrics)
    model.parameters.dropGradients()
  }

  /// Goes on from the last step of which all ranks have a good state, if there is one; ranks begin alike.
  /// - Returns: the digest of the loss curve up to there
  private func resume(from states: URL) throws -> String {
    let found = try ranks.agreeing { ranks.keepsStates ? TrainingCheckpoint.examine(states) : .init() }
    let last = try ranks.newestCommon(found.good)
    try ranks.agreeing { try TrainingCheckpoint.tell(found.damaged, goingOnFrom: last) }
    var curve = ""
    if let last {
      curve = try ranks.agreeing {
        ranks.keepsStates ? try TrainingCheckpoint.load(states, step: last, into: model, optimizer) : ""
      }
      // Of ranks that keep no state too.
      (optimizer.step, step, lastSaved) = (last, last, last)
    }
    try ranks.gather(model.parameters.values)
    if last != nil && !ranks.shardsOptimizer {
      for moment in [optimizer.first, optimizer.second] { try ranks.gather(moment) }
    }
    return curve
  }

  /// Saves the state, unless the last update spoilt it: every checkpoint is a good one. The state that all ranks have
  /// stays beside it, so that a job killed at any moment leaves a step that every rank can go on from.
  private func save(in states: URL, _ metrics: MetricsFile?) throws {
    if step == lastSaved { return }
    try ranks.agreeing {
      if let culprit = nonFiniteParameter {
        throw naming(
          checkpointsIn: states,
          UpcycleError(
            "the update is not finite", at: "step \(step)", found: "first in \(culprit)",
            hint: "lower the learning rate"))
      }
      try metrics?.sync()
      if !ranks.keepsStates { return }
      try TrainingCheckpoint.write(
        states, step: step, after: lastSaved, curve: metrics?.digest ?? "", model, optimizer)
    }
    lastSaved = step
  }

  /// The same error, naming the last good checkpoint too.
  private func naming(checkpointsIn states: URL, _ error: UpcycleError) -> UpcycleError {
    let checkpoint = TrainingCheckpoint.newest(states)
    let last = checkpoint.map { "last good checkpoint: \($0.path)" } ?? "no checkpoint yet"
    var named = error
    named.hint = [error.hint, last].compactMap { $0 }.joined(separator: "; ")
    return named
  }
}

/// Where numbers stop being finite, and what to do about it.
public struct Fault {
  /// Such as "output of layer 3".
  public var place: String
  /// What to do about it.
  public var hint: String

  /// By default the hint is to lower the learning rate.
  public init(_ place: String, hint: String = "lower the learning rate") {
    self.place = place
    self.hint = hint
  }
}

/// What a step leaves in metrics.csv; seconds since the start are added.
public protocol MetricsRow {
  /// The step, from 1.
  var step: Int { get }
  /// Names of the fields, between commas.
  static var columns: String { get }
  /// As many, as text.
  var row: [String] { get }
}

/// A number of metrics.csv.
public func decimal(_ value: Double, _ digits: Int = 6) -> String { String(format: "%.\(digits)f", value) }

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
