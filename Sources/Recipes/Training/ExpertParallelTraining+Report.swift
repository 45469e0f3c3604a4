import Collectives
import Foundation
import Groundwork

extension ExpertParallelTraining.Outcome {
  private var milliseconds: Double { median(steps.dropFirst(steps.count > 1 ? 1 : 0).map(\.milliseconds)) }

  /// What a user reads.
  public var summary: String {
    let waits = exposed.sorted { $0.key < $1.key }.map { String(format: "%@ %.2f", $0.key, $0.value) }.joined(
      separator: ", ")
    return String(
      format: "loss %.4f -> %.4f, %.1f ms a step", steps.first?.loss ?? 0, steps.last?.loss ?? 0, milliseconds)
      + (waits.isEmpty ? "" : "; waiting (ms a step): \(waits)") + "\n"
  }

  /// The same for scripts.
  /// - Parameter overlaps: nil of a training that was finished already, whose times are those of whatever it was run with
  public func json(_ ranks: any Communicator, overlaps: Bool?) -> JSONValue {
    .object([
      "ranks": .int(ranks.size), "transport": .string(ranks.transport),
      "overlap": overlaps.map { .string($0 ? "on" : "off") } ?? .null,
      "losses": .array(steps.map { .double($0.loss) }),
      "gradient_norms": .array(steps.map { .double($0.gradientNorm) }),
      "step_ms": .double(milliseconds), "exposed_ms": .object(exposed.mapValues { .double($0) }),
    ])
  }
}
