import Foundation
import Groundwork

/// What metrics.csv holds: one row per step.
public struct StepTable: Sendable {
  /// Such as step, loss, ..., seconds.
  public let columns: [String]
  /// One per step, in the order of the columns.
  public let rows: [[Double]]
  private let file: URL

  init(columns: [String], rows: [[Double]], file: URL) {
    self.columns = columns
    self.rows = rows
    self.file = file
  }

  /// A column by its name, step by step.
  public func column(_ name: String) throws -> [Double] {
    guard let index = columns.firstIndex(of: name), rows.allSatisfy({ $0.count == columns.count }) else {
      throw UpcycleError(
        "has no whole column \"\(name)\"", at: file.path, found: columns.joined(separator: ", "))
    }
    return rows.map { $0[index] }
  }
}

/// A CSV that grows line by line, with a digest of its rows so far.
final class MetricsFile {
  private let handle: FileHandle
  private let path: String
  /// A chain: SHA-256 of the digest before a row, and the row.
  private(set) var digest: String

  init(_ url: URL, digest: String) throws {
    guard let handle = try? FileHandle(forWritingTo: url) else { throw UpcycleError("cannot write", at: url.path) }
    self.handle = handle
    path = url.path
    self.digest = digest
    try handle.seekToEnd()
  }

  static func digest(_ rows: some Sequence<String>) -> String { rows.reduce("") { sha256($0 + $1) } }

  func append(_ line: String) throws {
    do { try handle.write(contentsOf: Data((line + "\n").utf8)) } catch {
      throw UpcycleError("cannot write: is the disk full?", at: path)
    }
    digest = sha256(digest + line)
  }

  /// Brings the rows to the disk: before a state that counts on them.
  func sync() throws {
    do { try handle.synchronize() } catch {
      throw UpcycleError("cannot sync: \(error.localizedDescription)", at: path)
    }
  }
}
