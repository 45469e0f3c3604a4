import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// The one way in which long work shows where it is, on standard error: a line that is rewritten in place on a terminal,
/// at most 5 times a second and never wider than the window, and repeated every 5 seconds elsewhere. Failures to write
/// are ignored: work does not end because its progress cannot be shown.
public final class StatusLine {
  private let quiet: Bool
  private let width: () -> Int?
  private let clock: () -> Double
  private let write: (String) -> Void
  private var lastShown = -Double.infinity
  /// Columns that the line on the terminal takes.
  private var columns = 0 {
    didSet { Self.isStanding.store(columns > 0, ordering: .relaxed) }
  }
  /// Whether the process has left such a line on a terminal, where the next word would be written behind it.
  private static let isStanding = Atomic(false)

  /// Takes a line that work left behind off the terminal: before an error, or the word after Ctrl-C.
  static func clearStanding() {
    if isStanding.exchange(false, ordering: .relaxed) { printNote("\r\u{1b}[J", terminator: "") }
  }

  /// - Parameter quiet: shows nothing at all
  public convenience init(quiet: Bool = false) {
    self.init(quiet: quiet, width: terminalWidth, clock: monotonicSeconds, write: writeToStandardError)
  }

  /// - Parameters:
  ///   - width: of the terminal in columns, asked every time; nil: it is none
  ///   - clock: seconds
  init(quiet: Bool, width: @escaping () -> Int?, clock: @escaping () -> Double, write: @escaping (String) -> Void) {
    self.quiet = quiet
    self.width = width
    self.clock = clock
    self.write = write
  }

  /// Shows `head  detail  tail` when it is time to; in a narrow window the detail is cut first.
  /// - Parameters:
  ///   - isUrgent: now, where there is a terminal
  ///   - parts: made only when they are shown; empty ones are left out
  public func show(isUrgent: Bool = false, _ parts: () -> (head: String, detail: String, tail: String)) {
    if quiet { return }
    let (now, width) = (clock(), width())
    if now - lastShown < (width == nil ? 5 : 0.2), !(isUrgent && width != nil) { return }
    lastShown = now
    let (head, detail, tail) = parts()
    guard let width else {
      return write([head, detail, tail].filter { !$0.isEmpty }.joined(separator: "  ") + "\n")
    }
    let line = Self.fit(head, detail, tail, columns: max(width - 1, 1))
    write(clearing(width) + line)
    columns = line.count
  }

  /// Writes a line that stays.
  public func say(_ line: String) {
    if quiet { return }
    write((width().map(clearing) ?? "") + line + "\n")
    columns = 0
  }

  /// Takes the line off a terminal.
  public func clear() {
    if quiet || columns == 0 { return }
    if let width = width() { write(clearing(width)) }
    columns = 0
    lastShown = -.infinity
  }

  /// To the line's start and everything behind it away, also where a window that has become narrower has broken it.
  private func clearing(_ width: Int) -> String {
    let rows = max(columns - 1, 0) / max(width, 1)
    return "\r" + (rows > 0 ? "\u{1b}[\(rows)A" : "") + "\u{1b}[J"
  }

  /// The parts in so many columns: first the detail is cut, then everything.
  static func fit(_ head: String, _ detail: String, _ tail: String, columns: Int) -> String {
    func cut(_ text: String, _ room: Int) -> String {
      text.count <= room ? text : room < 1 ? "" : text.prefix(room - 1) + "…"
    }
    let around = [head, tail].filter { !$0.isEmpty }
    let room = columns - around.reduce(0) { $0 + $1.count + 2 }
    let middle = room < 4 && detail.count > room ? "" : cut(detail, room)
    return cut([head, middle, tail].filter { !$0.isEmpty }.joined(separator: "  "), columns)
  }
}

/// Columns of the terminal on standard error; nil: it is none.
private func terminalWidth() -> Int? { terminalSize(of: 2)?.columns }

/// Columns and lines of the terminal behind a descriptor, standard output unless said otherwise; nil: it is none.
public func terminalSize(of descriptor: Int32 = 1) -> (columns: Int, lines: Int)? {
  if isatty(descriptor) != 1 { return nil }
  var size = winsize()
  guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
  return (Int(size.ws_col), max(4, Int(size.ws_row)))
}

/// Writes to standard error whatever becomes of it.
private func writeToStandardError(_ text: String) { printNote(text, terminator: "") }

/// "eta 3m12s", or "estimating" where nothing tells yet.
public func formatETA(_ seconds: Double?) -> String { seconds.map { "eta \(formatDuration($0))" } ?? "estimating" }
