import Autograd
import CKernels
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// Intermediate-layer distillation (ILD; Zebra-Llama, equation 11): every layer of a student with other mixers learns
/// the output of the base's layer, fed with the base's own input of that layer. So layers learn independently, and one
/// layer's activations are in memory at a time, whatever the depth. The last layers are compared behind the final norms.
/// The first two stages of MOHAWK (arXiv 2408.10189) compare what a layer's mixer makes of that input, or by which
/// matrices.
///
/// Embedding and head get no gradient.
public final class IntermediateTrainer: StepTrainer {
  /// Whose layers train.
  public let student: LanguageModel
  /// Whose layers are followed.
  public let base: LanguageModel
  /// What decides the numbers.
  public let plan: IntermediatePlan
  private let batches: any BatchSource
  /// Updates `student`, all of its layers at once, and counts its steps.
  public let loop: TrainingLoop

  /// - Parameters:
  ///   - base: gets no gradient
  ///   - batches: [plan.batch, plan.time] each step, the same on all ranks
  ///   - ranks: each takes its part of a batch's sequences
  /// - Throws: usage errors for values out of range, a student of other depth or width, too little memory
  public init(
    student: LanguageModel, base: LanguageModel, batches: any BatchSource, plan: IntermediatePlan,
    ranks: any TrainingRanks = SingleRank()
  ) throws {
    try plan.validate(ranks: ranks.size)
    for model in [student, base] { try model.config.requirePositions(plan.time, field: "sequence") }
    try requireCopy(student, of: base)
    // Ids, targets and positions; the base's input and output of a layer, the student's output and its gradient.
    try requireMemory(
      cappedSum(
        RankMemory.require(student.config, on: ranks),
        cappedProduct(plan.batch, plan.time, cappedSum(16, cappedProduct(16, student.config.hiddenSize)))),
      for: "steps of \(plan.batch) x \(plan.time) tokens", at: "batch and sequence length")
    if plan.loss == .matrices { try requireMatrices(of: student, base, plan) }
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

    /// Of metrics.csv, before the seconds.
    public static var columns: String { "step,loss,mixer_loss,gradient_norm,rate" }
    /// One per column.
    public var row: [String] {
      ["\(step)", decimal(loss), decimal(mixerLoss), decimal(gradientNorm), String(format: "%.4e", rate)]
    }
  }

  /// All layers of the next batch, then one update.
  public func trainStep() throws -> StepMetrics {
    let part = LayerwiseStep(try batches.batch(step: step).ids, plan, loop.ranks)
    student.parameters.zeroGradients()
    var (loss, mixerLoss) = (0.0, 0.0)
    forEachLayer(part.ids, batch: part.batch) { layer in
      let tape = Tape(recording: true)
      loop.ranks.attend(tape)
      let compared = compare(tape, layer, tokens: part.tokens)
      loss += compared.loss
      mixerLoss += compared.mixerLoss
      tape.backward(from: compared.variable)
      loop.ranks.passed(layer.index)
    }
    let (totals, norm) = try loop.reduce([loss, mixerLoss])
    (loss, mixerLoss) = (totals[0] + totals[1], totals[1])
    let rate = try loop.update(loss: loss, norm: norm) { part.fault(base: base, student: student) }
    return StepMetrics(step: step, loss: loss, mixerLoss: mixerLoss, gradientNorm: norm, rate: rate)
  }

  // MARK: One layer

  /// A layer of the base on a batch.
  private struct BaseLayer {
    var index: Int
    var input: Tensor
    /// Behind the final norm where the layer is the last.
    var output: Tensor
    /// The mixer's output before it joins the residual stream.
    var mixed: Tensor
    var batch: Int
    var positionIds: [Int32]
    var time: Int { positionIds.count / batch }
  }

  private func forEachLayer(_ ids: [Int32], batch: Int, _ body: (BaseLayer) -> Void) {
    let time = ids.count / batch
    let positions = sequencePositions(batch: batch, time: time)
    let quiet = Tape(recording: false)
    var x = base.embedded(quiet, ids, positionIds: positions, leading: [batch, time])
    for index in base.layers.indices {
      var mixed: Tensor?
      let output = base.layers[index].forward(quiet, x, batch: batch, time: time, positionIds: positions) {
        mixed = $0.value
      }
      body(
        BaseLayer(
          index: index, input: x.value, output: base.comparable(quiet, output, layer: index).value, mixed: mixed!,
          batch: batch, positionIds: positions))
      x = output
    }
  }

  /// The student's layer, and its mixer's output, on the base's input.
  private func follow(_ tape: Tape, _ layer: BaseLayer) -> (output: Variable, mixed: Variable) {
    var mixed: Variable?
    let output = student.layers[layer.index].forward(
      tape, tape.constant(layer.input), batch: layer.batch, time: layer.time, positionIds: layer.positionIds
    ) { mixed = $0 }
    return (student.comparable(tape, output, layer: layer.index), mixed!)
  }

