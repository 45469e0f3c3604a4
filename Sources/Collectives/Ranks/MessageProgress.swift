import Foundation
import Groundwork

/// Keeps started operations going while the rank computes: by polls between slices of computation, or by a thread.
public final class MessageProgress: @unchecked Sendable {
  /// Who tests the started operations.
  public enum Mode: String, CaseIterable, Sendable {
    /// `poll` tests all outstanding requests: no further thread, the default.
    case poll
    /// A thread tests them every 100 microseconds; on few cores it competes with the computation.
    case thread
  }

  /// An operation that was started.
  public final class Ticket {
    /// Monotonic seconds.
    public let start: Double
    /// When it was seen to be done, in monotonic seconds; nil before.
    public fileprivate(set) var end: Double?
    fileprivate let request: any Request
    fileprivate var failure: (any Error)?

    fileprivate init(_ request: any Request, start: Double) {
      self.request = request
      self.start = start
    }
  }

  /// Who tests.
  public let mode: Mode
  private let lock = NSLock()
  private var outstanding: [Ticket] = []
  private var isStopped = false

  /// Starts the thread of `thread`.
  public init(_ mode: Mode) {
    self.mode = mode
    guard mode == .thread else { return }
    let thread = Thread { [weak self] in
      while let self, !self.advance(stopping: true) { usleep(100) }
    }
    thread.start()
  }

  /// Ends the thread. Nothing may be outstanding.
  public func stop() { lock.withLock { isStopped = true } }

  /// Starts an operation.
  public func start(_ body: () throws -> any Request) throws -> Ticket {
    try lock.withLock {
      let start = monotonicSeconds()
      let ticket = Ticket(try body(), start: start)
      outstanding.append(ticket)
      return ticket
    }
  }

  /// Lets outstanding operations proceed, where no thread does.
  public func poll() {
    if mode == .poll { _ = advance(stopping: false) }
  }

  /// Whether the operation was seen to be done.
  public func isOver(_ ticket: Ticket) -> Bool { lock.withLock { ticket.end != nil } }

  /// Blocks until the operation is done.
  public func wait(_ ticket: Ticket) throws {
    while true {
      poll()
      let (done, failure) = lock.withLock { (ticket.end != nil, ticket.failure) }
      if let failure { throw failure }
      if done { return }
      nap()
    }
  }

  private func advance(stopping: Bool) -> Bool {
    lock.withLock {
      if stopping && isStopped { return true }
      for ticket in outstanding {
        do {
          if try ticket.request.test() { ticket.end = monotonicSeconds() }
        } catch { ticket.failure = error }
      }
      outstanding.removeAll { $0.end != nil || $0.failure != nil }
      return false
    }
  }
}
