import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Ctrl-C as a flag that long work looks at between steps. The first press asks for a clean stop, the
/// second ends the process at once.
public enum Interrupt {
  /// Written by a signal handler and read by polling; one machine word, so reads never tear.
  nonisolated(unsafe) private static var flag: sig_atomic_t = 0

  /// Starts listening for SIGINT and SIGTERM.
  public static func listen() {
    for number in [SIGINT, SIGTERM] {
      signal(number) { received in
        Interrupt.raise()
        signal(received, SIG_DFL)
      }
    }
  }

  /// Asks for a clean stop, as Ctrl-C does.
  public static func raise() { flag = 1 }
  /// Takes the request back.
  public static func clear() { flag = 0 }
  /// Whether a stop has been asked for.
  public static var isRaised: Bool { flag != 0 }

  /// - Throws: `Interrupted` when a stop has been asked for
  public static func check() throws { if isRaised { throw Interrupted() } }
}

/// The user asked to stop; everything finished so far is kept.
public struct Interrupted: Error, CustomStringConvertible {
  public init() {}
  public var description: String { "stopped: the same command goes on from here" }
}
