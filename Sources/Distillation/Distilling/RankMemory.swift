import Groundwork
import ModelCore

/// What each of the ranks that share a batch keeps from the first step to the last, in bytes; activations come on top
/// (`StepMemory`).
public struct RankMemory: Equatable, Sendable {
  /// The student, in float32.
  public var weights: Int
  /// As many.
  public var gradients: Int
  /// AdamW's two moments, of all parameters or of the rank's share.
  public var optimizer: Int
  /// The teacher, the base or the reference.
  public var frozen: Int
  /// All of them.
  public var total: Int { weights + gradients + optimizer + frozen }

  /// - Parameter frozen: the teacher, the base or the reference; nil: none
  public init(student: ModelConfig, frozen: ModelConfig?, ranks: Int, shardsOptimizer: Bool) {
    weights = 4 * student.parameterCount
    gradients = weights
    optimizer = 8 * student.parameterCount / (shardsOptimizer ? ranks : 1)
    self.frozen = 4 * (frozen?.parameterCount ?? 0)
  }

  /// For a user.
  public var summary: String {
    "\(formatBytes(total)) and activations (weights \(formatBytes(weights)), gradients \(formatBytes(gradients)), "
      + "optimizer \(formatBytes(optimizer)), teacher \(formatBytes(frozen)))"
  }
}

extension RankMemory {
  /// Refuses a student whose gradients and moments do not fit in memory, before any of them is made.
  /// - Returns: their bytes
  @discardableResult
  public static func require(_ student: ModelConfig, on ranks: any TrainingRanks) throws -> Int {
    let memory = RankMemory(student: student, frozen: nil, ranks: ranks.size, shardsOptimizer: ranks.shardsOptimizer)
    let bytes = cappedSum(memory.gradients, memory.optimizer)
    try requireMemory(
      bytes, for: "gradients and moments of \(formatCount(student.parameterCount)) parameters", at: "student")
    return bytes
  }
}
