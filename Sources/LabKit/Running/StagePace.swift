import Foundation
import Groundwork

/// How far a stage is, by what it says itself (`StageContext.progress`).
struct StageProgress: Codable, Equatable {
  /// Units done, of so many.
  var done, total: Int
  /// Units of like size that follow these, such as a training's steps after the recording of its teacher.
  var later: Int
  /// Such as `loss 3.2  2,140 tok/s`.
  var detail: String
  /// How many were done when these units began here: a stage goes on where it stopped.
  var first: Int
  /// Since then.
  var seconds: Double

  /// Seconds to go at the pace so far; nil until there is a pace.
  var remaining: Double? {
    guard done > first, seconds >= 1, Double(done - first) >= 0.02 * Double(total) else { return nil }
    return seconds * Double(total - done + later) / Double(done - first)
  }

  var text: String { "\(formatCount(done))/\(formatCount(total))  \(detail)" }
}

/// Keeps what a stage says of its progress: for this process's line, and in a file for those that watch.
final class StagePace: @unchecked Sendable {
  // Stages may report from their own threads.
  private let lock = NSLock()
  private let file: URL
  private let show: (StageProgress) -> Void
  private var last: StageProgress?
  private var start = 0.0
  private var written = -Double.infinity

  init(_ file: URL, show: @escaping (StageProgress) -> Void) {
    self.file = file
    self.show = show
  }

  func update(_ done: Int, _ total: Int, later: Int, _ detail: String) {
    lock.withLock {
      let now = monotonicSeconds()
      // Fewer than before: other units.
      let goesOn = last.map { $0.total == total && $0.later == later && $0.done <= done } ?? false
      if !goesOn { start = now }
      let progress = StageProgress(
        done: done, total: total, later: later, detail: detail, first: goesOn ? last!.first : done,
        seconds: now - start)
      last = progress
      show(progress)
      if now - written < 1 { return }
      written = now
      // What cannot be written is not shown elsewhere.
      try? writeFile(jsonText(progress), to: file)
    }
  }
}
