import Autograd
import Collectives
import Distillation
import Foundation
import Groundwork
import ModelCore
import TensorCore

/// Ranks that each hold the whole model and take their part of every batch (data parallelism): gradients are summed in
/// the order of ranks, so the same number of ranks gives the same bits.
///
/// Sums of a layer begin as soon as the backward pass is done with it, and proceed while the rank computes. With
/// `shardsOptimizer` a rank keeps AdamW's moments of its share of the parameters alone, updates these and hands them
/// out (ZeRO, stage 1: Rajbhandari et al. 2020); the bits are those of ranks that each update everything.
public final class DataParallelRanks: ContextRanks {
  let context: RankContext
  /// Whether a rank keeps AdamW's moments of its share of the parameters alone.
  public let shardsOptimizer: Bool
  private var sums: GradientSums?

  /// Ranks without a model yet: they can agree, and the training loop brings the model (`begin`).
  public init(_ ranks: any Communicator, shardsOptimizer: Bool = false) {
    context = RankContext(ranks, overlaps: true)
    self.shardsOptimizer = shardsOptimizer
  }

  /// Replicated states are the first rank's alone.
  public var keepsStates: Bool { shardsOptimizer || rank == 0 }

  /// Sums will be of what trains now.
  public func begin(_ model: LanguageModel) { sums = GradientSums(model, context) }

  /// Sums proceed between the tape's operations.
  public func attend(_ tape: Tape) {
    tape.betweenOperations = { [progress = context.progress, sums] in
      progress.poll()
      sums?.proceed()
    }
  }

  /// Begins the layer's sum.
  public func passed(_ layer: Int) { sums?.passed(layer) }

  /// Waits for all sums.
  public func reduce(_ own: [Double], norm: () -> Double) throws -> (sums: [Double], norm: Double) {
    sums?.finish()
    try context.check()
    context.forgetLog()
    // One rank's norm serves all: other processors might round it otherwise.
    let totals = try total(own + [rank == 0 ? norm() : 0])
    return (Array(totals.dropLast()), totals[own.count])
  }

  /// All, or as many numbers as every other rank's.
  public func share(of count: Int) -> Range<Int> { shardsOptimizer ? part(of: count) : 0..<count }

  /// From the owners of shares, or from the first rank.
  public func gather(_ values: Tensor) throws {
    let count = values.count
    let owned = (0..<size).map { rank in
      if shardsOptimizer { return count * rank / size..<count * (rank + 1) / size }
      return rank == 0 ? 0..<count : count..<count
    }
    try context.ranks.gather(values.pointer, owned: owned)
  }

  /// Of the first rank's states, or of those that all ranks have.
  public func newestCommon(_ steps: [Int]) throws -> Int? {
    let all = try context.ranks.allGather(steps, filler: 0)
    return (shardsOptimizer ? all : [all[0]]).reduce(Set(all[0])) { $0.intersection($1) }.max()
  }

  /// The run's own folder, or one of every rank.
  public func states(in checkpoint: URL) -> URL {
    shardsOptimizer ? checkpoint.appendingPathComponent("rank-\(rank)") : checkpoint
  }
}
