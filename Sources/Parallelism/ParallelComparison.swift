import Autograd
import Collectives
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// Whether ranks compute what one rank computes: final hidden states of some sequences, and the gradients of a fixed
/// random weighting of them (FarSkip's claim that an overlapped run equals its reference).
public struct ParallelComparison {
  /// What ranks share: experts (every rank has its own sequences), or heads and experts (all see every token).
  public enum Sharing: String, CaseIterable, Sendable { case experts, heads }

  /// The whole model, made anew for every rank.
  public var model: () throws -> LanguageModel
  /// Of the whole model.
  public var weights: any WeightSource
  /// [batch * time]
  public var ids: [Int32]
  /// Sequences.
  public var batch: Int

  private var time: Int { ids.count / batch }

  /// - Parameters:
  ///   - ids: [batch * time]
  ///   - batch: sequences, a multiple of the ranks that share experts
  public init(model: @escaping () throws -> LanguageModel, weights: any WeightSource, ids: [Int32], batch: Int) {
    self.model = model
    self.weights = weights
    self.ids = ids
    self.batch = batch
  }

  /// Of one pass: hidden states [batch * time * D], gradients of replicated parameters and then of experts (none in
  /// inference).
  public struct States: Sendable {
    /// Final hidden states, [batch * time * width].
    public var hidden: [Float]
    /// Of replicated parameters, then of experts; none in inference.
    public var gradients: [Float]
    /// Fewest tokens that an expert had, over layers; of the plain pass with gradients, which alone counts them.
    public var fewest = 0
    /// What every rank did when, where experts are shared.
    public var logs: [EventLog] = []

    /// Largest difference, as a share of the largest number; infinite where one is not a number.
    public static func distance(_ a: [Float], _ b: [Float]) -> Double {
      precondition(a.count == b.count)
      if zip(a, b).contains(where: { !($0 - $1).isFinite }) { return .infinity }
      let largest = b.reduce(0) { max($0, abs($1)) }
      return Double(zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } / max(largest, 1e-30))
    }
  }

  /// On one rank, without any messages.
  public func plain(gradients: Bool = true) throws -> States {
    let model = try model()
    model.parameters.zeroGradients()
    model.routing.restart()
    let tape = Tape(recording: gradients)
    tape.isRowwise = true
    let out = model.hidden(tape, ids: ids, batch: batch, time: time)
    if gradients { tape.backward(from: tape.dot(out, weighting(out.shape, rows: 0..<ids.count))) }
    let fewest = model.routing.records.flatMap(\.loads).min() ?? 0
    return States(hidden: out.value.toArray(), gradients: gradients ? model.gradients() : [], fewest: fewest)
  }

  /// On `count` threads, with messages that take `link`.
  public func shared(
    _ sharing: Sharing, ranks count: Int, overlaps: Bool, progress: MessageProgress.Mode = .poll, link: LinkRate
  ) throws -> States {
    var parts = [States](repeating: States(hidden: [], gradients: []), count: count)
    let lock = NSLock()
    try ThreadRanks.run(count) { threads in
      let ranks = LinkModel(threads, link)
      let context = RankContext(ranks, overlaps: overlaps, progress: progress)
      defer { context.progress.stop() }
      let states = try sharing == .experts ? self.expertParallel(context) : self.tensorParallel(context)
      lock.withLock { parts[ranks.rank] = states }
    }
    if sharing == .heads { return parts[0] }
    // Replicated gradients are the same on all ranks; an expert's is on one of them, zero on the others.
    var gradients = parts[0].gradients
    let replicated = try model().replicatedCount
    for part in parts.dropFirst() {
      for index in replicated..<gradients.count { gradients[index] += part.gradients[index] }
    }
    return States(hidden: parts.flatMap(\.hidden), gradients: gradients, logs: parts[0].logs)
  }

  private func expertParallel(_ context: RankContext) throws -> States {
    let (rank, size) = (context.ranks.rank, context.ranks.size)
    try requireDivisor(size, of: batch, "\(batch) sequences", field: "ranks")
    let model = try model()
    let parallel = try ExpertParallelModel(model, context)
    let sums = GradientSums(model, except: model.expertParameters, context)
    try context.restartLog()
    model.parameters.zeroGradients()
    let own = ids.count * rank / size..<ids.count * (rank + 1) / size
    let tape = Tape(recording: true)
    let out = parallel.hidden(tape, ids: Array(ids[own]), batch: batch / size, time: time, passed: sums.passed)
    tape.backward(from: tape.dot(out, weighting(out.shape, rows: own)))
    sums.finish()
    try context.check()
    let logs = try context.log.gathered(context.ranks)
    return States(hidden: out.value.toArray(), gradients: model.gradients(), logs: logs)
  }

  private func tensorParallel(_ context: RankContext) throws -> States {
    let parallel = try TensorParallelModel(model().config, weights: weights, on: context)
    let hidden = try (0..<batch).flatMap { index in
      try parallel.extend(parallel.makeCache(), Array(ids[index * time..<(index + 1) * time])).toArray()
    }
    return States(hidden: hidden, gradients: [])
  }

  /// Rows of a random [ids, D].
  private func weighting(_ shape: [Int], rows: Range<Int>) -> Tensor {
    let width = shape.last!
    let random = RandomStream(seed: 1, "weighting")
    return Tensor(
      shape, values: (rows.lowerBound * width..<rows.upperBound * width).map { Float(random.normal(at: UInt64($0))) })
  }
}

extension LanguageModel {
  private var experts: Set<ObjectIdentifier> { Set(expertParameters.map(ObjectIdentifier.init)) }

  /// Numbers of parameters that are not experts'.
  fileprivate var replicatedCount: Int {
    let experts = experts
    return parameters.parameters.reduce(0) { $0 + (experts.contains(ObjectIdentifier($1)) ? 0 : $1.value.count) }
  }

  /// Replicated parameters' first, then experts'; zeros where there are none.
  fileprivate func gradients() -> [Float] {
    let experts = experts
    let replicated = parameters.parameters.filter { !experts.contains(ObjectIdentifier($0)) }
    return (replicated + expertParameters).flatMap {
      $0.gradient?.toArray() ?? [Float](repeating: 0, count: $0.value.count)
    }
  }
}
