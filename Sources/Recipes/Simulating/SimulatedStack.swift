import Collectives
import Foundation
import Groundwork

/// A training step of a stack of blocks of given durations, by every method.
public struct SimulatedStack {
  private let model: OverlapModel
  private let standard: MethodTimes
  private let others: [MethodTimes]

  /// - Parameter rivals: also the methods of others
  public init(_ model: OverlapModel, rivals: Bool) {
    self.model = model
    standard = model.training(.standard)
    others = ([.farskip, .farskipFree] + (rivals ? OverlapMethod.rivals : [])).map { model.training($0) }
  }

  /// What a user reads.
  public var table: String {
    let rows = ([standard] + others).map { times in
      times.method.rawValue.leftAligned(16)
        + String(
          format: "%13.3f%13.3f%11.2f%10.4f", times.forward.milliseconds, times.backward!.milliseconds,
          (10_000 * times.overlap).rounded() / 100 + 0, standard.milliseconds / times.milliseconds)
    }
    return (["method             forward ms  backward ms  overlap %  speed-up"] + rows).joined(separator: "\n")
  }

  /// The same for scripts.
  public var json: JSONValue {
    var object: [String: JSONValue] = [
      "forward_standard": .double(standard.forward.milliseconds),
      "backward_standard": .double(standard.backward!.milliseconds),
    ]
    for times in others {
      let name = times.method.rawValue.replacingOccurrences(of: "-", with: "_")
      let suffix = times.method == .farskip ? "" : "_\(name)"
      object["forward_\(name)"] = .double(times.forward.milliseconds)
      object["backward_\(name)"] = .double(times.backward!.milliseconds)
      object["speedup\(suffix)"] = .double(standard.milliseconds / times.milliseconds)
      object["overlap\(suffix)"] = .double(times.overlap)
      object["overlap_forward\(suffix)"] = .double(times.forward.overlap)
      object["overlap_backward\(suffix)"] = .double(times.backward!.overlap)
    }
    return .object(object)
  }

  /// Writes the event log as a Chrome trace.
  public func writeTimeline(to file: URL) throws {
    try writeTraces(of: [standard] + others, model, isTraining: true, to: file)
  }
}

/// Writes every method's passes as a Chrome trace, one process each.
func writeTraces(of times: [MethodTimes], _ model: OverlapModel, isTraining: Bool, to file: URL) throws {
  var trace = ChromeTrace()
  for times in times {
    let first: Pass = isTraining ? .forward : .prefill
    trace.add(
      times.forward, of: model.schedule(times.method, first), named: "\(times.method.rawValue) \(first.rawValue)")
    guard let backward = times.backward else { continue }
    trace.add(backward, of: model.schedule(times.method, .backward), named: "\(times.method.rawValue) backward")
  }
  try writeFile(trace.json.text() + "\n", to: file)
}
