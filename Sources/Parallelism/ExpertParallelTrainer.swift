import Autograd
import Collectives
import Distillation
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// Trains a model on ranks that share its experts: every rank takes its part of the batch's sequences, next-token
/// cross-entropy, AdamW on the replicated weights (the same on all ranks) and on the rank's own experts.
public final class ExpertParallelTrainer {
  /// The model, with this rank's experts.
  public let parallel: ExpertParallelModel
  /// What decides the numbers.
  public let plan: TrainingPlan
  private let context: RankContext
  private let batches: any BatchSource
  private let ranks: ExpertRanks
  private let loop: TrainingLoop
  /// Steps done.
  public var step: Int { loop.step }

  private var model: LanguageModel { parallel.model }

  /// - Parameter batches: [plan.batch, plan.time] each step, the same on all ranks
  /// - Throws: usage errors for values out of range, a batch or experts that the ranks do not divide, too little memory
  public init(_ model: LanguageModel, batches: any BatchSource, plan: TrainingPlan, on context: RankContext) throws {
    try plan.validate()
    try requireDivisor(
      context.ranks.size, of: plan.batch, "\(plan.batch) sequences of a batch", field: "expert_parallel")
    ranks = ExpertRanks(model, context)
    try StepMemory.require(
      plan, student: model.config, sharing: context.ranks.size, beside: RankMemory.require(model.config, on: ranks))
    parallel = try ExpertParallelModel(model, context)
    self.batches = batches
    self.plan = plan
    self.context = context
    loop = TrainingLoop(model, plan, ranks: ranks)
  }

  /// Of one step; the same on all ranks but for the times.
  public struct StepMetrics: MetricsRow, Sendable {
    /// The step, from 1.
    public var step: Int
    /// Mean cross-entropy per token of the whole batch.
    public var loss: Double
    /// Of the whole batch, before clipping.
    public var gradientNorm: Double
    /// The step's learning rate.
    public var rate: Double
    /// That the step took.
    public var milliseconds: Double
    /// This rank's stand-still for messages.
    public var stalled: Double

    /// A step as a row of metrics.csv says it.
    public init(
      step: Int, loss: Double, gradientNorm: Double, rate: Double, milliseconds: Double, stalled: Double
    ) {
      self.step = step
      self.loss = loss
      self.gradientNorm = gradientNorm
      self.rate = rate
      self.milliseconds = milliseconds
      self.stalled = stalled
    }

    /// Of metrics.csv, before the seconds.
    public static var columns: String { "step,loss,gradient_norm,rate,ms,stalled_ms" }
    /// One per column.
    public var row: [String] {
      [
        "\(step)", decimal(loss), decimal(gradientNorm), String(format: "%.4e", rate), decimal(milliseconds, 3),
        decimal(stalled, 3),
      ]
    }
  }

  /// Forward, backward and update on the next batch.
  public func trainStep() throws -> StepMetrics {
    let (ids, targets) = try batches.batch(step: step)
    try context.restartLog()
    let began = monotonicSeconds()
    let (size, rank) = (context.ranks.size, context.ranks.rank)
    let own = ids.count * rank / size..<ids.count * (rank + 1) / size
    let counted = targets.reduce(0) { $0 + ($1 >= 0 ? 1 : 0) }
    model.parameters.zeroGradients()
    model.routing.restart()
    model.routing.balanceWeight = Float((plan.balance?.lossWeight ?? 0) / Double(size))

    let tape = Tape(recording: true)
    let hidden = parallel.hidden(
      tape, ids: Array(ids[own]), batch: plan.batch / size, time: plan.time,
      passed: { [ranks] in ranks.sums.passed($0) })
    let (headLoss, measured) = tape.headLoss(
      hidden, head: model.head, targets: Array(targets[own]), scale: 1 / Float(max(1, counted)), cap: model.logitCap)
    context.finish("H", layer: model.layers.count, .forward)
    tape.backward(from: headLoss)

    let (totals, norm) = try loop.reduce([measured.crossEntropy])
    let loss = totals[0] / Double(max(1, counted))
    let rate = try loop.update(loss: loss, norm: norm) { try firstNonFinite(Array(ids[own])) }
    try updateBias()
    let stalled = [Pass.forward, .backward].reduce(0) { $0 + context.log.milliseconds(.stall, $1) }
    return StepMetrics(
      step: step, loss: loss, gradientNorm: norm, rate: rate, milliseconds: 1000 * (monotonicSeconds() - began),
      stalled: stalled)
  }

