import Foundation
import Groundwork
import Worlds

/// Which solved examples stand before every question, as a user names them: how many ("5"), a file that holds them
/// ("examples.jsonl"), or how many of a file ("5:examples.jsonl").
public struct SolvedExamples: Equatable, Sendable {
  /// Nil: as many as the task says, or all of the file.
  public var count: Int?
  /// JSON Lines: documents of the task for published tasks, else task items. Nil: the task's own examples.
  public var file: URL?

  /// - Parameter count: nil: as many as the task says
  public init(count: Int? = nil) { self.count = count }

  /// - Throws: a usage error for a negative number
  public init(_ text: String) throws {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    count = Int(parts[0])
    if let count, count < 0 { throw UpcycleError.usage("must not be negative", field: "shots", found: text) }
    let path = count == nil ? text : parts.count > 1 ? parts[1] : nil
    if path?.isEmpty == true {
      throw UpcycleError.usage("names no file", field: "shots", expected: "5, FILE or 5:FILE", found: text)
    }
    file = path.map { URL(fileURLWithPath: $0) }
  }
}

extension TaskItem {
  /// The item with its right answer, as an example for others.
  var solved: String {
    if let contexts { return contexts[answer ?? 0] + (choices?.first ?? "") }
    if let choices { return context + choices[answer ?? 0] }
    guard let answerText else { return context }
    let gap = context.last?.isWhitespace == true || answerText.first?.isWhitespace == true ? "" : " "
    return context + gap + (answerAfter.map { $0 + " " } ?? "") + answerText
  }
}
