import Foundation
import Groundwork

/// Everything that decides a preference training's numbers (X-EcoMLA's second stage, DPO).
///
/// As in the paper: sigmoid loss, cosine with 10 % warm-up, one epoch, no weight decay. Not as in the paper, which
/// has beta 0.01, learning rate 5e-7 and batch 64 over thousands of steps on 1 to 8 B parameters: nano models take
/// about a hundred steps, so those are larger. Adam's step hardly depends on the size of the gradient, so beta
/// decides only how soon a pair counts as learnt: with 0.01 none does in so few steps, the pairs that are easy
/// already keep their full weight, and fewer unseen pairs come out right.
public struct PreferencePlan: UpdatePlan, MicroBatched {
  /// Pairs to train on, each once; rounded down to whole steps.
  public var pairs: Int
  /// Pairs per optimizer step.
  public var batch: Int
  /// Pairs per forward pass; `batch` is split into micro-batches of this many.
  public var microBatch: Int
  /// Peak of the cosine.
  public var learningRate: Double
  /// Fraction of the steps that warm up (paper: 0.1).
  public var warmup: Double
  /// Last learning rate as a fraction of the peak, in 0...1 (paper: 0).
  public var floor: Double
  /// AdamW's constants.
  public var optimizer: AdamW.Settings
  /// Gradient norm above which gradients are scaled down; 0: never.
  public var clip: Double
  /// How far the policy may leave the reference: reward = beta (log policy - log reference).
  public var beta: Double
  /// Seed of the order of the pairs.
  public var seed: UInt64
  /// Recompute each layer's activations in the backward pass.
  public var checkpointing: Bool

  /// - Parameter microBatch: by default the largest divisor of the batch up to 4.
  public init(
    pairs: Int, batch: Int = 8, microBatch: Int? = nil, learningRate: Double = 1e-4, warmup: Double = 0.1,
    floor: Double = 0, optimizer: AdamW.Settings = .init(), clip: Double = 1, beta: Double = 0.5, seed: UInt64 = 1,
    checkpointing: Bool = false
  ) {
    self.pairs = pairs
    self.batch = batch
    self.microBatch = microBatch ?? (1...4).last { batch % $0 == 0 } ?? 1
    self.learningRate = learningRate
    self.warmup = warmup
    self.floor = floor
    self.optimizer = optimizer
    self.clip = clip
    self.beta = beta
    self.seed = seed
    self.checkpointing = checkpointing
  }

  /// Optimizer steps: whole batches of the pairs.
  public var steps: Int { pairs / max(1, batch) }
  /// Pairs that are too few for one more step, and train nothing.
  public var unusedPairs: Int { pairs - steps * batch }
  /// Pairs of a step.
  public var unitsPerStep: Int { batch }

  /// - Parameter ranks: that share every batch
  /// - Throws: usage errors that name the field out of range
  public func validate(ranks: Int = 1) throws {
    try require((1...1 << 24).contains(batch), "batch", "at least 1, at most \(1 << 24)", batch)
    try require(microBatch > 0 && batch % microBatch == 0, "micro_batch", "a divisor of the batch \(batch)", microBatch)
    try requireParts(of: batch, microBatch: microBatch, ranks: ranks)
    try require(steps > 0, "pairs", "at least one step of \(batch)", pairs)
    try require(beta > 0 && beta.isFinite, "beta", "a positive number", beta)
    try validateUpdates()
  }
}
