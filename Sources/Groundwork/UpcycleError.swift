import Foundation

/// An error a user meets: what failed, where, what was expected and found, and what to do, on one line.
///
/// Errors are values and every layer throws this one; `precondition` is only for programmer mistakes.
///
/// Libraries know no command line: a setting is named by its field in backquotes, as specs spell it: `usage(_:field:)`
/// does so, and hints say "lower `kv_rank`". A command prints such a field as its flag, `--kv-rank`
/// (`ParsableCommand.runReportingErrors`), and exits with `exitCode`.
public struct UpcycleError: Error, CustomStringConvertible, Sendable {
  /// Whether the user asked for something impossible (exit 2), something went wrong on the way (exit 1), or the user
  /// stopped it (exit 130, as a shell says of Ctrl-C).
  public enum Kind: Int32, Sendable { case failure = 1, usage = 2, interrupted = 130 }

  /// What failed.
  public var what: String
  /// File, tensor, step, field: the place a user would look at.
  public var location: String?
  /// What would have been right.
  public var expected: String?
  /// What stood there instead.
  public var found: String?
  /// How to mend it.
  public var hint: String?
  /// Whose fault it is: decides the exit code.
  public var kind: Kind

  /// See the properties; parts that are nil are left out of the line.
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

  /// A setting that cannot be: `usage("is out of range", field: "kv_rank", ...)` reads "`kv_rank`: is out of range".
  /// - Parameter field: the setting's name in snake case, such as `kv_rank`
  public static func usage(
    _ what: String, field: String, expected: String? = nil, found: String? = nil, hint: String? = nil
  ) -> UpcycleError {
    usage(what, at: "`\(field)`", expected: expected, found: found, hint: hint)
  }

  /// The exit code of a program that ends with this error.
  public var exitCode: Int32 { kind.rawValue }

  /// `location: what; expected …, found … (hint)`, on one line: what files and options bring along may break lines, steer a
  /// terminal and never end, so that every control character becomes a space and a part ends after 1,000 characters.
  public var description: String {
    let what = Self.cut(what)
    var line = location.map { "\(Self.cut($0)): \(what)" } ?? what
    if let expected { line += "; expected \(Self.cut(expected))" }
    if let found { line += (expected == nil ? "; " : ", ") + "found \(Self.cut(found))" }
    if let hint { line += " (\(Self.cut(hint)))" }
    if line.utf8.allSatisfy({ 0x20..<0x7F ~= $0 }) { return line }
    func isControl(_ scalar: Unicode.Scalar) -> Bool {
      [.control, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
    }
    return String(String.UnicodeScalarView(line.unicodeScalars.map { isControl($0) ? " " : $0 }))
  }

  private static func cut(_ part: String) -> String {
    part.utf8.count <= 1000 ? part : String(part.unicodeScalars.prefix(1000)) + "…"
  }
}
