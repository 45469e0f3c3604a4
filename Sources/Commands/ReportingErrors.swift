import ArgumentParser
import Foundation
import Groundwork

extension ParsableCommand {
  /// Runs the command's body; an error becomes one line on standard error, which names fields by this command's flags,
  /// and the documented exit code (2 for usage, 1 for failure).
  /// - Parameter renamed: fields whose flags have other names in this command, such as `["layers": "mla-layers"]`
  public func runReportingErrors(renamed: [String: String] = [:], _ body: () throws -> Void) {
    do { try body() } catch {
      let known = error as? UpcycleError
      let text = Flags(of: Self.self, renamed: renamed).spelling(known?.description ?? error.localizedDescription)
      FileHandle.standardError.write(Data("error: \(text)\n".utf8))
      Foundation.exit(known?.exitCode ?? 1)
    }
  }
}
