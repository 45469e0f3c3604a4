import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// Trains a student by cross-entropy and by forward KL from a frozen teacher (X-EcoMLA's "SFT"): one loop,
/// from batch to loss to update, resumable bit for bit.
///
/// loss = mean over the step's tokens of (ceWeight CE + klWeight KL(teacher || student)). The mean is per
/// token; the official code's `batchmean` divides by the batch alone, T times larger.
public final class Trainer: StepTrainer {
  /// Whose parameters train.
  public let student: LanguageModel
  /// Whom it follows; nil where the plan has neither KL nor hidden states.
  public let teacher: (any Teacher)?
  /// What decides the numbers.
  public let plan: TrainingPlan
  private let batches: any BatchSource
  /// Updates `student` and counts its steps.
  public let loop: TrainingLoop

  /// - Parameters:
  ///   - teacher: frozen; may be left out where the plan's KL weight is 0
  ///   - batches: [plan.batch, plan.time] each step, the same on all ranks
  ///   - ranks: each takes its part of a batch's micro-batches
  /// - Throws: usage errors for values out of range, other vocabularies, a teacher that is missing, too little memory
  public init(
    student: LanguageModel, teacher: (any Teacher)? = nil, batches: any BatchSource, plan: TrainingPlan,
    ranks: any TrainingRanks = SingleRank()
  ) throws {
    try plan.validate(ranks: ranks.size)
    for model in [student, teacher as? LanguageModel].compactMap({ $0 }) {
      try model.config.requirePositions(plan.time, field: "sequence")
    }
    if let teacher, teacher.vocabularySize < student.config.vocabularySize {
      throw UpcycleError.usage(
        "teacher and student have different vocabularies", at: "vocab_size",
        expected: "at least \(student.config.vocabularySize)", found: "\(teacher.vocabularySize)",
        hint: "distillation matches logits token by token: use models with one tokenizer, a teacher padded no less")
    }
    if plan.klWeight > 0 && teacher == nil {
      throw UpcycleError.usage("a KL weight needs a teacher", field: "kl_weight", found: "\(plan.klWeight)")
    }
    if plan.hiddenWeight != nil && !(teacher is LanguageModel) {
      throw UpcycleError.usage("hidden states need a teacher that runs beside the student", field: "hidden_weight")
    }
    try StepMemory.require(
      plan, student: student.config, teacher: (teacher as? LanguageModel)?.config,
      beside: RankMemory.require(student.config, on: ranks))
    if plan.freezesEmbeddings == true {
      student.embedding.isTrainable = false
      student.head.isTrainable = false
    }
    if plan.freezesFeedForwards == true {
      for (parameter, tensor) in zip(student.parameters.parameters, student.tensors) {
        switch tensor.role {
        case .feedForward, .feedForwardBias: parameter.isTrainable = false
        default: break
        }
      }
    }
    self.student = student
    self.teacher = plan.klWeight > 0 || plan.hiddenWeight != nil ? teacher : nil
    self.batches = batches
    self.plan = plan
    loop = TrainingLoop(student, plan, ranks: ranks)
  }

  /// Means per token of one step.
  public struct StepMetrics: MetricsRow, Sendable {
    /// The step, from 1.
    public var step: Int
    /// What was minimised, without the experts' balance.
    public var loss: Double
    /// Nats.
    public var crossEntropy: Double
    /// KL(teacher || student), nats; 0 without a teacher.
    public var divergence: Double
    /// Before clipping.
    public var gradientNorm: Double
    /// The step's learning rate.
    public var rate: Double
    /// Mean over layers with experts of E sum_e f_e P_e, 1 when even, of this rank's part; nil where the plan has no
    /// balance loss.
    public var balance: Double?

    /// Of metrics.csv, before the seconds; `balance` is not among them.
    public static var columns: String { "step,loss,ce,kl,gradient_norm,rate" }
    /// One per column.
    public var row: [String] {
      [
        "\(step)", decimal(loss), decimal(crossEntropy), decimal(divergence), decimal(gradientNorm),
        String(format: "%.4e", rate),
      ]
    }
  }

  // MARK: One step

