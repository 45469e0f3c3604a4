import ArgumentParser
import Foundation

extension ParsableCommand {
  /// Parses the command line and runs the command; the `main` of every executable. A usage error exits with 2, as
  /// our own do (the argument parser's default is 64).
  public static func runAsMain() -> Never {
    do {
      var command = try parseAsRoot()
      try command.run()
      Foundation.exit(0)
    } catch {
      let text = fullMessage(for: error)
      let code = exitCode(for: error)
      let stream = code.isSuccess ? FileHandle.standardOutput : FileHandle.standardError
      if !text.isEmpty { stream.write(Data((text + "\n").utf8)) }
      Foundation.exit(code == .validationFailure ? 2 : code.rawValue)
    }
  }
}
