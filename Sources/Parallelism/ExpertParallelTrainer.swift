import Autograd
import CKernels
import Collectives
import Distillation
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// Trains a model on ranks that share its experts: every rank takes its part of the batch's sequences, next-token
/// cross-entropy, AdamW on the replicated weights (the same on all ranks) and on the rank's own experts.
public final class ExpertParallelTrainer {
  public let parallel: ExpertParallelModel
  public let plan: TrainingPlan
  /// Steps done.
  public private(set) var step = 0
  /// The step of the state that all ranks have: written last, or gone on from.
  private var lastSaved: Int?
  private let context: RankContext
  private let batches: any BatchSource
  private let optimizer: AdamW
  private let sums: GradientSums

  private var model: LanguageModel { parallel.model }

  public init(_ model: LanguageModel, batches: any BatchSource, plan: TrainingPlan, on context: RankContext) throws {
    try plan.validate()
    try requireDivisor(
      context.ranks.size, of: plan.batch, "\(plan.batch) sequences of a batch", at: "--expert-parallel")
    try StepMemory.require(plan, student: model.config, sharing: context.ranks.size)
    parallel = try ExpertParallelModel(model, context)
    self.batches = batches
    self.plan = plan
    self.context = context
    optimizer = AdamW(model.parameters, plan.optimizer)
    sums = GradientSums(model, context)
  }

  /// Of one step; the same on all ranks but for the times.
  public struct StepMetrics: Sendable {
    public var step: Int
    /// Mean cross-entropy per token of the whole batch.
    public var loss: Double
    public var gradientNorm: Double
    public var rate: Double
    public var milliseconds: Double
    /// This rank's stand-still for messages.
    public var stalled: Double

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
      tape, ids: Array(ids[own]), batch: plan.batch / size, time: plan.time, passed: { [sums] in sums.passed($0) })
    let (headLoss, measured) = tape.headLoss(
      hidden, head: model.head, targets: Array(targets[own]), scale: 1 / Float(max(1, counted)))
    context.finish("H", layer: model.layers.count, .forward)
    tape.backward(from: headLoss)
    sums.finish()
    try context.check()

    // Added in order of ranks.
    let all = try context.ranks.allGather([measured.crossEntropy, expertSquares()], filler: 0)
    let loss = all.reduce(0) { $0 + $1[0] } / Double(max(1, counted))
    let norm = (replicatedSquares() + all.reduce(0) { $0 + $1[1] }).squareRoot()
    if !loss.isFinite || !norm.isFinite {
      throw AgreedError(
        UpcycleError(
          "loss or gradient is not finite (loss \(loss))", at: "step \(step + 1)",
          found: "first in \(try firstNonFinite(Array(ids[own])))", hint: "lower the learning rate"))
    }
    let rate = plan.schedule.rate(at: step)
    optimizer.update(rate: rate, gradientScale: plan.clip > 0 && norm > plan.clip ? plan.clip / norm : 1)
    try updateBias()
    step += 1
    let stalled = [Pass.forward, .backward].reduce(0) { $0 + context.log.milliseconds(.stall, $1) }
    return StepMetrics(
      step: step, loss: loss, gradientNorm: norm, rate: rate, milliseconds: 1000 * (monotonicSeconds() - began),
      stalled: stalled)
  }

  /// The first layer, on any rank, whose output is not finite; all ranks look together.
  private func firstNonFinite(_ ids: [Int32]) throws -> String {
    var first = Int64.max
    _ = parallel.hidden(
      Tape(recording: false), ids: ids, batch: ids.count / plan.time, time: plan.time,
      probe: { layer, x in if x.value.hasNonFinite { first = min(first, Int64(layer)) } })
    try context.check()
    let layer = try context.ranks.allGather([first], filler: 0).map { $0[0] }.min()!
    return layer == .max ? "the backward pass" : "output of layer \(layer)"
  }

  /// Of this rank's experts: nothing else of the experts has a gradient here.
  private func expertSquares() -> Double {
    model.expertParameters.reduce(0) { sum, parameter in
      sum + (parameter.gradient.map { up_sum_of_squares($0.pointer, $0.count) } ?? 0)
    }
  }

  private func replicatedSquares() -> Double {
    guard let gradients = model.parameters.gradients else { return 0 }
    return sums.runs.reduce(0) { $0 + up_sum_of_squares(gradients.pointer + $1.lowerBound, $1.count) }
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

  // MARK: States

  /// Writes every rank's state (replicated weights, its experts, moments) under `folder`. The state that all ranks have
  /// stays, so that a job killed at any moment leaves a step that every rank can go on from.
  /// - Parameter curve: digest of the loss curve, on the rank that writes it
  public func save(in folder: URL, curve: String) throws {
    if step == lastSaved { return }
    let own = state(in: folder)
    try context.ranks.agreeing {
      try TrainingCheckpoint.write(own, step: step, after: lastSaved, curve: curve, model, optimizer)
    }
    lastSaved = step
  }

  /// Goes on from the last step of which all ranks have a good state, if there is one.
  /// - Returns: the digest of the loss curve up to there, on the rank that writes it
  public func resume(from folder: URL) throws -> String {
    let own = state(in: folder)
    let found = TrainingCheckpoint.examine(own)
    let all = try context.ranks.allGather(found.good, filler: 0)
    let last = all.dropFirst().reduce(Set(all[0])) { $0.intersection($1) }.max()
    try context.ranks.agreeing { try TrainingCheckpoint.tell(found.damaged, goingOnFrom: last) }
    guard let last else { return "" }
    let curve = try context.ranks.agreeing {
      try TrainingCheckpoint.load(own, step: last, into: model, optimizer)
    }
    (step, lastSaved) = (last, last)
    return curve
  }

  private func state(in folder: URL) -> URL { folder.appendingPathComponent("rank-\(context.ranks.rank)") }

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
