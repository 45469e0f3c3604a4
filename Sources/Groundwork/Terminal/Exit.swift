import Foundation

/// Prints an error as one line on standard error.
/// - Parameter spelling: of the fields that the error names (see `UpcycleError.usage(_:field:)`)
/// - Returns: the exit code: 2 for usage, 1 for failure, 130 after an interrupt.
public func tellError(_ error: any Error, spelling: (String) -> String = { $0 }) -> Int32 {
  StatusLine.clearStanding()
  switch error {
  case let known as UpcycleError:
    printNote((known.kind == .interrupted ? "" : "error: ") + spelling(AtomicFolder.destinations(in: "\(known)")))
    return known.exitCode
  case let stop as Interrupted:
    printNote("\(stop)")
    return UpcycleError.Kind.interrupted.rawValue
  default:
    printNote("error: \(AtomicFolder.destinations(in: error.localizedDescription))")
    return UpcycleError.Kind.failure.rawValue
  }
}
