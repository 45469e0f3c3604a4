import Foundation
import Groundwork

/// The machine and the source that produce a record.
public struct Surroundings: Sendable {
  public let host: Record.Host
  /// Abbreviated commit, `-dirty` when the sources differ from it; `unknown` outside git.
  public let commit: String

  public init(root: URL) {
    host = Record.Host(cpu: processorName(), cores: ProcessInfo.processInfo.activeProcessorCount)
    let head = Self.git(["rev-parse", "--short=10", "HEAD"], in: root)
    let changes = Self.git(["status", "--porcelain", "--", "Sources", "Package.swift"], in: root)
    commit = head.map { changes?.isEmpty == false ? "\($0)-dirty" : $0 } ?? "unknown"
  }

  private static func git(_ arguments: [String], in folder: URL) -> String? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["git"] + arguments
    process.currentDirectoryURL = folder
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    if process.terminationStatus != 0 { return nil }
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Now, in UTC, to the second.
  static func timestamp() -> String { ISO8601DateFormatter().string(from: Date()) }
}
