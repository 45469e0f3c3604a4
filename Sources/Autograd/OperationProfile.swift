import Groundwork

/// Seconds by kind of operation, filled by a tape that was given one.
///
/// The forward time of an operation runs from the end of the one before it, so that what happens between
/// operations counts too; nothing runs concurrently with the tape, so the sum is the wall time.
public final class OperationProfile {
  /// What one kind of operation cost so far.
  public struct Entry: Sendable {
    /// How often it ran forward.
    public var calls = 0
    /// Seconds, over all calls.
    public var forward = 0.0
    /// Seconds, over all calls.
    public var backward = 0.0
  }

  /// By the name of the tape's method, with the width of the result where it says more ("linear 688").
  public private(set) var entries: [String: Entry] = [:]
  private var last = monotonicSeconds()

  /// An empty profile; its clock starts now.
  public init() {}

  func noteForward(_ operation: String) {
    let now = monotonicSeconds()
    entries[operation, default: Entry()].calls += 1
    entries[operation, default: Entry()].forward += now - last
    last = now
  }

  func noteBackward(_ operation: String) {
    let now = monotonicSeconds()
    entries[operation, default: Entry()].backward += now - last
    last = now
  }

  /// Leaves the time since the last operation out.
  func restart() { last = monotonicSeconds() }
}
