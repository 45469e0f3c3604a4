import Collectives
import Foundation
import Groundwork

/// What a simulation rests on, in words and as JSON.
public struct ScenarioAssumptions {
  private let scenario: Scenario
  private let fit: Calibration
  private let isFitted: (efficiency: Bool, kappa: Bool)

  /// - Parameter isFitted: which of the two numbers are `fit`'s and not given
  public init(_ scenario: Scenario, fit: Calibration, isFitted: (efficiency: Bool, kappa: Bool)) {
    self.scenario = scenario
    self.fit = fit
    self.isFitted = isFitted
  }

  private static let fittedOn = Calibration.table3.map { row in
    let run = row.workload
    return
      "\(run.shape.name) on \(run.gpus) GPUs, micro-batch \(run.tokens / run.sequence) x \(run.sequence) tokens: \(row.speedup)"
  }

  private var size: String {
    let (batch, sequence) = (formatCount(scenario.batch), formatCount(scenario.sequence))
    return switch scenario.mode {
    case .training: "\(batch) x \(sequence) tokens on every GPU"
    case .prefill: "\(batch) prompts of \(sequence) tokens"
    case .decode: "one token of each of \(batch) sequences, \(sequence) tokens in each cache"
    }
  }

  /// What a user reads.
  public var text: String {
    let hardware = scenario.accelerator
    func origin(_ isFitted: Bool) -> String { isFitted ? "fitted" : "given" }
    func plain(_ value: Double) -> String { String(format: "%g", value) }
    var lines = [
      "\(scenario.shape.name), \(scenario.mode.rawValue): \(size)",
      "  counted     \(scenario.shape.expertLayers) blocks with experts; not dense layers, embedding and head; "
        + "routing is balanced",
      "  peak        \(plain(hardware.peak)) TFLOP/s, of which products reach "
        + String(format: "%.1f %%", 100 * hardware.efficiency) + " (\(origin(isFitted.efficiency)))",
      "  kappa       " + String(format: "%.3f", scenario.slowdown.factor)
        + " (\(origin(isFitted.kappa))): all computation of a method that hides takes so many times as long",
      "  links       \(plain(hardware.intraBandwidth)) GB/s inside a node of \(hardware.perNode), "
        + "\(plain(hardware.interBandwidth)) GB/s between nodes, one way per GPU; latency "
        + "\(plain(1000 * hardware.intraLatency)) and \(plain(1000 * hardware.interLatency)) us; numbers travel in 2 bytes",
    ]
    if scenario.mode == .decode {
      lines.append("  memory      \(plain(hardware.memoryBandwidth)) GB/s; weights in FP8, caches in 2 bytes a number")
    }
    if isFitted.efficiency || isFitted.kappa {
      lines.append("  fitted on   " + Self.fittedOn.joined(separator: "; ") + " (the paper's Table 3)")
      lines.append("              the two are not identifiable apart; every other number is a prediction")
    }
    return lines.joined(separator: "\n")
  }

  /// With what every method takes.
  public func json(_ points: [ScalingPoint]) -> JSONValue {
    let hardware = scenario.accelerator
    return .object([
      "model": .string(scenario.shape.name), "mode": .string(scenario.mode.rawValue), "batch": .int(scenario.batch),
      "sequence": .int(scenario.sequence), "expert_layers": .int(scenario.shape.expertLayers),
      "assumptions": .object([
        "peak_tflops": .double(hardware.peak), "efficiency": .double(hardware.efficiency),
        "efficiency_is_fitted": .bool(isFitted.efficiency), "kappa": .double(scenario.slowdown.factor),
        "kappa_is_fitted": .bool(isFitted.kappa), "kappa_form": .string(fit.form.rawValue),
        "fitted_on": .array(Self.fittedOn.map { .string($0) }), "intra_gb_s": .double(hardware.intraBandwidth),
        "inter_gb_s": .double(hardware.interBandwidth), "intra_latency_us": .double(1000 * hardware.intraLatency),
        "inter_latency_us": .double(1000 * hardware.interLatency), "gpus_per_node": .int(hardware.perNode),
        "memory_gb_s": .double(hardware.memoryBandwidth), "balanced_routing": .bool(true),
      ]),
      "points": .array(points.map(point)),
    ])
  }

  private func point(_ point: ScalingPoint) -> JSONValue {
    let methods = point.times.map { times -> (String, JSONValue) in
      var values: [String: JSONValue] = [
        "ms": .double(times.milliseconds), "speedup": .double(point.speedup(times)), "overlap": .double(times.overlap),
      ]
      if let backward = times.backward {
        values["overlap_forward"] = .double(times.forward.overlap)
        values["overlap_backward"] = .double(backward.overlap)
      }
      return (times.method.rawValue.replacingOccurrences(of: "-", with: "_"), .object(values))
    }
    return .object([
      "gpus": .int(point.gpus), "communication_share": .double(point.communicationShare),
      "methods": .object(Dictionary(uniqueKeysWithValues: methods)),
    ])
  }
}
