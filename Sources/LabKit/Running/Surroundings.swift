import Foundation
import Groundwork

/// The machine and the source that produce a record.
public struct Surroundings: Sendable {
  /// The machine.
  public let host: Record.Host
  /// Abbreviated commit, `-dirty` when the sources differ from it; `unknown` outside git.
  public let commit: String

  /// - Parameter root: the checkout whose commit is named
  public init(root: URL) {
    host = Record.Host(cpu: processorName(), cores: ProcessInfo.processInfo.activeProcessorCount)
    commit = sourceCommit(of: root)
  }

  /// Now, in UTC, to the second.
  static func timestamp() -> String { ISO8601DateFormatter().string(from: Date()) }
}
