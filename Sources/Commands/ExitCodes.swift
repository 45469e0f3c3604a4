import ArgumentParser
import Foundation

extension ParsableCommand {
  /// Parses the command line and runs the command; the `main` of every executable. A usage error is one line and
  /// exits with 2, as our own do (the argument parser's default is a page and 64). Of the ranks of a job of Open MPI
  /// the first one speaks.
  public static func runAsMain() -> Never {
    do {
      var command = try parseAsRoot()
      try command.run()
      Foundation.exit(0)
    } catch {
      let code = exitCode(for: error)
      let isSpeaker = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_RANK", default: "0"] == "0"
      if code == .validationFailure {
        if !isSpeaker { Foundation.exit(2) }
        FileHandle.standardError.write(Data("error: \(message(for: error)) (--help shows the options)\n".utf8))
        Foundation.exit(2)
      }
      let text = fullMessage(for: error)
      let stream = code.isSuccess ? FileHandle.standardOutput : FileHandle.standardError
      if !text.isEmpty && isSpeaker { stream.write(Data((text + "\n").utf8)) }
      Foundation.exit(code.rawValue)
    }
  }
}