  /// The first layer, on any rank, whose output is not finite; all ranks look together.
  private func firstNonFinite(_ ids: [Int32]) throws -> Fault? {
    var first = Int64.max
    _ = parallel.hidden(
      Tape(recording: false), ids: ids, batch: ids.count / plan.time, time: plan.time,
      probe: { layer, x in if x.value.hasNonFinite { first = min(first, Int64(layer)) } })
    try context.check()
    let layer = try context.ranks.allGather([first], filler: 0).map { $0[0] }.min()!
    return layer == .max ? nil : Fault("output of layer \(layer)")
  }

  /// DeepSeek-V3's biases follow the load of all ranks.
  private func updateBias() throws {
    guard let rate = plan.balance?.biasRate, rate > 0, model.config.experts?.hasCorrectionBias == true else { return }
    let own = model.routing.records.map(\.loads)
    let all = try context.ranks.allGather(own.flatMap { $0.map(Int64.init) }, filler: 0)
    let total = all[0].indices.map { index in all.reduce(0) { $0 + Int($1[index]) } }
    let width = own.first?.count ?? 0
    model.routing.replaceLoads(own.indices.map { Array(total[$0 * width..<($0 + 1) * width]) })
    model.routing.updateBias(rate: rate)
  }

  // MARK: A whole run

  /// How the ranks of this training act as one; see `RunDirectory.complete`.
  public var trainingRanks: any TrainingRanks { ranks }

  /// Trains to the end of the plan; see `StepTrainer.run`. Every rank keeps its state (replicated weights, its experts,
  /// moments) under the run's checkpoint; afterwards the first rank's model is whole.
  /// - Parameters:
  ///   - report: called on every rank after every step
  ///   - shouldStop: asked on every rank after every step; true on one saves all states and throws
  public func run(
    in directory: RunDirectory, identity: RunIdentity, saveEvery: Double = 60,
    report: (StepMetrics) throws -> Void = { _ in }, shouldStop: () -> Bool = { false }
  ) throws {
    try loop.run(
      in: directory, identity: identity, saveEvery: saveEvery, report: { metrics, _ in try report(metrics) },
      shouldStop: shouldStop, takeStep: trainStep)
  }

  // MARK: The whole model

  /// Brings all experts' weights to the first rank, whose model is then whole.
  public func gatherExperts() throws {
    for layer in model.layers {
      guard let experts = layer.transform?.experts else { continue }
      for matrices in [experts.gateUp, experts.down] { try gather(matrices) }
    }
    try context.check()
  }

  private func gather(_ matrices: ExpertMatrices) throws {
    let (size, rank) = (context.ranks.size, context.ranks.rank)
    let own = matrices.count / size
    let parts = (0..<size).map { matrices.part($0 * own..<($0 + 1) * own).parameters }
    let count = parts[rank].reduce(0) { $0 + $1.value.count }
    let outgoing = Tensor([count])
    let incoming = Tensor([rank == 0 ? count * size : 0])
    var at = 0
    for parameter in parts[rank] {
      (outgoing.pointer + at).update(from: parameter.value.pointer, count: parameter.value.count)
      at += parameter.value.count
    }
    try context.ranks.start(
      AllToAll(
        rowBytes: MemoryLayout<Float>.stride, send: outgoing.pointer, sendRows: (0..<size).map { $0 == 0 ? count : 0 },
        receive: incoming.pointer, receiveRows: Array(repeating: rank == 0 ? count : 0, count: size)), on: .control
    ).wait()
    if rank != 0 { return }
    at = 0
    for parameter in parts.joined() {
      parameter.value.pointer.update(from: incoming.pointer + at, count: parameter.value.count)
      at += parameter.value.count
    }
  }
}
