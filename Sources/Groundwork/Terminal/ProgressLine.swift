import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Progress through a known number of units, with the time left by the pace so far; see `StatusLine`.
/// Results go to standard output, never here.
public final class ProgressLine {
  private let total: Int
  private let label: String
  private let line: StatusLine
  private let clock: () -> Double
  private let start: Double
  private let firstDone: Int

  /// - Parameters:
  ///   - label: what is counted, such as "train step"
  ///   - total: 0: not known
  ///   - startingAt: units finished before this run (a resumed job), left out of the rate
  ///   - quiet: shows nothing
  public convenience init(_ label: String, total: Int, startingAt: Int = 0, quiet: Bool = false) {
    self.init(label, total: total, startingAt: startingAt, line: StatusLine(quiet: quiet), clock: monotonicSeconds)
  }

  init(_ label: String, total: Int, startingAt: Int, line: StatusLine, clock: @escaping () -> Double) {
    self.label = label
    self.total = total
    self.line = line
    self.clock = clock
    firstDone = startingAt
    start = clock()
  }

  /// Shows `label done/total  detail  eta …`, as often as `StatusLine` does and at the end; of a total that is not known (0),
  /// as of a pipe's bytes, what is done.
  public func update(_ done: Int, _ detail: @autoclosure () -> String = "") {
    if total == 0 { return line.show { ("\(label) \(formatCount(done))", detail(), "") } }
    line.show(isUrgent: done >= total) {
      ("\(label) \(formatCount(done))/\(formatCount(total))", detail(), done >= total ? "" : formatETA(remaining(done)))
    }
  }

  /// Seconds until the end; nil until a unit and a second tell something.
  private func remaining(_ done: Int) -> Double? {
    let elapsed = clock() - start
    guard done > firstDone, elapsed >= 1 else { return nil }
    return elapsed * Double(total - done) / Double(done - firstDone)
  }

  /// Leaves one line with the time taken; what was counted in steps is not at the end: "distill: 1,792 tokens in 0.7s".
  public func finish(_ summary: String? = nil) {
    let name = label.hasSuffix(" step") ? label.dropLast(" step".count) + ":" : label[...]
    line.say("\(name) \(summary ?? "done") in \(formatDuration(clock() - start))")
  }
}

/// Seconds of the monotonic clock.
public func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// 3661 -> "1h01m", 75 -> "1m15s", 4.2 -> "4.2s"; "?" beyond what hours can say.
public func formatDuration(_ seconds: Double) -> String {
  guard seconds.magnitude < 1e12 else { return "?" }
  if seconds < 10 { return String(format: "%.1fs", seconds) }
  let whole = Int(seconds.rounded())
  if whole < 60 { return "\(whole)s" }
  if whole < 3600 { return String(format: "%dm%02ds", whole / 60, whole % 60) }
  return String(format: "%dh%02dm", whole / 3600, whole / 60 % 60)
}

/// 1234567 -> "1,234,567".
public func formatCount(_ value: Int) -> String {
  var digits = String(value.magnitude)
  var groups: [String] = []
  while digits.count > 3 {
    groups.insert(String(digits.suffix(3)), at: 0)
    digits.removeLast(3)
  }
  return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
}

/// 1.2345 -> "1.234"; what rounds to nothing has no sign.
public func formatDecimal(_ value: Double, _ digits: Int) -> String {
  let text = String(format: "%.\(digits)f", value)
  return text.hasPrefix("-") && Double(text) == 0 ? String(text.dropFirst()) : text
}

/// Reads counts as people type them: 4M, 500k, 1.5M, 2048. Nobody counts beyond 2^50, and below it products with small
/// numbers are far from overflow.
public func parseCount(_ text: String) -> Int? {
  let scale: [Character: Double] = ["k": 1e3, "K": 1e3, "M": 1e6, "m": 1e6, "B": 1e9, "G": 1e9]
  if let last = text.last, let factor = scale[last] {
    guard let value = Double(text.dropLast()), value >= 0 else { return nil }
    return Int(exactly: (value * factor).rounded()).flatMap { $0 <= 1 << 50 ? $0 : nil }
  }
  return Int(text).flatMap { 0...(1 << 50) ~= $0 ? $0 : nil }
}

extension String {
  /// With spaces in front, so that it takes `width` characters at least.
  public func rightAligned(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }

  /// With spaces behind, or cut, so that it takes `width` characters.
  public func leftAligned(_ width: Int) -> String { padding(toLength: width, withPad: " ", startingAt: 0) }
}

/// 1 and "token" -> "1 token", 2000 -> "2,000 tokens".
/// - Parameter noun: whose plural ends in s
public func counted(_ value: Int, _ noun: String) -> String {
  "\(formatCount(value)) \(noun)\(value == 1 ? "" : "s")"
}
