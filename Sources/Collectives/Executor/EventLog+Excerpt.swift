extension EventLog {
  /// Of the collectives of a kind in a pass the share during whose flight the rank computed.
  public func shareBehindComputation(_ collective: SubOperation.Kind, _ pass: Pass) -> Double {
    let own = events.filter { $0.pass == pass }
    let flights = own.filter { $0.track == .communication && $0.operation == collective.rawValue }
    let hidden = flights.count { flight in
      own.contains { $0.track == .computation && $0.start < flight.end && flight.start < $0.end }
    }
    return flights.isEmpty ? 0 : Double(hidden) / Double(flights.count)
  }

  /// What happened in a pass while the two middle layers computed, cut to that span and counted from its start.
  /// Collectives of their neighbours fly into it.
  public func middle(_ pass: Pass) -> [Event] {
    let own = events.filter { $0.pass == pass }
    let upper = ((own.map(\.layer).max() ?? 0) + 1) / 2
    let computed = own.filter { $0.track == .computation && (upper - 1...upper).contains($0.layer) }
    guard let start = computed.map(\.start).min(), let end = computed.map(\.end).max() else { return [] }
    return own.filter { $0.end > start && $0.start < end }.map { event in
      var part = event
      (part.start, part.end) = (max(event.start, start) - start, min(event.end, end) - start)
      return part
    }
  }
}
