import Foundation
import Groundwork

extension SelfDistilling.Outcome {
  /// What a user reads at the end.
  public var summary: String {
    let curve = heldOutLine(heldOut).map { $0 + "\n" } ?? ""
    guard let first = validation.first, let best = validation.first(where: { $0.step == step }) else { return curve }
    let why = stoppedEarly ? "stopped early, " : ""
    return curve
      + String(format: "%@weights of step %d: validation %.4f -> %.4f\n", why, step, first.value, best.value)
  }

  /// The same for scripts.
  public var json: JSONValue {
    var object: [String: JSONValue] = [
      "step": .int(step), "stopped_early": .bool(stoppedEarly),
      "validation": .array(validation.map { .array([.int($0.step), .double($0.value)]) }),
    ]
    if !heldOut.isEmpty { object["held_out"] = .array(heldOut.map { .array($0.map { .double($0) }) }) }
    return .object(object)
  }
}
