import ArgumentParser
import Foundation
import Groundwork

extension ParsableCommand {
  /// Runs the command's body; an error becomes one line on standard error, which names fields by this command's flags,
  /// and the documented exit code (2 for usage, 1 for failure, 130 after an interrupt).
  /// - Parameter renamed: fields whose flags have other names in this command, such as `["layers": "mla-layers"]`
  public func runReportingErrors(renamed: [String: String] = [:], _ body: () throws -> Void) {
    do { try body() } catch is ClosedPipe { ClosedPipe.end() } catch {
      Foundation.exit(tellError(error, spelling: Flags(of: Self.self, renamed: renamed).spelling))
    }
  }
}
