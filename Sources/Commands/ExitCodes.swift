import ArgumentParser
import Foundation
import Groundwork

extension ParsableCommand {
  /// Parses the command line and runs the command; the `main` of every executable. A usage error is one line and
  /// exits with 2, as our own do (the argument parser's default is a page and 64). Of the ranks of a job of Open MPI
  /// the first one speaks. `--version` anywhere says what this program is made of.
  ///
  /// - Parameter refuse: told of a usage error before the process ends, to tell the other ranks of its job
  public static func runAsMain(refuse: (UpcycleError) -> Void = { _ in }) -> Never {
    prepareStandardStreams()
    do {
      if asksForVersion(CommandLine.arguments) {
        try printResult(versionText(of: URL(fileURLWithPath: CommandLine.arguments[0]).lastPathComponent))
        Foundation.exit(0)
      }
      try requireKnownWords(Array(CommandLine.arguments.dropFirst()), of: Self.self)
      var command = try parseAsRoot()
      try command.run()
      Foundation.exit(0)
    } catch {
      let code = exitCode(for: error)
      let isSpeaker = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_RANK", default: "0"] == "0"
      let known = error as? UpcycleError
      if known != nil || code == .validationFailure {
        let refusal = known ?? UpcycleError.usage(message(for: error), hint: "--help shows the options")
        refuse(refusal)
        if isSpeaker { _ = tellError(refusal) }
        Foundation.exit(refusal.exitCode)
      }
      let text = wrappingUsage(fullMessage(for: error))
      if !text.isEmpty && isSpeaker {
        if code.isSuccess {
          do { try printResult(text) } catch is ClosedPipe { ClosedPipe.end() } catch {
            Foundation.exit(tellError(error))
          }
        } else {
          printNote(text)
        }
      }
      Foundation.exit(code.rawValue)
    }
  }
}
