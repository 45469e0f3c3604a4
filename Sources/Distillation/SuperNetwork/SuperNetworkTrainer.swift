import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// Trains the linear blocks of a super-network by feature distillation (Jet-Nemotron, section 2.2): every step takes a path at
/// random, and every layer of the path learns the output that the base has there, on what the path made below it.
///
///   L = sum over layers of |x_l - x*_l|, mean per token,  the last behind the final norm
///
/// Blocks that are not on the path stay as they are. Embedding, norms, feed-forwards and attention are the base's, frozen.
public final class SuperNetworkTrainer: StepTrainer {
  /// What trains.
  public let network: SuperNetwork
  /// What decides the numbers.
  public let plan: IntermediatePlan
  private let batches: any BatchSource
  /// Updates the network's linear blocks and counts the steps.
  public let loop: TrainingLoop

  /// - Parameters:
  ///   - plan: `norm` or `squared` as its loss, training mixers
  ///   - batches: [plan.batch, plan.time] each step, the same on all ranks
  ///   - ranks: each takes its part of a batch's sequences
  /// - Throws: usage errors for values out of range, and for too little memory
  public init(
    _ network: SuperNetwork, batches: any BatchSource, plan: IntermediatePlan, ranks: any TrainingRanks = SingleRank()
  ) throws {
    try plan.validate(ranks: ranks.size)
    try network.base.config.requirePositions(plan.time, field: "sequence")
    precondition([.norm, .squared].contains(plan.loss) && plan.trained == .mixers)
    // The base's outputs, and the path's with their gradients.
    try requireMemory(
      cappedSum(
        RankMemory.require(network.linear.config, on: ranks),
        cappedProduct(plan.batch, plan.time, cappedProduct(12, network.base.config.hiddenSize, network.layerCount))),
      for: "steps of \(plan.batch) x \(plan.time) tokens", at: "batch and sequence length")
    self.network = network
    self.plan = plan
    self.batches = batches
    for (parameter, tensor) in zip(network.linear.parameters.parameters, network.linear.tensors) {
      parameter.isTrainable = tensor.isMixers
    }
    loop = TrainingLoop(network.linear, plan, ranks: ranks)
  }

  /// Sums over layers of means per token of one step, before its update.
  public struct StepMetrics: MetricsRow, Sendable {
    /// The step, from 1.
    public var step: Int
    /// What was minimised.
    public var loss: Double
    /// Layers of the path that were the base's.
    public var attentionLayers: Int
    /// Before clipping.
    public var gradientNorm: Double
    /// The step's learning rate.
    public var rate: Double

    /// Of metrics.csv, before the seconds.
    public static var columns: String { "step,loss,attention_layers,gradient_norm,rate" }
    /// One per column.
    public var row: [String] {
      ["\(step)", decimal(loss), "\(attentionLayers)", decimal(gradientNorm), String(format: "%.4e", rate)]
    }
  }

  /// The next batch along a path, then one update.
  public func trainStep() throws -> StepMetrics {
    let part = LayerwiseStep(try batches.batch(step: step).ids, plan, loop.ranks)
    let path = network.path(step: step, seed: plan.seed)
    for (parameter, tensor) in zip(network.linear.parameters.parameters, network.linear.tensors) where tensor.isMixers {
      parameter.isTrainable = !path.contains(tensor.layer!)
    }
    network.linear.parameters.zeroGradients()
    let (totals, norm) = try loop.reduce([accumulate(part, path)])
    let rate = try loop.update(loss: totals[0], norm: norm) {
      part.fault(base: network.base, student: network.linear)
    }
    return StepMetrics(step: step, loss: totals[0], attentionLayers: path.count, gradientNorm: norm, rate: rate)
  }

  /// Adds the gradients of a part of the batch; returns its part of the loss.
  private func accumulate(_ part: LayerwiseStep, _ path: Set<Int>) -> Double {
    let (base, last, scale) = (network.base, network.layerCount - 1, 1 / Double(part.tokens))
    var wanted: [Tensor] = []
    let quiet = Tape(recording: false)
    _ = network.output(quiet, ids: part.ids, batch: part.batch, time: part.time, attention: Set(0...last)) {
      wanted.append(base.comparable(quiet, $1, layer: $0).value)
    }
    let tape = Tape(recording: true)
    loop.ranks.attend(tape)
    // Below the first block of the path nothing differs.
    guard let first = (0...last).first(where: { !path.contains($0) }) else {
      preconditionFailure("a path without a block")
    }
    var (loss, sum): (Variable?, Double) = (nil, 0)
    _ = network.output(tape, ids: part.ids, batch: part.batch, time: part.time, attention: path) { layer, x in
      if layer < first { return }
      let (term, distance) = tape.distance(
        base.comparable(tape, x, layer: layer), to: wanted[layer], squared: plan.loss == .squared, scale: Float(scale))
      loss = loss.map { tape.add($0, term) } ?? term
      sum += distance
    }
    tape.backward(from: loss!)
    return sum * scale
  }
}
