import Foundation
import Groundwork

extension SelfDistilling.Outcome {
  /// What a user reads at the end.
  public var summary: String {
    guard let first = validation.first, let best = validation.first(where: { $0.step == step }) else { return "" }
    let why = stoppedEarly ? "stopped early, " : ""
    return String(format: "%@weights of step %d: validation %.4f -> %.4f\n", why, step, first.value, best.value)
  }

  /// The same for scripts.
  public var json: JSONValue {
    .object([
      "step": .int(step), "stopped_early": .bool(stoppedEarly),
      "validation": .array(validation.map { .array([.int($0.step), .double($0.value)]) }),
    ])
  }
}
