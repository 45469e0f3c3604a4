import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// Trains a student by cross-entropy and by forward KL from a frozen teacher (X-EcoMLA stage A): one loop,
/// from batch to loss to update, resumable bit for bit.
///
/// loss = mean over the step's tokens of (ceWeight CE + klWeight KL(teacher || student)). The mean is per
/// token; the official code's `batchmean` is T times larger (brief P21).
public final class Trainer {
  public let student: LanguageModel
  public let teacher: LanguageModel?
  public let plan: TrainingPlan
  private let batches: any BatchSource
  private let optimizer: AdamW
  private let schedule: Schedule
  /// Steps done.
  public private(set) var step = 0

  public init(student: LanguageModel, teacher: LanguageModel? = nil, batches: any BatchSource, plan: TrainingPlan) throws {
    try plan.validate()
    if let teacher, teacher.config.vocabularySize != student.config.vocabularySize {
      throw UpcycleError.usage(
        "teacher and student have different vocabularies", at: "vocab_size",
        expected: "\(student.config.vocabularySize)", found: "\(teacher.config.vocabularySize)",
        hint: "distillation matches logits token by token; use models with one tokenizer")
    }
    if plan.klWeight > 0 && teacher == nil {
      throw UpcycleError.usage("a KL weight needs a teacher", at: "kl weight", found: "\(plan.klWeight)")
    }
    self.student = student
    self.teacher = plan.klWeight > 0 ? teacher : nil
    self.batches = batches
    self.plan = plan
    schedule = plan.schedule
    optimizer = AdamW(student.parameters, plan.optimizer)
  }

  /// Means per token of one step.
  public struct StepMetrics: Sendable {
    public var step: Int
    public var loss: Double
    public var crossEntropy: Double
    public var divergence: Double
    public var gradientNorm: Double
    public var rate: Double
  }

  // MARK: One step

  /// Forward, backward and update on the next batch.
  public func trainStep() throws -> StepMetrics {
    let (ids, targets) = try batches.batch(step: step)
    student.parameters.zeroGradients()
    let counted = targets.reduce(0) { $0 + ($1 >= 0 ? 1 : 0) }
    var sums = HeadLossSums()
    let tokens = plan.microBatch * plan.time
    for start in stride(from: 0, to: ids.count, by: tokens) {
      let range = start..<start + tokens
      let part = accumulate(Array(ids[range]), Array(targets[range]), scale: 1 / Float(max(1, counted)))
      sums.crossEntropy += part.crossEntropy
      sums.divergence += part.divergence
      sums.tokens += part.tokens
    }
    let count = Double(max(1, sums.tokens))
    let crossEntropy = sums.crossEntropy / count
    let divergence = sums.divergence / count
    let loss = plan.ceWeight * crossEntropy + plan.klWeight * divergence
    let norm = optimizer.gradientNorm()
    if !loss.isFinite || !norm.isFinite { throw notFinite(loss: loss, ids: Array(ids[0..<tokens])) }
    let rate = schedule.rate(at: step)
    let clipping = plan.clip > 0 && norm > plan.clip ? plan.clip / norm : 1
    optimizer.update(rate: rate, gradientScale: clipping)
    step += 1
    return StepMetrics(
      step: step, loss: loss, crossEntropy: crossEntropy, divergence: divergence, gradientNorm: norm, rate: rate)
  }

  /// Adds one micro-batch's gradients.
  private func accumulate(_ ids: [Int32], _ targets: [Int32], scale: Float) -> HeadLossSums {
    let batch = plan.microBatch
    var teacherHead: TeacherHead?
    if let teacher {
      let hidden = teacher.hidden(Tape(recording: false), ids: ids, batch: batch, time: plan.time).value
      teacherHead = TeacherHead(hidden: hidden.reshaped([hidden.rowCount, hidden.width]), weight: teacher.head.value)
    }
    let tape = Tape(recording: true)
    let hidden = student.hidden(
      tape, ids: ids, batch: batch, time: plan.time, checkpointing: plan.checkpointing)
    let (loss, sums) = tape.headLoss(
      hidden, head: student.head, targets: targets, teacher: teacherHead, ceWeight: Float(plan.ceWeight),
      klWeight: Float(plan.klWeight), scale: scale)
    tape.backward(from: loss)
    return sums
  }

