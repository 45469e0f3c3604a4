import CSystem
import Foundation

#if canImport(Glibc)
  import Glibc
#endif

// The one way to standard output and standard error. Results go to standard output, and a result that cannot be written
// is an error (exit 1); everything else goes to standard error, whose failures are ignored: a training does not die of
// the disk that its log is on. A reader that has seen enough (`| head`) ends the process as the system does, without a
// word.

/// Prepares the standard streams; the first act of every executable.
///
/// A stream that was closed (`2>&-`) is filled, so that no output file gets its number: reading standard input gives
/// nothing, writing the others fails. Closed pipes and files that grow too long become errors of the write instead of
/// signals; mapped files that become shorter while they are read become one line.
public func prepareStandardStreams() {
  for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) == -1 {
    // The lowest free number is this one.
    _ = open("/dev/null", O_RDONLY)
  }
  signal(SIGPIPE, SIG_IGN)
  signal(SIGXFSZ, SIG_IGN)
  up_tell_lost_mappings()
}

/// Prints a result on standard output.
/// - Throws: when it cannot be written; `ClosedPipe` when nobody reads any more.
public func printResult(_ text: String, terminator: String = "\n") throws {
  try printResult(bytes: Array((text + terminator).utf8))
}

/// Prints raw bytes of a result, which need not be whole characters.
public func printResult(bytes: [UInt8]) throws {
  guard let code = bytes.withUnsafeBytes({ writeAll($0, to: 1) }) else { return }
  if code == EPIPE { throw ClosedPipe() }
  throw UpcycleError("cannot write: \(systemReason(code))", at: "standard output")
}

/// Prints a line of progress, a warning or an error on standard error, as far as that goes.
public func printNote(_ text: String, terminator: String = "\n") {
  _ = Array((text + terminator).utf8).withUnsafeBytes { writeAll($0, to: 2) }
}

/// Nobody reads standard output any more.
public struct ClosedPipe: Error, CustomStringConvertible {
  public var description: String { "standard output: nobody reads any more" }

  /// Ends the process by SIGPIPE (141 in a shell), as every program of a pipeline ends.
  public static func end() -> Never {
    signal(SIGPIPE, SIG_DFL)
    raise(SIGPIPE)
    exit(141)
  }
}
