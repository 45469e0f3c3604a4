import Foundation
import Groundwork

extension OverlapMeasurement.Outcome {
  private var standard: OverlapMeasurement.MethodResult { methods[0] }

  /// What a user reads.
  public func table(_ measurement: OverlapMeasurement) -> String {
    var lines = [
      String(
        format: "%d ranks (%@), emulated link %g us, %g MB/s, %@ compute, medians of %d", ranks, transport,
        1e6 * measurement.rate.alpha, measurement.rate.beta / 1e6, measurement.computation.rawValue, measurement.repeats
      ),
      String(format: "alone: D %.3f ms, C %.3f ms", isolatedDispatch, isolatedCombine),
      "method             pass       ms     exposed ms    late ms  overlap %",
    ]
    for result in methods {
      for times in result.passes {
        lines.append(
          result.method.rawValue.leftAligned(19) + times.pass.rawValue.leftAligned(9)
            + String(
              format: "%9.2f%13.3f%11.3f%11.2f", times.milliseconds, times.exposed, times.late, 100 * times.overlap))
      }
      let speedup = standard.milliseconds / result.milliseconds
      lines.append(
        String(repeating: " ", count: 19)
          + String(
            format: "step     %9.2f%35.2f   speed-up %.3f, computation x %.3f", result.milliseconds,
            100 * result.overlap, speedup, result.computation / max(1e-9, standard.computation)))
    }
    return lines.joined(separator: "\n")
  }

  /// The same for scripts.
  public func json(_ measurement: OverlapMeasurement) -> JSONValue {
    .object([
      "ranks": .int(ranks), "transport": .string(transport), "layers": .int(measurement.layers),
      "mode": .string(measurement.isPrefill ? "prefill" : "training"), "repeats": .int(measurement.repeats),
      "compute": .string(measurement.computation.rawValue), "progress": .string(measurement.progress.rawValue),
      "link_alpha_seconds": .double(measurement.rate.alpha),
      "link_beta_bytes_per_second": .double(measurement.rate.beta),
      "isolated_dispatch_ms": .double(isolatedDispatch), "isolated_combine_ms": .double(isolatedCombine),
      "methods": .object(
        Dictionary(
          uniqueKeysWithValues: methods.map { ($0.method.rawValue.replacingOccurrences(of: "-", with: "_"), json($0)) })
      ),
    ])
  }

  private func json(_ result: OverlapMeasurement.MethodResult) -> JSONValue {
    var object: [String: JSONValue] = [
      "step_ms": .double(result.milliseconds), "overlap": .double(result.overlap),
      "speedup": .double(standard.milliseconds / result.milliseconds),
      "computation_slowdown": .double(result.computation / max(1e-9, standard.computation)),
    ]
    for times in result.passes {
      let name = times.pass.rawValue
      object["\(name)_ms"] = .double(times.milliseconds)
      object["overlap_\(name)"] = .double(times.overlap)
      object["exposed_\(name)_ms"] = .double(times.exposed)
      object["late_\(name)_ms"] = .double(times.late)
      object["exposed_shares_\(name)"] = .array(times.shares.map { .double($0) })
    }
    return .object(object)
  }
}
