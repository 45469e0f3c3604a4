extension ChromeTrace {
  /// What a simulation says.
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
}
