import Distillation
import Foundation
import Groundwork

/// The loss of a training's first and of its last step, in the words of its progress line: of next tokens with the KL
/// to the teacher beside it, or, of trainings that have neither, what they minimise.
public struct TrainedLoss {
  private var ends: [(name: String, first: Double, last: Double)] = []

  /// What run/metrics.csv of a training's folder tells; nil where it tells nothing.
  public init?(of folder: URL) {
    guard let steps = try? RunDirectory(folder).readMetrics() else { return nil }
    func read(_ column: String, as name: String) {
      guard let values = try? steps.column(column), let first = values.first, let last = values.last else { return }
      ends.append((name, first, last))
    }
    read("ce", as: "loss")
    if ends.isEmpty { read("loss", as: "loss") }
    read("kl", as: "kl")
    // Without a teacher there is no KL.
    ends.removeAll { $0.name == "kl" && $0.first == 0 && $0.last == 0 }
    if ends.isEmpty { return nil }
  }

  /// Such as "loss 3.395 -> 2.196  kl 0.831 -> 0.104".
  public var summary: String {
    ends.map { "\($0.name) \(formatDecimal($0.first, 3)) -> \(formatDecimal($0.last, 3))" }.joined(separator: "  ")
  }

  /// The same for scripts: `first_loss`, `last_loss`, and with a teacher `first_kl` and `last_kl`.
  public var json: JSONValue {
    var object: [String: JSONValue] = [:]
    for (name, first, last) in ends {
      object["first_\(name)"] = .double(first)
      object["last_\(name)"] = .double(last)
    }
    return .object(object)
  }
}
