import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Ctrl-C as a flag that long work looks at between steps. The first press asks for a clean stop, the
/// second ends the process at once.
public enum Interrupt {
  /// Written by a signal handler on whatever thread, and read by polling.
  private static let flag = Atomic(false)

  /// Starts listening for SIGINT and SIGTERM.
  public static func listen() {
    // Made before a handler touches it.
    _ = isRaised
    for number in [SIGINT, SIGTERM] {
      signal(number) { received in
        Interrupt.raise()
        signal(received, SIG_DFL)
      }
    }
  }

  /// Asks for a clean stop, as Ctrl-C does.
  public static func raise() { flag.store(true, ordering: .relaxed) }
  /// Takes the request back.
  public static func clear() { flag.store(false, ordering: .relaxed) }
  /// Whether a stop has been asked for.
  public static var isRaised: Bool { flag.load(ordering: .relaxed) }

  /// - Throws: `Interrupted` when a stop has been asked for
  public static func check() throws { if isRaised { throw Interrupted() } }
}

/// The user asked to stop; everything finished so far is kept.
public struct Interrupted: Error, CustomStringConvertible {
  public init() {}
  public var description: String { "stopped: the same command goes on from here" }
}
