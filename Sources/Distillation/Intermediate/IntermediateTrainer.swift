import Autograd
import CKernels
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// Intermediate-layer distillation (Zebra-Llama 2.4): every layer of a student with other mixers learns the output
/// of the base's layer, fed with the base's own input of that layer. So layers learn independently, and one layer's
/// activations are in memory at a time, whatever the depth. The last layers are compared behind the final norms.
///
/// Embedding and head get no gradient.
public final class IntermediateTrainer {
  /// Whose layers train.
  public let student: LanguageModel
  /// Whose layers are followed.
  public let base: LanguageModel
  /// What decides the numbers.
  public let plan: IntermediatePlan
  private let batches: any BatchSource
  private let loop: TrainingLoop
  /// Steps done.
  public var step: Int { loop.step }

  /// - Parameters:
  /// - base: gets no gradient
  /// - batches: [plan.batch, plan.time] each step, the same on all ranks
  /// - ranks: each takes its part of a batch's sequences
  /// - Throws: usage errors for values out of range, a student of other depth or width, too little memory
  public init(
    student: LanguageModel, base: LanguageModel, batches: any BatchSource, plan: IntermediatePlan,
    ranks: any TrainingRanks = SingleRank()
  ) throws {
    try plan.validate(ranks: ranks.size)
    guard student.layers.count == base.layers.count, student.config.hiddenSize == base.config.hiddenSize else {
      throw UpcycleError.usage(
        "is not a copy of the base with other mixers", field: "student",
        expected: "\(base.layers.count) layers of width \(base.config.hiddenSize)",
        found: "\(student.layers.count) of width \(student.config.hiddenSize)")
    }
    // Ids, targets and positions; the base's input and output of a layer, the student's output and its gradient.
    try requireMemory(
      cappedProduct(plan.batch, plan.time, cappedSum(16, cappedProduct(16, student.config.hiddenSize))),
      for: "steps of \(plan.batch) x \(plan.time) tokens", at: "batch and sequence length")
    self.student = student
    self.base = base
    self.plan = plan
    self.batches = batches
    for (parameter, tensor) in zip(student.parameters.parameters, student.tensors) {
      parameter.isTrainable = plan.trained == .layers ? ![.embedding, .head].contains(tensor.role) : tensor.isMixers
    }
    loop = TrainingLoop(student, plan, ranks: ranks)
  }

  /// Sums over layers of means per token of one step, before its update.
  public struct StepMetrics: MetricsRow, Sendable {
    /// The step, from 1.
    public var step: Int
    /// What was minimised, the part of the mixers included.
    public var loss: Double
    /// Part of the loss that compares mixer outputs; 0 unless the loss is `refined`.
    public var mixerLoss: Double
    /// Before clipping.
    public var gradientNorm: Double
    /// The step's learning rate.
    public var rate: Double

    public static var columns: String { "step,loss,mixer_loss,gradient_norm,rate" }
    public var row: [String] {
      ["\(step)", decimal(loss), decimal(mixerLoss), decimal(gradientNorm), String(format: "%.4e", rate)]
    }
  }

