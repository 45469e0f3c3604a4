import Groundwork

/// What a schedule demands of a log: every operation once, and none before those that it depends on are over.
public struct PartialOrder {
  private let schedule: Schedule

  /// - Parameter schedule: of one pass; what a log holds of others is left alone
  public init(_ schedule: Schedule) { self.schedule = schedule }

  /// - Throws: names the first operation that is missing, comes twice, or came too early
  public func check(_ log: EventLog) throws {
    let events = try schedule.operations.map { operation in
      let found = log.events.filter {
        $0.track != .stall && $0.pass == schedule.pass && $0.operation == operation.kind.rawValue
          && $0.layer == operation.layer && $0.batch == operation.batch
      }
      if found.count != 1 {
        throw UpcycleError("\(name(operation)) is in the event log \(found.count) times", expected: "once")
      }
      return found[0]
    }
    for (operation, event) in zip(schedule.operations, events) {
      for before in operation.dependencies where events[before].end > event.start + 1e-6 {
        throw UpcycleError(
          "\(name(operation)) started before \(name(schedule.operations[before])) was over", at: "event log",
          expected: "\(events[before].end) ms or later", found: "\(event.start) ms")
      }
    }
  }

  private func name(_ operation: SubOperation) -> String {
    "\(operation.kind.rawValue)\(schedule.pass == .backward ? "'" : "") of layer \(operation.layer + 1)"
  }
}
