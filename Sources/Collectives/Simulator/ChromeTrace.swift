import Groundwork

/// Spans of simulated runs in Chrome's trace format (chrome://tracing, Perfetto), one process per run.
public struct ChromeTrace {
  private var events: [JSONValue] = []
  private var processes = 0

  public init() {}

  /// - Parameters:
  ///   - name: of the process, such as "farskip forward"
  ///   - schedule: what the spans are of
  public mutating func add(_ run: SimulatedRun, of schedule: Schedule, named name: String) {
    processes += 1
    let process = JSONValue.int(processes)
    func meta(_ kind: String, _ thread: Int, _ value: String) {
      events.append(
        .object([
          "ph": .string("M"), "name": .string(kind), "pid": process, "tid": .int(thread),
          "args": .object(["name": .string(value)]),
        ]))
    }
    meta("process_name", 0, name)
    for (thread, track) in SimulatedRun.Span.Track.allCases.enumerated() { meta("thread_name", thread, track.rawValue) }
    for span in run.spans {
      let operation = schedule.operations[span.operation]
      let batch = schedule.method == .twoBatch ? (operation.batch == 0 ? "a" : "b") : ""
      let prime = schedule.pass == .backward ? "'" : ""
      events.append(
        .object([
          "ph": .string("X"), "name": .string("\(operation.kind.rawValue)\(prime)\(operation.layer + 1)\(batch)"),
          "cat": .string(span.track.rawValue), "pid": process,
          "tid": .int(SimulatedRun.Span.Track.allCases.firstIndex(of: span.track)!),
          // Microseconds.
          "ts": .double(1000 * span.start), "dur": .double(1000 * (span.end - span.start)),
          "args": .object(["layer": .int(operation.layer + 1), "operation": .string(operation.kind.name)]),
        ]))
    }
  }

  public var json: JSONValue {
    .object(["displayTimeUnit": .string("ms"), "traceEvents": .array(events)])
  }
}

extension SubOperation.Kind {
  /// In words.
  var name: String {
    switch self {
    case .projections: "projections"
    case .core: "core attention"
    case .gate: "gate"
    case .dispatch: "dispatch"
    case .experts: "experts"
    case .combine: "combine"
    case .shared: "shared expert"
    }
  }
}
