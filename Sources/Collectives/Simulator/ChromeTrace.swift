import Groundwork

/// Spans of simulated and of real runs in Chrome's trace format (chrome://tracing, Perfetto), one process per run and
/// rank.
public struct ChromeTrace {
  private var events: [JSONValue] = []
  private var processes = 0

  public init() {}

  /// - Parameters:
  ///   - name: of the process, such as "farskip forward"
  ///   - schedule: what the spans are of
  public mutating func add(_ run: SimulatedRun, of schedule: Schedule, named name: String) {
    begin(name, tracks: SimulatedRun.Span.Track.allCases.map(\.rawValue))
    for span in run.spans {
      let operation = schedule.operations[span.operation]
      let batch = schedule.method == .twoBatch ? (operation.batch == 0 ? "a" : "b") : ""
      let prime = schedule.pass == .backward ? "'" : ""
      add(
        "\(operation.kind.rawValue)\(prime)\(operation.layer + 1)\(batch)", layer: operation.layer + 1,
        operation: operation.kind.name, track: span.track.rawValue,
        number: SimulatedRun.Span.Track.allCases.firstIndex(of: span.track)!, start: span.start, end: span.end)
    }
  }

  /// What a rank really did.
  public mutating func add(_ log: EventLog, named name: String) {
    begin(name, tracks: EventLog.Track.allCases.map(\.rawValue))
    for event in log.events {
      let prime = event.pass == .backward ? "'" : ""
      add(
        "\(event.operation)\(prime)\(event.layer + 1)", layer: event.layer + 1,
        operation: SubOperation.Kind(rawValue: event.operation)?.name ?? event.operation, track: event.track.rawValue,
        number: EventLog.Track.allCases.firstIndex(of: event.track)!, start: event.start, end: event.end)
    }
  }

  private mutating func begin(_ name: String, tracks: [String]) {
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

  private mutating func add(
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
