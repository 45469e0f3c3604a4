import Foundation
import Groundwork

/// The machine and the source that produce a record.
public struct Surroundings: Sendable {
  /// The machine.
  public let host: Record.Host
  /// Abbreviated commit, `-dirty` when the sources differ from it; `unknown` outside git.
  public let commit: String

  /// - Parameters:
  ///   - root: the checkout whose commit is named
  ///   - gflops: the speed that records hold
  public init(root: URL, gflops: Double? = nil) {
    host = Record.Host(
      cpu: processorName(), cores: ProcessInfo.processInfo.activeProcessorCount, gflops: gflops)
    commit = sourceCommit(of: root)
  }

  /// Now, in UTC, to the second.
  static func timestamp() -> String { ISO8601DateFormatter().string(from: Date()) }
}
