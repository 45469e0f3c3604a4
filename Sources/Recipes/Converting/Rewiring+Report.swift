import Foundation
import Groundwork
import ModelCore

extension Rewiring.Outcome {
  /// What a user reads.
  public var summary: String {
    var lines: [String] = []
    for connectivity in Connectivity.allCases {
      let layers = (0..<config.layerCount).filter { config.connectivity(layer: $0) == connectivity }
      if !layers.isEmpty {
        lines.append("\(connectivity.rawValue): layers \(layers.map(String.init).joined(separator: ","))")
      }
    }
    if let losses {
      lines.append(
        String(
          format: "loss %.4f -> %.4f nats per token, perplexity %.3f -> %.3f", losses.before, losses.after,
          exp(losses.before), exp(losses.after)))
    }
    return lines.joined(separator: "\n")
  }

  /// The same for scripts.
  public var json: JSONValue {
    var object: [String: JSONValue] = [
      "connectivity": .array((0..<config.layerCount).map { .string(config.connectivity(layer: $0).rawValue) }),
      "rewired_layers": .array(config.rewiredLayers.map { .int($0) }),
    ]
    if let losses {
      object["loss_before"] = .double(losses.before)
      object["loss"] = .double(losses.after)
      object["perplexity_before"] = .double(exp(losses.before))
      object["perplexity"] = .double(exp(losses.after))
    }
    return .object(object)
  }
}
