import Foundation
import Groundwork

/// Everything that decides a training run's numbers, complete (no hidden defaults once written): it stands
/// beside every result as `run/plan.json`.
public struct TrainingPlan: UpdatePlan, MicroBatched {
  /// Tokens to train on; rounded down to whole steps.
  public var tokens: Int
  /// Sequences per optimizer step.
  public var batch: Int
  /// Tokens per sequence.
  public var time: Int
  /// Sequences per forward pass; `batch` is split into micro-batches of this many.
  public var microBatch: Int
  /// Peak of the cosine.
  public var learningRate: Double
  /// Fraction of the steps that warm up (paper: 0.01).
  public var warmup: Double
  /// Last learning rate as a fraction of the peak, in 0...1 (paper: 0).
  public var floor: Double
  /// AdamW's constants.
  public var optimizer: AdamW.Settings
  /// Gradient norm above which gradients are scaled down; 0: never.
  public var clip: Double
  /// Weight of next-token cross-entropy, mean per token.
  public var ceWeight: Double
  /// Weight of KL(teacher || student), mean per token.
  public var klWeight: Double
  /// Of the order of the data.
  public var seed: UInt64
  /// Recompute each layer's activations in the backward pass.
  public var checkpointing: Bool
  /// How a model with experts keeps their load even; nil: not at all.
  public var balance: ExpertBalance?
  /// Weight of the squared distance of the layers' outputs from the teacher's, summed over layers, mean per token; nil:
  /// none.
  public var hiddenWeight: Double?
  /// Embedding and head stay as they are; nil: they train.
  public var freezesEmbeddings: Bool?
  /// Dense feed-forwards stay as they are (Jet-Nemotron's first stage); nil: they train.
  public var freezesFeedForwards: Bool?

  /// - Parameter microBatch: by default the whole batch.
  public init(
    tokens: Int, batch: Int = 16, time: Int = 256, microBatch: Int? = nil, learningRate: Double = 1e-3,
    warmup: Double = 0.01, floor: Double = 0, optimizer: AdamW.Settings = .init(), clip: Double = 1,
    ceWeight: Double = 1, klWeight: Double = 0, seed: UInt64 = 1, checkpointing: Bool = false,
    balance: ExpertBalance? = nil
  ) {
    self.tokens = tokens
    self.batch = batch
    self.time = time
    self.microBatch = microBatch ?? batch
    self.learningRate = learningRate
    self.warmup = warmup
    self.floor = floor
    self.optimizer = optimizer
    self.clip = clip
    self.ceWeight = ceWeight
    self.klWeight = klWeight
    self.seed = seed
    self.checkpointing = checkpointing
    self.balance = balance
  }

  /// Optimizer steps: whole batches of the tokens.
  public var steps: Int { tokens / max(1, cappedProduct(batch, time)) }
  /// Tokens of a step.
  public var unitsPerStep: Int { batch * time }

  /// - Parameter ranks: that share every batch
  /// - Throws: usage errors that name the field out of range
  public func validate(ranks: Int = 1) throws {
    let size = 1...1 << 24
    for (field, value) in [("batch", batch), ("sequence", time)] {
      try require(size.contains(value), field, "at least 1, at most \(size.upperBound)", value)
    }
    try require(microBatch > 0 && batch % microBatch == 0, "micro_batch", "a divisor of the batch \(batch)", microBatch)
    try requireParts(of: batch, microBatch: microBatch, ranks: ranks)
    try require(steps > 0, "tokens", "at least one step of \(cappedProduct(batch, time))", tokens)
    try validateUpdates()
    let total = ceWeight + klWeight
    if !(ceWeight >= 0 && klWeight >= 0 && total > 0 && total.isFinite) {
      throw UpcycleError.usage(
        "are out of range", at: "`ce_weight`, `kl_weight`", expected: "0 or more, one above 0",
        found: "\(ceWeight), \(klWeight)")
    }
    try balance?.validate()
    if let hiddenWeight {
      try require(hiddenWeight >= 0 && hiddenWeight.isFinite, "hidden_weight", "at least 0", hiddenWeight)
    }
  }
}

/// How training keeps the load of experts even.
public struct ExpertBalance: Codable, Equatable, Sendable {
  /// Weight of every layer's load-balance loss E sum_e f_e P_e (Switch; DeepSeek-V2), on top of the mean loss per
  /// token.
  public var lossWeight: Double
  /// What the bias of an expert moves by after every step (DeepSeek-V3), where the model has such biases.
  public var biasRate: Double

  /// Switch's weight and DeepSeek-V3's rate unless said otherwise.
  public init(lossWeight: Double = 0.01, biasRate: Double = 0.001) {
    self.lossWeight = lossWeight
    self.biasRate = biasRate
  }

  func validate() throws {
    try require(lossWeight >= 0 && lossWeight.isFinite, "balance_weight", "at least 0", lossWeight)
    try require(biasRate >= 0 && biasRate.isFinite, "bias_rate", "at least 0", biasRate)
  }
}
