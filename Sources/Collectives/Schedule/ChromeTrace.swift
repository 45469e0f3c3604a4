import Groundwork

/// Spans of simulated and of real runs in Chrome's trace format (chrome://tracing, Perfetto), one process per run and
/// rank.
public struct ChromeTrace {
  private var events: [JSONValue] = []
  private var processes = 0

  /// Without processes.
  public init() {}

  /// Begins a process with its rows.
  mutating func begin(_ name: String, tracks: [String]) {
    processes += 1
    for (kind, thread, value) in [("process_name", 0, name)]
      + tracks.enumerated().map({ ("thread_name", $0.offset, $0.element) })
    {
      events.append(
        .object([
          "ph": .string("M"), "name": .string(kind), "pid": .int(processes), "tid": .int(thread),
          "args": .object(["name": .string(value)]),
        ]))
    }
  }

  /// A span in milliseconds on a row, by number from 0.
  mutating func add(
    _ name: String, layer: Int, operation: String, track: String, number: Int, start: Double, end: Double
  ) {
    events.append(
      .object([
        "ph": .string("X"), "name": .string(name), "cat": .string(track), "pid": .int(processes), "tid": .int(number),
        // Microseconds.
        "ts": .double(1000 * start), "dur": .double(1000 * (end - start)),
        "args": .object(["layer": .int(layer), "operation": .string(operation)]),
      ]))
  }

  /// The whole trace; times in microseconds, as the format has them.
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
