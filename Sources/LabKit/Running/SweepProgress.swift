import Foundation
import Groundwork

/// The one line that shows a whole sweep on standard error: stages done, what runs now, time left.
final class SweepProgress: @unchecked Sendable {
  // Stages may report from their own threads; `lock` guards everything below.
  private let lock = NSLock()
  private var todo: [String: Double?]
  private let total: Int
  private var done = 0
  private var label = ""
  private var current: (key: String, start: Double, workStart: Double)?
  private var progress: StageProgress?
  private var finishedSeconds = 0.0
  private var crowding = Crowding()
  private let line: StatusLine

  /// - Parameter todo: expected seconds of work by stage key, nil where unknown.
  init(todo: [String: Double?], quiet: Bool) {
    self.todo = todo
    total = todo.count
    line = StatusLine(quiet: quiet)
  }

  func begin(_ key: String, _ label: String) {
    lock.withLock {
      self.label = label
      current = (key, monotonicSeconds(), workSeconds())
      progress = nil
      show(isUrgent: true)
    }
  }

  func update(_ progress: StageProgress) {
    lock.withLock {
      self.progress = progress
      show(isUrgent: false)
    }
  }

  /// On the thread that began it.
  func end(_ key: String) {
    lock.withLock {
      if todo.removeValue(forKey: key) != nil { done += 1 }
      seen.insert(key)
      if let current {
        let (seconds, work) = (monotonicSeconds() - current.start, workSeconds() - current.workStart)
        finishedSeconds += seconds
        crowding.add(seconds, work: work)
      }
      current = nil
    }
  }

  /// Takes stages off the list that others finished and that this process has not come to yet.
  func finishedElsewhere(_ keys: some Sequence<String>) {
    lock.withLock { for key in keys where todo.removeValue(forKey: key) != nil { done += 1 } }
  }

  /// Takes a stage that needs no run off the list; true when it had not been counted before.
  @discardableResult
  func passed(_ key: String) -> Bool {
    lock.withLock {
      if todo.removeValue(forKey: key) != nil { done += 1 }
      return seen.insert(key).inserted
    }
  }
  private var seen: Set<String> = []

  /// Shows what others do instead.
  /// - Parameter parts: made only when they are shown
  func show(_ parts: () -> (head: String, detail: String, tail: String)) { lock.withLock { line.show { parts() } } }

  func say(_ text: String) { lock.withLock { line.say(text) } }

  /// The same, but not twice.
  func sayOnce(_ text: String) {
    lock.withLock {
      if said.insert(text).inserted { line.say(text) }
    }
  }
  private var said: Set<String> = []

  func finish() { lock.withLock { line.clear() } }

  /// Expected seconds until everything is done: the current stage by its own pace, the others by their
  /// estimates, stages without one by the mean of what has finished; nil where nothing tells.
  private func remaining() -> Double? {
    var rest = 0.0
    // Estimates are of work; on a busy machine the clock goes on for longer.
    for (key, work) in todo where key != current?.key {
      guard let expected = work.map({ $0 * crowding.factor }) ?? (done > 0 ? finishedSeconds / Double(done) : nil)
      else {
        return nil
      }
      rest += expected
    }
    guard let current else { return rest }
    if let own = progress?.remaining { return rest + own }
    let elapsed = monotonicSeconds() - current.start
    guard let expected = (todo[current.key] ?? nil).map({ $0 * crowding.factor }) else { return nil }
    return expected > elapsed ? rest + expected - elapsed : nil
  }

  /// Which stage runs here, such as `stage 3/5`.
  var place: String { "stage \(done + 1)/\(total)" }

  private func show(isUrgent: Bool) {
    line.show(isUrgent: isUrgent) {
      ("\(place)  \(label)", progress?.text ?? "", formatETA(remaining()))
    }
  }
}

/// How much longer than their work (`workSeconds`) stages take on the clock, by those of the last minutes: a stage of a few
/// seconds, which may have waited for a file, tells little.
struct Crowding {
  private var clock = 60.0
  private var work = 60.0
  private static let memory = 600.0

  mutating func add(_ seconds: Double, work done: Double) {
    let kept = exp(-seconds / Self.memory)
    (clock, work) = (clock * kept + seconds, work * kept + min(done, seconds))
  }

  var factor: Double { clock / max(work, 1) }
}
