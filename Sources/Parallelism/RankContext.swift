import Collectives
import Groundwork
import TensorCore

/// What the parallel passes of one rank share: its messages, its clock and the first failure.
///
/// Operations of a tape cannot throw: after a failure the others do nothing, and `check` throws it.
public final class RankContext {
  /// That train or infer together.
  public let ranks: any Communicator
  /// Whether messages fly while the rank computes; otherwise every one is waited for where it is started. The
  /// arithmetic is the same, bit for bit.
  public let overlaps: Bool
  /// What moves messages on.
  public let progress: MessageProgress
  let reducer: AllReducer
  /// What happened since `restartLog`.
  public private(set) var log = EventLog()
  private var clock = monotonicSeconds()
  private var failure: (any Error)?

  /// Starts a thread where `progress` is one.
  public init(_ ranks: any Communicator, overlaps: Bool, progress: MessageProgress.Mode = .poll) {
    self.ranks = ranks
    self.overlaps = overlaps
    self.progress = MessageProgress(progress)
    reducer = AllReducer(ranks)
  }

  /// Throws what has failed.
  public func check() throws { if let failure { throw failure } }

  /// Runs `body` unless something has failed; nil where something has.
  func attempt<Result>(_ body: () throws -> Result) -> Result? {
    if failure != nil { return nil }
    do { return try body() } catch {
      failure = error
      return nil
    }
  }

  // MARK: Time

  /// Begins a new log on this rank.
  func forgetLog() { log = EventLog() }

  /// Begins a new log whose origin is the same moment on all ranks.
  public func restartLog() throws {
    log = EventLog(origin: try ranks.broadcast([monotonicSeconds()], filler: 0)[0])
    clock = monotonicSeconds()
  }

  /// Ends a stretch of computation that began where the one before it, or a wait, ended.
  func finish(_ operation: String, layer: Int, _ pass: Pass) {
    let now = monotonicSeconds()
    log.add(operation, layer: layer, pass: pass, track: .computation, start: clock, end: now)
    clock = now
  }

  func finish(_ kind: SubOperation.Kind, layer: Int, _ pass: Pass) { finish(kind.rawValue, layer: layer, pass) }

  // MARK: Messages

  /// An operation under way; `buffers` stay in place until it has landed.
  final class Flight {
    let operation: String
    let layer: Int
    let pass: Pass
    fileprivate var ticket: MessageProgress.Ticket?
    private let buffers: [Tensor]
    private let progress: MessageProgress
    /// Whether waiting for it costs nothing: it has come to its end, has landed, or never started.
    var isOver: Bool { ticket.map(progress.isOver) ?? true }

    fileprivate init(
      _ operation: String, _ layer: Int, _ pass: Pass, _ buffers: [Tensor], _ progress: MessageProgress
    ) {
      self.progress = progress
      self.operation = operation
      self.layer = layer
      self.pass = pass
      self.buffers = buffers
    }
  }

  func start(
    _ operation: String, layer: Int, _ pass: Pass, keeping buffers: [Tensor], _ body: () throws -> any Request
  ) -> Flight {
    let flight = Flight(operation, layer, pass, buffers, progress)
    flight.ticket = attempt { try progress.start(body) }
    if !overlaps { land(flight) }
    return flight
  }

  /// Waits until the operation is done.
  /// - Parameter interrupts: the computation under way ends here and goes on behind the wait
  func land(_ flight: Flight, interrupts: Bool = true) {
    guard let ticket = flight.ticket else { return }
    flight.ticket = nil
    let start = monotonicSeconds()
    guard attempt({ try progress.wait(ticket) }) != nil else { return }
    let now = monotonicSeconds()
    for (track, from, to) in [(EventLog.Track.stall, start, now), (.communication, ticket.start, ticket.end!)] {
      log.add(flight.operation, layer: flight.layer, pass: flight.pass, track: track, start: from, end: to)
    }
    if interrupts { clock = now }
  }
}