  /// Forward, backward and update on the next batch.
  public func trainStep() throws -> StepMetrics {
    let (ids, targets) = try batches.batch(step: step)
    student.parameters.zeroGradients()
    student.routing.restart()
    student.routing.balanceWeight = Float(
      (plan.balance?.lossWeight ?? 0) * Double(plan.microBatch) / Double(plan.batch))
    let counted = targets.reduce(0) { $0 + ($1 >= 0 ? 1 : 0) }
    var sums = HeadLossSums()
    var hiddenDistance = 0.0
    let tokens = plan.microBatch * plan.time
    let parts = loop.ranks.part(of: plan.batch / plan.microBatch)
    for index in parts {
      let range = index * tokens..<(index + 1) * tokens
      let (part, distance) = try accumulate(
        index, Array(ids[range]), Array(targets[range]), scale: 1 / Float(max(1, counted)),
        completes: index == parts.last)
      sums += part
      hiddenDistance += distance
    }
    let loads = plan.balance == nil ? [] : student.routing.records.map(\.loads)
    let (totals, norm) = try loop.reduce(
      [sums.crossEntropy, sums.divergence, Double(sums.tokens), hiddenDistance] + loads.joined().map(Double.init))
    let count = max(1, totals[2])
    let crossEntropy = totals[0] / count
    let divergence = totals[1] / count
    let loss =
      plan.ceWeight * crossEntropy + plan.klWeight * divergence
      + (plan.hiddenWeight ?? 0) * totals[3] / Double(max(1, ids.count))
    let rate = try loop.update(loss: loss, norm: norm) {
      let part = Array(ids[parts.lowerBound * tokens..<(parts.lowerBound + 1) * tokens])
      return student.firstNonFiniteLayer(ids: part, batch: plan.microBatch, time: plan.time) ?? teacherFault(part)
    }
    if let balance = plan.balance, balance.biasRate > 0 {
      var all = totals.dropFirst(4).map { Int($0) }[...]
      student.routing.replaceLoads(
        loads.map { own in
          defer { all.removeFirst(own.count) }
          return Array(all.prefix(own.count))
        })
      student.routing.updateBias(rate: balance.biasRate)
    }
    return StepMetrics(
      step: step, loss: loss, crossEntropy: crossEntropy, divergence: divergence, gradientNorm: norm, rate: rate,
      balance: plan.balance.flatMap { $0.lossWeight > 0 ? student.routing.meanBalance : nil })
  }

  /// A teacher whose states are not finite on the step's first micro-batch.
  private func teacherFault(_ ids: [Int32]) -> Fault? {
    guard let taught = try? teacher?.teaching(step: step, part: 0, ids: ids, batch: plan.microBatch, time: plan.time),
      taught.hidden.hasNonFinite || taught.weight.hasNonFinite
    else { return nil }
    return Fault("the teacher's states", hint: "the teacher is damaged, or its states overflow")
  }

  /// Adds the gradients of the step's micro-batch `part`.
  /// - Parameter completes: it is this rank's last one, so that the gradients of what its backward pass is done with
  ///   are complete
  /// - Returns: what the head measured, and the squared distance of hidden states, summed over layers and tokens
  private func accumulate(
    _ part: Int, _ ids: [Int32], _ targets: [Int32], scale: Float, completes: Bool
  ) throws -> (HeadLossSums, hiddenDistance: Double) {
    let batch = plan.microBatch
    let (wanted, teacherHead) = try teaching(part, ids)
    let tape = Tape(recording: true)
    let ranks = loop.ranks
    ranks.attend(tape)
    var states: [Variable] = []
    let hidden = student.hidden(
      tape, ids: ids, batch: batch, time: plan.time, checkpointing: plan.checkpointing
    ) { [last = student.layers.count - 1] layer, x in
      if !wanted.isEmpty { states.append(x) }
      // The nodes that follow are the next layer's.
      if completes && ranks.size > 1 && layer < last { tape.whenPassed { ranks.passed(layer + 1) } }
    }
    let (headLoss, sums) = tape.headLoss(
      hidden, head: student.head, targets: targets, teacher: teacherHead, ceWeight: Float(plan.ceWeight),
      klWeight: Float(plan.klWeight), scale: scale, cap: student.logitCap)
    var (loss, distance) = (headLoss, 0.0)
    let perToken = Float((plan.hiddenWeight ?? 0) / Double(plan.batch * plan.time))
    for (state, target) in zip(states, wanted) {
      let (term, sum) = tape.distance(state, to: target, squared: true, scale: perToken)
      loss = tape.add(loss, term)
      distance += sum
    }
    tape.backward(from: loss)
    return (sums, distance)
  }

  /// The teacher's head on a micro-batch, and its layers' outputs where the plan compares them.
  private func teaching(_ part: Int, _ ids: [Int32]) throws -> (states: [Tensor], head: TeacherHead?) {
    guard plan.hiddenWeight != nil, let model = teacher as? LanguageModel else {
      return ([], try teacher?.teaching(step: step, part: part, ids: ids, batch: plan.microBatch, time: plan.time))
    }
    var states: [Tensor] = []
    let last = model.hidden(
      Tape(recording: false), ids: ids, batch: plan.microBatch, time: plan.time, probe: { states.append($1.value) }
    ).value
    return (
      states,
      TeacherHead(
        hidden: last.reshaped([last.rowCount, last.width]), weight: model.head.value, cap: model.logitCap)
    )
  }
}
