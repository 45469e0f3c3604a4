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
  public let teacher: (any Teacher)?
  public let plan: TrainingPlan
  private let batches: any BatchSource
  private let loop: TrainingLoop
  /// Steps done.
  public var step: Int { loop.step }

  public init(student: LanguageModel, teacher: (any Teacher)? = nil, batches: any BatchSource, plan: TrainingPlan)
    throws
  {
    try plan.validate()
    if let teacher, teacher.vocabularySize != student.config.vocabularySize {
      throw UpcycleError.usage(
        "teacher and student have different vocabularies", at: "vocab_size",
        expected: "\(student.config.vocabularySize)", found: "\(teacher.vocabularySize)",
        hint: "distillation matches logits token by token; use models with one tokenizer")
    }
    if plan.klWeight > 0 && teacher == nil {
      throw UpcycleError.usage("a KL weight needs a teacher", at: "kl weight", found: "\(plan.klWeight)")
    }
    self.student = student
    self.teacher = plan.klWeight > 0 ? teacher : nil
    self.batches = batches
    self.plan = plan
    loop = TrainingLoop(student, plan.optimizer, plan.schedule, clip: plan.clip)
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
    for (index, start) in stride(from: 0, to: ids.count, by: tokens).enumerated() {
      let range = start..<start + tokens
      let part = try accumulate(index, Array(ids[range]), Array(targets[range]), scale: 1 / Float(max(1, counted)))
      sums.crossEntropy += part.crossEntropy
      sums.divergence += part.divergence
      sums.tokens += part.tokens
    }
    let count = Double(max(1, sums.tokens))
    let crossEntropy = sums.crossEntropy / count
    let divergence = sums.divergence / count
    let loss = plan.ceWeight * crossEntropy + plan.klWeight * divergence
    let (norm, rate) = try loop.update(loss: loss) {
      student.firstNonFiniteLayer(ids: Array(ids[0..<tokens]), batch: plan.microBatch, time: plan.time)
    }
    return StepMetrics(
      step: step, loss: loss, crossEntropy: crossEntropy, divergence: divergence, gradientNorm: norm, rate: rate)
  }

  /// Adds the gradients of the step's micro-batch `part`.
  private func accumulate(_ part: Int, _ ids: [Int32], _ targets: [Int32], scale: Float) throws -> HeadLossSums {
    let batch = plan.microBatch
    let teacherHead = try teacher?.teaching(step: step, part: part, ids: ids, batch: batch, time: plan.time)
    let tape = Tape(recording: true)
    let hidden = student.hidden(
      tape, ids: ids, batch: batch, time: plan.time, checkpointing: plan.checkpointing)
    let (loss, sums) = tape.headLoss(
      hidden, head: student.head, targets: targets, teacher: teacherHead, ceWeight: Float(plan.ceWeight),
      klWeight: Float(plan.klWeight), scale: scale)
    tape.backward(from: loss)
    return sums
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
    try loop.run(
      in: directory, plan: plan, identity: identity, saveEvery: saveEvery,
      columns: "step,loss,ce,kl,gradient_norm,rate",
      row: { result in
        [
          "\(result.step)", decimal(result.loss), decimal(result.crossEntropy), decimal(result.divergence),
          decimal(result.gradientNorm), String(format: "%.4e", result.rate),
        ]
      }, report: { try report($0, $1 * Double(plan.batch * plan.time)) }, shouldStop: shouldStop,
      takeStep: trainStep)
  }
}
