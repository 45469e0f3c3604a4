import Foundation
import Groundwork

/// What one rank did when, in milliseconds from an origin.
public struct EventLog: Equatable, Sendable {
  /// What a rank does at a time.
  public enum Track: String, CaseIterable, Codable, Sendable {
    /// A sub-operation runs.
    case computation
    /// A collective is in flight.
    case communication
    /// The computation stands still for a collective.
    case stall
  }

  /// One stretch of time, in milliseconds from the log's origin.
  public struct Event: Equatable, Codable, Sendable {
    /// A, B, G, D, E, C, S (`SubOperation.Kind`), or another name outside of blocks.
    public var operation: String
    /// From 0.
    public var layer: Int
    /// Which half batch.
    public var batch: Int
    /// Forward, backward or prefill.
    public var pass: Pass
    /// What went on.
    public var track: Track
    /// Milliseconds.
    public var start: Double
    /// Milliseconds.
    public var end: Double
  }

  /// In the order recorded.
  public var events: [Event] = []
  /// Monotonic seconds.
  public var origin: Double

  /// - Parameter origin: monotonic seconds that every time is counted from; logs side by side need the same
  public init(origin: Double = monotonicSeconds()) { self.origin = origin }

  /// - Parameters:
  ///   - start, end: monotonic seconds
  public mutating func add(
    _ operation: String, layer: Int, batch: Int = 0, pass: Pass, track: Track, start: Double, end: Double
  ) {
    events.append(
      Event(
        operation: operation, layer: layer, batch: batch, pass: pass, track: track, start: 1000 * (start - origin),
        end: 1000 * (end - origin)))
  }

  /// Milliseconds on a track in a pass.
  public func milliseconds(_ track: Track, _ pass: Pass) -> Double {
    events.reduce(0) { $0 + ($1.track == track && $1.pass == pass ? $1.end - $1.start : 0) }
  }

  /// Milliseconds from the first start to the last end in a pass.
  public func duration(_ pass: Pass) -> Double {
    let some = events.filter { $0.pass == pass }
    return (some.map(\.end).max() ?? 0) - (some.map(\.start).min() ?? 0)
  }

  /// Whether a collective was in flight while the rank computed.
  public func overlaps(_ collective: SubOperation.Kind, _ kind: SubOperation.Kind, layer: Int, _ pass: Pass) -> Bool {
    let flights = events.filter {
      $0.track == .communication && $0.operation == collective.rawValue && $0.layer == layer && $0.pass == pass
    }
    let computed = events.filter {
      $0.track == .computation && $0.operation == kind.rawValue && $0.layer == layer && $0.pass == pass
    }
    return flights.contains { a in computed.contains { b in a.start < b.end && b.start < a.end } }
  }
}

// MARK: Files

extension EventLog {
  static let columns = ["run", "rank", "pass", "operation", "layer", "batch", "track", "start_ms", "end_ms"]

  /// Rows of `columns`; layers count from 1.
  func rows(run: String, rank: Int) -> [[String]] {
    events.map {
      [
        run, "\(rank)", $0.pass.rawValue, $0.operation, "\($0.layer + 1)", "\($0.batch)", $0.track.rawValue,
        String(format: "%.4f", $0.start), String(format: "%.4f", $0.end),
      ]
    }
  }

  /// The logs of all ranks, on every rank.
  public func gathered(_ ranks: any Communicator) throws -> [EventLog] {
    return try ranks.allGather(jsonText(events)).map { text in
      var log = EventLog(origin: origin)
      log.events = try decodeJSON([Event].self, from: Data(text.utf8), file: "events of a rank")
      return log
    }
  }
}

/// The event logs of several runs on all ranks.
public struct Timeline: Sendable {
  /// One run on all ranks.
  public struct Run: Sendable {
    /// What the trace calls it.
    public var name: String
    /// [size], by rank.
    public var logs: [EventLog]

    /// - Parameter logs: [size], by rank, with one origin
    public init(name: String, logs: [EventLog]) {
      self.name = name
      self.logs = logs
    }
  }
  /// In the order of the trace's processes.
  public var runs: [Run]

  /// No runs where nothing was logged.
  public init(_ runs: [Run]) { self.runs = runs }

  /// Refuses places where `write` would replace what is no timeline.
  /// - Parameter option: what named the place
  /// - Throws: usage errors for another ending than .json, and for a CSV of other columns beside it
  public static func requirePlace(_ url: URL, at option: String) throws {
    if url.pathExtension != "json" {
      throw UpcycleError.usage(
        "is no place for a trace and a CSV beside it", at: option, expected: "a name that ends in .json",
        found: url.relativePath)
    }
    let csv = table(beside: url)
    if !FileManager.default.fileExists(atPath: csv.path) { return }
    let held = try readFile(csv)
    if held.isEmpty || (try? CSV(parsing: held, file: csv.path))?.header == EventLog.columns { return }
    throw UpcycleError.usage(
      "the CSV beside it is there already and is no timeline", at: option,
      expected: "columns \(EventLog.columns.joined(separator: ","))", found: csv.relativePath,
      hint: "name another file, or remove it")
  }

  private static func table(beside url: URL) -> URL {
    url.deletingPathExtension().appendingPathExtension("csv")
  }

  /// Writes Chrome trace JSON, and the same beside it as CSV for gnuplot.
  public func write(to url: URL) throws {
    var trace = ChromeTrace()
    var csv = CSV(header: EventLog.columns)
    for run in runs {
      for (rank, log) in run.logs.enumerated() {
        trace.add(log, named: "\(run.name), rank \(rank)")
        csv.rows += log.rows(run: run.name, rank: rank)
      }
    }
    try writeFile(trace.json.text() + "\n", to: url)
    try writeFile(csv.text, to: Self.table(beside: url))
  }
}
