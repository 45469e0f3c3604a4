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

/// Refuses a plan's value, naming its field.
func require(_ ok: Bool, _ field: String, _ expected: String, _ found: Any) throws {
  if !ok { throw UpcycleError.usage("is out of range", field: field, expected: expected, found: "\(found)") }
}
