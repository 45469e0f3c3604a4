import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A progress line on standard error: rewritten in place on a terminal, one line every few seconds
/// otherwise; silent when `quiet`. Results go to standard output, never here.
public final class ProgressLine {
  private let total: Int
  private let label: String
  private let quiet: Bool
  private let isTerminal = isatty(2) == 1
  private let start = monotonicSeconds()
  private var lastShown = -Double.infinity
  private var firstDone: Int

  /// - Parameter startingAt: units finished before this run (a resumed job), left out of the rate.
  public init(_ label: String, total: Int, startingAt: Int = 0, quiet: Bool = false) {
    self.label = label
    self.total = total
    self.quiet = quiet
    firstDone = startingAt
  }

  /// Shows `label done/total detail eta …`, at most 5 times a second (terminal) or every 5 s (file).
  public func update(_ done: Int, _ detail: @autoclosure () -> String = "") {
    if quiet { return }
    let now = monotonicSeconds()
    if now - lastShown < (isTerminal ? 0.2 : 5), done < total { return }
    lastShown = now
    let elapsed = now - start
    let rate = Double(done - firstDone) / max(elapsed, 1e-9)
    let eta = rate > 0 ? formatDuration(Double(total - done) / rate) : "?"
    let line = "\(label) \(done)/\(total)  \(detail())  eta \(eta)"
    printNote(isTerminal ? "\r\u{1b}[K\(line)" : line, terminator: isTerminal ? "" : "\n")
  }

  public func finish(_ summary: String? = nil) {
    if quiet { return }
    let took = formatDuration(monotonicSeconds() - start)
    printNote((isTerminal ? "\r\u{1b}[K" : "") + "\(label) \(summary ?? "done") in \(took)")
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