  /// Runs the forward pass again and names the first layer whose output is not finite.
  private func notFinite(loss: Double, ids: [Int32]) -> UpcycleError {
    var culprit = nonFiniteParameter
    if culprit == nil {
      _ = student.hidden(Tape(recording: false), ids: ids, batch: plan.microBatch, time: plan.time) { layer, x in
        if culprit == nil && x.value.hasNonFinite { culprit = "output of layer \(layer)" }
      }
    }
    return UpcycleError(
      "loss or gradient is not finite (loss \(loss))", at: "step \(step + 1)",
      found: "first in \(culprit ?? "the backward pass")", hint: "lower the learning rate")
  }

  private var nonFiniteParameter: String? {
    student.parameters.parameters.first { $0.value.hasNonFinite }.map { "parameter \($0.name)" }
  }

  // MARK: A whole run

  /// Trains to the end of the plan, saving into `directory` every `saveEvery` seconds, and goes on from its
  /// checkpoint when there is one. The caller saves the finished model, then calls `directory.finish()`.
  /// - Parameters:
  ///   - identity: what the run is made of (hashes), so that a folder never mixes two runs.
  ///   - report: called after every step with its metrics and the rate in tokens per second.
  ///   - shouldStop: asked after every step; true saves a checkpoint and throws.
  public func run(
    in directory: RunDirectory, identity: RunIdentity, saveEvery: Double = 60,
    report: (StepMetrics, Double) throws -> Void = { _, _ in }, shouldStop: () -> Bool = { false }
  ) throws {
    try directory.begin(plan: plan, identity: identity)
    TrainingCheckpoint.removeLeftovers(directory.checkpoint)
    if let found = try TrainingCheckpoint.load(directory.checkpoint, into: student, optimizer) { step = found }
    let metrics = try directory.openMetrics(keeping: step, header: "step,loss,ce,kl,gradient_norm,rate,seconds")
    let started = monotonicSeconds()
    let firstStep = step
    var saved = started
    while step < plan.steps {
      let result = try trainStep(namingCheckpointsIn: directory)
      let elapsed = monotonicSeconds() - started
      try metrics.append(
        [
          "\(result.step)", decimal(result.loss), decimal(result.crossEntropy), decimal(result.divergence),
          decimal(result.gradientNorm), String(format: "%.4e", result.rate), String(format: "%.2f", elapsed),
        ].joined(separator: ","))
      try report(result, Double((step - firstStep) * plan.batch * plan.time) / elapsed)
      let stop = shouldStop() && step < plan.steps
      if stop || monotonicSeconds() - saved > saveEvery {
        try save(in: directory)
        saved = monotonicSeconds()
      }
      if stop {
        throw UpcycleError("interrupted after step \(step); the same command goes on from there", at: directory.url.path)
      }
    }
    // The last state stays until the finished model is on disk (`RunDirectory.finish`).
    try save(in: directory)
    student.parameters.dropGradients()
  }

  /// A step whose failure also names the last good checkpoint.
  private func trainStep(namingCheckpointsIn directory: RunDirectory) throws -> StepMetrics {
    do { return try trainStep() } catch let error as UpcycleError { throw naming(checkpointsIn: directory, error) }
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
    try TrainingCheckpoint.save(directory.checkpoint, step: step, student, optimizer)
  }

  private func naming(checkpointsIn directory: RunDirectory, _ error: UpcycleError) -> UpcycleError {
    let checkpoint = try? TrainingCheckpoint.newest(directory.checkpoint)
    let last = checkpoint.map { "last good checkpoint: \($0.path)" } ?? "no checkpoint yet"
    var named = error
    named.hint = [error.hint, last].compactMap { $0 }.joined(separator: "; ")
    return named
  }
}

private func decimal(_ value: Double, _ digits: Int = 6) -> String { String(format: "%.\(digits)f", value) }