  /// What a layer adds to the step's loss.
  /// - Parameter tokens: of the whole batch, on all ranks
  private func compare(_ tape: Tape, _ layer: BaseLayer, tokens: Int) -> (
    variable: Variable, loss: Double, mixerLoss: Double
  ) {
    let perToken = 1 / Double(tokens)
    func distance(_ y: Variable, _ target: Tensor, _ scale: Double) -> (Variable, Double) {
      let (variable, sum) = tape.distance(y, to: target, squared: plan.loss == .squared, scale: Float(scale))
      return (variable, sum * scale)
    }
    switch plan.loss {
    case .squared, .norm:
      let (variable, loss) = distance(follow(tape, layer).output, layer.output, perToken)
      return (variable, loss, 0)
    case .refined:
      let own = follow(tape, layer)
      let (variable, loss) = distance(own.output, layer.output, perToken)
      let (other, mixerLoss) = distance(own.mixed, layer.mixed, perToken)
      return (tape.add(variable, other), loss, mixerLoss)
    case .mixers:
      let own = student.layers[layer.index]
      let mixed = own.mixer.forward(
        tape, mixerInput(tape, of: own, layer), batch: layer.batch, time: layer.time, positionIds: layer.positionIds)
      let (variable, loss) = distance(mixed, layer.mixed, perToken)
      return (variable, loss, 0)
    case .matrices:
      let own = matrices(tape, of: student, layer)
      let wanted = matrices(Tape(recording: false), of: base, layer).value
      // [B, H, T * T]: a row a head, and as many sequences as the whole batch has.
      let (variable, loss) = distance(own, wanted, Double(plan.time) / Double(tokens * own.shape[1]))
      return (variable, loss, 0)
    }
  }

  /// The matrices by which a model's mixer mixes the base's input of the layer.
  private func matrices(_ tape: Tape, of model: LanguageModel, _ layer: BaseLayer) -> Variable {
    let own = model.layers[layer.index]
    guard let mixer = own.mixer as? any MatrixMixer else { preconditionFailure("was checked") }
    return mixer.matrices(
      tape, mixerInput(tape, of: own, layer), batch: layer.batch, time: layer.time, positionIds: layer.positionIds)
  }

  private func mixerInput(_ tape: Tape, of own: DecoderLayer, _ layer: BaseLayer) -> Variable {
    own.mixerInput(tape, ResidualStreams(tape.constant(layer.input)))
  }

  /// Relative error of every layer on its own, sqrt(sum |student - base|^2 / sum |base|^2), on sequences of equal
  /// length.
  public func layerErrors(_ windows: [[Int32]]) -> [Double] {
    var errors = [Double](repeating: 0, count: base.layers.count)
    var squares = errors
    for start in stride(from: 0, to: windows.count, by: plan.batch) {
      let part = windows[start..<min(start + plan.batch, windows.count)]
      forEachLayer(part.flatMap { $0 }, batch: part.count) { layer in
        let quiet = Tape(recording: false)
        errors[layer.index] +=
          quiet.distance(follow(quiet, layer).output, to: layer.output, squared: true, scale: 1).sum
        squares[layer.index] += up_sum_of_squares(layer.output.pointer, layer.output.count)
      }
    }
    return zip(errors, squares).map { ($0 / max($1, .leastNormalMagnitude)).squareRoot() }
  }
}

/// Refuses models whose mixers do not mix by matrices, head by head alike, and batches whose matrices do not fit.
private func requireMatrices(of student: LanguageModel, _ base: LanguageModel, _ plan: IntermediatePlan) throws {
  for (model, name) in [(base, "the base's"), (student, "the student's")] {
    if let layer = model.layers.firstIndex(where: { !($0.mixer is any MatrixMixer) }) {
      throw UpcycleError.usage(
        "compares matrices, which not every mixer has", field: "loss", expected: "attention or mamba2 in every layer",
        found: "\(name) layer \(layer): \(model.config.mixers[layer].rawValue)")
    }
  }
  let heads = base.config.attentionHeads
  if let mamba = student.config.mamba, mamba.heads != heads {
    throw UpcycleError.usage(
      "compares matrices head by head", field: "loss", expected: "\(heads) heads of mamba2", found: "\(mamba.heads)")
  }
  // Of one layer: the base's, the student's and its gradient.
  try requireMemory(
    cappedProduct(12, plan.batch, heads, cappedProduct(plan.time, plan.time)),
    for: "mixing matrices of \(plan.batch) x \(plan.time) tokens", at: "batch and sequence length")
}
