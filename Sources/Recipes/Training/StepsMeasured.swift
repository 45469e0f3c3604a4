import Foundation
import Groundwork

/// Where a training measures on its way: before the first step, every so many steps and behind the last one. What it
/// measured lies in a table beside its states and is part of the run: one that went on without some of the rows would end
/// with another curve, or stop elsewhere, than one that nothing interrupted.
struct StepsMeasured {
  private let every: Int
  private let steps: Int

  /// - Parameters:
  ///   - every: steps between two measurements, at least 1
  ///   - steps: of the whole training
  init(every: Int, of steps: Int) {
    self.every = every
    self.steps = steps
  }

  /// Whether the training measures after this step.
  func holds(_ step: Int) -> Bool { step % every == 0 || step == steps }

  /// Refuses rows that are not the first ones of the training, or fewer than it has measured by `step`.
  /// - Parameter found: steps of the rows of `file`, in its order
  func require(_ found: [Int], by step: Int, in file: URL) throws {
    let all = Array(stride(from: 0, to: steps, by: every)) + [steps]
    let due = all.prefix { $0 <= step }.count
    if found.count >= due, found == Array(all.prefix(found.count)) { return }
    throw UpcycleError(
      "is not what this run measured up to step \(step)", at: file.path,
      expected: "\(due) rows or more, of every \(every) steps",
      found: "\(found.count) rows\(found.last.map { ", the last of step \($0)" } ?? "")", hint: Self.hint(file))
  }

  /// The table that earlier attempts left; nil: none.
  /// - Throws: where it has other columns, or ends within a row
  static func table(_ file: URL, columns: [String]) throws -> CSV? {
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    let text = try readFile(file)
    let read = try text.isEmpty ? nil : CSV(parsing: text, file: file.path)
    guard let table = read, table.header == columns, text.last == UInt8(ascii: "\n") else {
      throw UpcycleError(
        "is not what this run measured", at: file.path, expected: "whole rows of \(columns.joined(separator: ","))",
        found: read.map { $0.header == columns ? "a row without its end" : $0.header.joined(separator: ",") }
          ?? "an empty file",
        hint: hint(file))
    }
    return table
  }

  private static func hint(_ file: URL) -> String {
    "restore it, or delete \(file.deletingLastPathComponent().path) and begin anew"
  }
}
