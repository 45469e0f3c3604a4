import ArgumentParser
import Foundation

extension ParsableCommand {
  /// Parses the command line and runs the command; the `main` of every executable. A usage error is one line and
  /// exits with 2, as our own do (the argument parser's default is a page and 64).
  public static func runAsMain() -> Never {
    do {
      var command = try parseAsRoot()
      try command.run()
      Foundation.exit(0)
    } catch {
      let code = exitCode(for: error)
      if code == .validationFailure {
        FileHandle.standardError.write(Data("error: \(message(for: error)) (--help shows the options)\n".utf8))
        Foundation.exit(2)
      }
      let text = fullMessage(for: error)
      let stream = code.isSuccess ? FileHandle.standardOutput : FileHandle.standardError
      if !text.isEmpty { stream.write(Data((text + "\n").utf8)) }
      Foundation.exit(code.rawValue)
    }
  }
}
