import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Runs a command's body; an error ends the process with its line and its exit code (see `tellError`).
public func runReportingErrors(_ body: () throws -> Void) {
  do { try body() } catch is ClosedPipe { ClosedPipe.end() } catch { exit(tellError(error)) }
}

/// Prints an error as one line on standard error.
/// - Returns: the exit code: 2 for usage, 1 for failure, 130 after an interrupt.
public func tellError(_ error: any Error) -> Int32 {
  switch error {
  case let known as UpcycleError:
    printNote(known.kind == .interrupted ? "\(known)" : "error: \(known)")
    return known.exitCode
  case let stop as Interrupted:
    printNote("\(stop)")
    return UpcycleError.Kind.interrupted.rawValue
  default:
    printNote("error: \(error.localizedDescription)")
    return UpcycleError.Kind.failure.rawValue
  }
}
