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

  /// Starts listening for SIGINT and SIGTERM, and for the SIGHUP of a terminal that closes, unless it is ignored, as
  /// nohup has it.
  public static func listen() {
    // Made before a handler touches it.
    _ = isRaised
    for number in [SIGINT, SIGTERM] {
      signal(number) { received in
        Interrupt.raise()
        signal(received, SIG_DFL)
      }
    }
    let former = signal(SIGHUP, SIG_IGN)
    if unsafeBitCast(former, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { return }
    // Shell and terminal may each send one: the second asks for nothing more.
    signal(SIGHUP) { _ in Interrupt.raise() }
  }

  /// Asks for a clean stop once the process that started this one is gone.
  /// - Parameter parent: that process's id, as it told it: asked for here it might be another's already
  public static func raise(whenGone parent: Int32) {
    Thread.detachNewThread {
      while getppid() == parent { usleep(200_000) }
      Interrupt.raise()
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

/// The user asked to stop; everything finished so far is kept, unless it is said that nothing is.
public struct Interrupted: Error, CustomStringConvertible {
  private let keepsNothing: Bool
  public init(keepsNothing: Bool = false) { self.keepsNothing = keepsNothing }
  public var description: String {
    keepsNothing ? "stopped: nothing was kept" : "stopped: the same command goes on from here"
  }
}
