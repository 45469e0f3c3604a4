extension ChromeTrace {
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
}
