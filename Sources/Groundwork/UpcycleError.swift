import Foundation

/// An error a user meets: what failed, where, what was expected and found, and what to do, on one line.
///
/// Errors are values and every layer throws this one; `precondition` is only for programmer mistakes.
/// Executables print `description` to standard error and exit with `exitCode` (see `runReportingErrors`).
public struct UpcycleError: Error, CustomStringConvertible, Sendable {
  /// Whether the user asked for something impossible (exit 2), something went wrong on the way (exit 1), or the user
  /// stopped it (exit 130, as a shell says of Ctrl-C).
  public enum Kind: Int32, Sendable { case failure = 1, usage = 2, interrupted = 130 }

  public var what: String
  /// File, tensor, step, option: the place a user would look at.
  public var location: String?
  public var expected: String?
  public var found: String?
  /// How to mend it.
  public var hint: String?
  public var kind: Kind

  public init(
    _ what: String, at location: String? = nil, expected: String? = nil, found: String? = nil,
    hint: String? = nil, kind: Kind = .failure
  ) {
    self.what = what
    self.location = location
    self.expected = expected
    self.found = found
    self.hint = hint
    self.kind = kind
  }

  /// The same error, blamed on the command line: exit code 2.
  public static func usage(
    _ what: String, at location: String? = nil, expected: String? = nil, found: String? = nil,
    hint: String? = nil
  ) -> UpcycleError {
    UpcycleError(what, at: location, expected: expected, found: found, hint: hint, kind: .usage)
  }

  public var exitCode: Int32 { kind.rawValue }

  public var description: String {
    var line = location.map { "\($0): \(what)" } ?? what
    if let expected { line += "; expected \(expected)" }
    if let found { line += (expected == nil ? "; " : ", ") + "found \(found)" }
    if let hint { line += " (\(hint))" }
    return line.replacingOccurrences(of: "\n", with: " ")
  }
}
