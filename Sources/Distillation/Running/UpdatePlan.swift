import Groundwork

/// What every plan says about its updates: how many, at which learning rates, by which optimizer.
public protocol UpdatePlan: Codable, Equatable, Sendable {
  /// Optimizer steps.
  var steps: Int { get }
  /// Tokens, or pairs, of one step: what rates count.
  var unitsPerStep: Int { get }
  /// The schedule's peak.
  var learningRate: Double { get }
  /// Fraction of the steps that warm up.
  var warmup: Double { get }
  /// Final learning rate as a fraction of the peak.
  var floor: Double { get }
  /// AdamW's constants.
  var optimizer: AdamW.Settings { get }
  /// Gradient norm above which gradients are scaled down; 0 for no clipping.
  var clip: Double { get }
}

extension UpdatePlan {
  /// Learning rate by step.
  public var schedule: Schedule {
    Schedule(peak: learningRate, steps: steps, warmup: Int((warmup * Double(steps)).rounded(.up)), floor: floor)
  }

  /// - Throws: usage errors that name the field out of range
  func validateUpdates() throws {
    try require(learningRate > 0 && learningRate.isFinite, "lr", "a positive number", learningRate)
    try require((0...1).contains(warmup), "warmup", "a fraction in 0...1", warmup)
    try require((0...1).contains(floor), "floor", "a fraction of the peak in 0...1", floor)
    try require(clip >= 0 && clip.isFinite, "clip", "a gradient norm, or 0 for no clipping", clip)
    try optimizer.validate()
  }
}

/// A plan whose batches go through the model in parts.
public protocol MicroBatched {
  /// Sequences, or pairs, of a step.
  var batch: Int { get }
  /// Of a forward pass.
  var microBatch: Int { get set }
}

extension MicroBatched {
  /// The plan of ranks that share every batch: no micro-batch is larger than a rank's part.
  public func dealt(to ranks: Int) -> Self {
    var plan = self
    if ranks > 1 && batch % ranks == 0 { plan.microBatch = min(microBatch, batch / ranks) }
    return plan
  }
}

/// Refuses a batch that ranks cannot share alike.
func requireParts(of batch: Int, microBatch: Int, ranks: Int) throws {
  if ranks == 1 { return }
  try require(batch > 0 && batch % ranks == 0, "batch", "a multiple of the \(ranks) ranks", batch)
  let part = batch / ranks
  try require(
    part % microBatch == 0, "micro_batch", "a divisor of the \(part) of \(batch) that a rank takes", microBatch)
}

/// Refuses a plan's value, naming its field.
func require(_ ok: Bool, _ field: String, _ expected: String, _ found: Any) throws {
  if !ok { throw UpcycleError.usage("is out of range", field: field, expected: expected, found: "\(found)") }
}
