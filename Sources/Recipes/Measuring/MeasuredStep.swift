import Autograd
import Distillation
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// One training step of a model with random weights on random tokens, run to see what it holds at once and how long it
/// takes (HyLo Tables 1 and 9).
public struct MeasuredStep {
  /// The model that trains.
  public var student: ModelConfig
  /// nil: next-token cross-entropy instead of KL.
  public var teacher: ModelConfig?
  /// One sequence of so many tokens.
  public var tokens: Int
  /// What of the logits stands at once.
  public var form: LossForm
  /// Whether activations are recomputed.
  public var checkpointing: Bool
  /// Keeps the teacher's activations, gradients and moments as well, as a step that does not freeze it would.
  public var trainsTeacher: Bool

  public init(
    student: ModelConfig, teacher: ModelConfig?, tokens: Int, form: LossForm, checkpointing: Bool,
    trainsTeacher: Bool = false
  ) {
    self.student = student
    self.teacher = teacher
    self.tokens = tokens
    self.form = form
    self.checkpointing = checkpointing
    self.trainsTeacher = trainsTeacher
  }

  /// What the steps took.
  public struct Outcome: Codable, Sendable {
    /// Highest sum of tensor bytes held at once, weights and moments included.
    public var peakBytes: Int
    /// Of the fastest step.
    public var seconds: Double
    /// Of the first step, nats per token.
    public var loss: Double
    /// Gradient norm of the first step.
    public var gradientNorm: Double
  }

  /// What the same step takes by formula.
  public var estimate: StepMemory {
    StepMemory(
      student: student, teacher: teacher, tokens: tokens, form: form, checkpointing: checkpointing,
      trainsTeacher: trainsTeacher, lanes: Threads.count)
  }

  /// Runs `repeats` steps.
  /// - Parameter check: called after every step; may throw to stop.
  public func run(repeats: Int = 1, check: () throws -> Void = {}) throws -> Outcome {
    guard repeats >= 1, tokens >= 2 else {
      throw UpcycleError.usage(
        "must be positive", at: "`repeats`, `tokens`", expected: "1 or more, 2 or more", found: "\(repeats), \(tokens)")
    }
    StoragePool.trim()
    let before = StoragePool.liveBytes
    StoragePool.resetPeak()
    let model = try LanguageModel(student, seed: 1)
    let optimizer = AdamW(model.parameters, .init())
    let guide = try teacher.map { try LanguageModel($0, seed: 2) }
    let guideOptimizer = trainsTeacher ? guide.map { AdamW($0.parameters, .init()) } : nil
    let stream = RandomStream(seed: 1, "tokens")
    let ids = (0...tokens).map { Int32(stream.uniform(at: UInt64($0)) * Double(student.vocabularySize)) }
    var outcome = Outcome(peakBytes: 0, seconds: .infinity, loss: .nan, gradientNorm: .nan)
    for step in 0..<repeats {
      let start = monotonicSeconds()
      model.parameters.zeroGradients()
      if trainsTeacher { guide?.parameters.zeroGradients() }
      let loss = self.step(model, guide, Array(ids.dropLast()), Array(ids.dropFirst()))
      let norm = optimizer.gradientNorm()
      if step == 0 { (outcome.loss, outcome.gradientNorm) = (loss, norm) }
      optimizer.update(rate: 1e-4, gradientScale: min(1, 1 / norm))
      outcome.seconds = min(outcome.seconds, monotonicSeconds() - start)
      try check()
    }
    outcome.peakBytes = StoragePool.peakBytes - before
    return withExtendedLifetime(guideOptimizer) { outcome }
  }

  /// Forward and backward.
  private func step(_ model: LanguageModel, _ guide: LanguageModel?, _ ids: [Int32], _ targets: [Int32]) -> Double {
    let guideTape = Tape(recording: trainsTeacher)
    let states = guide.map { guide -> Tensor in
      let hidden = guide.hidden(guideTape, ids: ids, batch: 1, time: tokens).value
      return hidden.reshaped([tokens, hidden.width])
    }
    defer { withExtendedLifetime(guideTape) {} }
    // Other implementations run the teacher's head before the student.
    let guideLogits = form == .hidden ? nil : states.map { guide!.logits($0) }
    let tape = Tape(recording: true)
    let hidden = model.hidden(tape, ids: ids, batch: 1, time: tokens, checkpointing: checkpointing)
    guard form != .hidden else {
      let (loss, sums) = tape.headLoss(
        hidden, head: model.head, targets: targets,
        teacher: states.map { TeacherHead(hidden: $0, weight: guide!.head.value) }, ceWeight: guide == nil ? 1 : 0,
        klWeight: guide == nil ? 0 : 1, scale: 1 / Float(tokens))
      tape.backward(from: loss)
      return (guide == nil ? sums.crossEntropy : sums.divergence) / Double(tokens)
    }
    let logits = tape.linear(hidden, model.head)
    let (gradient, loss) = WholeLogits.gradient(
      form, logits: logits.value.reshaped([tokens, logits.width]), teacher: guideLogits, targets: targets)
    tape.backward(from: logits, seed: gradient.reshaped(logits.shape))
    return loss
  }
}
