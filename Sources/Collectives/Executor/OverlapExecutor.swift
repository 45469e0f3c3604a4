import Groundwork

/// Executes schedules on a rank: computation in list order on this thread, collectives started where they stand in the
/// list and waited for when the next operation needs them.
final class OverlapExecutor {
  private let computation: any SlicedComputation
  private let progress: MessageProgress
  private let traffic: Traffic

  init(_ computation: any SlicedComputation, _ progress: MessageProgress, _ traffic: Traffic) {
    self.computation = computation
    self.progress = progress
    self.traffic = traffic
  }

  /// Runs all operations and adds them to the log.
  func run(_ schedule: Schedule, into log: inout EventLog) throws {
    var flights: [Int: MessageProgress.Ticket] = [:]

    func land(_ index: Int) throws {
      guard let ticket = flights.removeValue(forKey: index) else { return }
      let start = monotonicSeconds()
      try progress.wait(ticket)
      let operation = schedule.operations[index]
      note(operation, .stall, start, monotonicSeconds())
      note(operation, .communication, ticket.start, ticket.end!)
    }
    func note(_ operation: SubOperation, _ track: EventLog.Track, _ start: Double, _ end: Double) {
      log.add(
        operation.kind.rawValue, layer: operation.layer, batch: operation.batch, pass: schedule.pass, track: track,
        start: start, end: end)
    }

    for (index, operation) in schedule.operations.enumerated() {
      for before in operation.dependencies { try land(before) }
      if operation.kind.isCollective {
        flights[index] = try progress.start {
          try traffic.start(operation.kind, batch: operation.batch, milliseconds: operation.duration)
        }
      } else {
        let start = monotonicSeconds()
        computation.run(milliseconds: operation.duration) { progress.poll() }
        note(operation, .computation, start, monotonicSeconds())
      }
    }
    for index in flights.keys.sorted() { try land(index) }
  }

  /// Milliseconds of a collective with nothing else going on.
  func isolated(_ kind: SubOperation.Kind, milliseconds: Double, _ ranks: any Communicator) throws -> Double {
    try ranks.barrier()
    let start = monotonicSeconds()
    let ticket = try progress.start { try traffic.start(kind, batch: 0, milliseconds: milliseconds) }
    try progress.wait(ticket)
    return 1000 * (monotonicSeconds() - start)
  }
}