  /// All layers of the next batch, then one update.
  public func trainStep() throws -> StepMetrics {
    let all = try batches.batch(step: step).ids
    let rows = loop.ranks.part(of: plan.batch)
    let ids = Array(all[rows.lowerBound * plan.time..<rows.upperBound * plan.time])
    student.parameters.zeroGradients()
    var (loss, mixerLoss) = (0.0, 0.0)
    let perToken = 1 / Double(all.count)
    var layer = 0
    forEachLayer(ids, batch: rows.count, recording: true) { tape, pair in
      loop.ranks.attend(tape)
      var (variable, sum) = tape.distance(
        pair.output, to: pair.wanted, squared: plan.loss == .squared, scale: Float(perToken))
      loss += sum * perToken
      if plan.loss == .refined {
        let (other, sum) = tape.distance(pair.mixed, to: pair.baseMixed, squared: false, scale: Float(perToken))
        variable = tape.add(variable, other)
        mixerLoss += sum * perToken
      }
      tape.backward(from: variable)
      loop.ranks.passed(layer)
      layer += 1
    }
    let (totals, norm) = try loop.reduce([loss, mixerLoss])
    (loss, mixerLoss) = (totals[0] + totals[1], totals[1])
    let rate = try loop.update(loss: loss, norm: norm) {
      if let fault = base.firstNonFiniteLayer(ids: ids, batch: rows.count, time: plan.time) {
        return Fault("the base's \(fault.place)", hint: "the base is damaged, or its states overflow")
      }
      return student.firstNonFiniteLayer(ids: ids, batch: rows.count, time: plan.time)
    }
    return StepMetrics(step: step, loss: loss, mixerLoss: mixerLoss, gradientNorm: norm, rate: rate)
  }

  /// One layer of the student beside the base's.
  private struct LayerPair {
    var output: Variable
    var wanted: Tensor
    /// Mixer outputs before they join the residual stream.
    var mixed: Variable
    var baseMixed: Tensor
  }

  private func forEachLayer(_ ids: [Int32], batch: Int, recording: Bool, _ body: (Tape, LayerPair) -> Void) {
    let time = ids.count / batch
    let positions = (0..<ids.count).map { Int32($0 % time) }
    let eps = Float(base.config.rmsNormEps)
    let quiet = Tape(recording: false)
    var x = base.embedded(quiet, ids, positionIds: positions, leading: [batch, time])
    for index in base.layers.indices {
      var baseMixed: Tensor?
      let target = base.layers[index].forward(quiet, x, batch: batch, time: time, positionIds: positions) {
        baseMixed = $0.value
      }
      let tape = Tape(recording: recording)
      var mixed: Variable?
      var output = student.layers[index].forward(
        tape, tape.constant(x.value), batch: batch, time: time, positionIds: positions
      ) { mixed = $0 }
      var wanted = target
      if index == base.layers.count - 1 {
        output = tape.rmsNorm(output, student.finalNorm, eps: eps)
        wanted = quiet.rmsNorm(target, base.finalNorm, eps: eps)
      }
      body(tape, LayerPair(output: output, wanted: wanted.value, mixed: mixed!, baseMixed: baseMixed!))
      x = target
    }
  }

  /// Relative error of every layer on its own, sqrt(sum |student - base|^2 / sum |base|^2), on sequences of equal
  /// length.
  public func layerErrors(_ windows: [[Int32]]) -> [Double] {
    var errors = [Double](repeating: 0, count: base.layers.count)
    var squares = errors
    for start in stride(from: 0, to: windows.count, by: plan.batch) {
      let part = windows[start..<min(start + plan.batch, windows.count)]
      var layer = 0
      forEachLayer(part.flatMap { $0 }, batch: part.count, recording: false) { tape, pair in
        errors[layer] += tape.distance(pair.output, to: pair.wanted, squared: true, scale: 1).sum
        squares[layer] += up_sum_of_squares(pair.wanted.pointer, pair.wanted.count)
        layer += 1
      }
    }
    return zip(errors, squares).map { ($0 / max($1, .leastNormalMagnitude)).squareRoot() }
  }

  // MARK: A whole run

  /// Trains to the end of the plan; see `Trainer.run`.
  /// - Parameter report: called after every step with its metrics and the rate in tokens per second.
  public func run(
    in directory: RunDirectory, identity: RunIdentity, saveEvery: Double = 60,
    report: (StepMetrics, Double) throws -> Void = { _, _ in }, shouldStop: () -> Bool = { false }
  ) throws {
    try loop.run(
      in: directory, identity: identity, saveEvery: saveEvery, report: report, shouldStop: shouldStop,
      takeStep: trainStep)
  }
}
