import Foundation
import Groundwork

/// Everything that decides an intermediate-layer distillation (ILD; Zebra-Llama, equation 11), complete; it stands
/// beside the result as `run/plan.json`.
public struct IntermediatePlan: UpdatePlan {
  /// What is compared between a student layer and the base's, both fed with the base's input of that layer.
  public enum Loss: String, Codable, CaseIterable, Sendable {
    /// |difference|^2 of the layer outputs, mean per token: the paper's equation 11.
    case squared
    /// |difference|, mean per token: the official code.
    case norm
    /// The norm of the layer outputs' and of the mixer outputs' difference: the code since August 2025.
    case refined
    /// The norm of the mixer outputs' difference alone: MOHAWK's second stage.
    case mixers
    /// Frobenius norm of the difference of the heads' mixing matrices, mean per sequence and head: MOHAWK's first stage.
    case matrices
  }

  /// Which parameters of the layers train.
  public enum Trained: String, Codable, CaseIterable, Sendable {
    /// Mixer, feed-forward, norms and the final norm: the official code.
    case layers
    /// The mixers alone.
    case mixers
  }

  /// Tokens to train on; rounded down to whole steps.
  public var tokens: Int
  /// Sequences per optimizer step.
  public var batch: Int
  /// Tokens per sequence.
  public var time: Int
  /// Peak of the cosine (Zebra-Llama at 1B: 8e-5; HyLo: 2e-4).
  public var learningRate: Double
  /// Fraction of the steps that warm up (papers: 0.01).
  public var warmup: Double
  /// Last learning rate as a fraction of the peak, in 0...1 (papers: 0).
  public var floor: Double
  /// AdamW's constants.
  public var optimizer: AdamW.Settings
  /// Gradient norm above which gradients are scaled down; 0: never.
  public var clip: Double
  /// What is compared.
  public var loss: Loss
  /// What trains.
  public var trained: Trained
  /// Of the order of the data.
  public var seed: UInt64

  /// The first official code's loss, over whole layers, unless said otherwise.
  public init(
    tokens: Int, batch: Int = 8, time: Int = 256, learningRate: Double = 2e-3, warmup: Double = 0.01, floor: Double = 0,
    optimizer: AdamW.Settings = .init(), clip: Double = 1, loss: Loss = .norm, trained: Trained = .layers,
    seed: UInt64 = 1
  ) {
    self.tokens = tokens
    self.batch = batch
    self.time = time
    self.learningRate = learningRate
    self.warmup = warmup
    self.floor = floor
    self.optimizer = optimizer
    self.clip = clip
    self.loss = loss
    self.trained = trained
    self.seed = seed
  }

  /// Optimizer steps: whole batches of the tokens.
  public var steps: Int { tokens / max(1, cappedProduct(batch, time)) }
  /// Tokens of a step.
  public var unitsPerStep: Int { batch * time }

  /// - Parameter ranks: that share every batch
  /// - Throws: usage errors that name the field out of range
  public func validate(ranks: Int = 1) throws {
    // The same limits as any training's; the loss weights are its own.
    try TrainingPlan(
      tokens: tokens, batch: batch, time: time, learningRate: learningRate, warmup: warmup, floor: floor,
      optimizer: optimizer, clip: clip, seed: seed
    ).dealt(to: ranks).validate(ranks: ranks)
  }
}
