import Foundation
import Groundwork

/// One finished cell with one seed: what was measured, and everything that produced it.
public struct Record: Codable, Equatable, Sendable {
  /// The machine that measured.
  public struct Host: Codable, Equatable, Sendable {
    /// The processor's name.
    public var cpu: String
    /// Processors in use.
    public var cores: Int
    /// What a matrix product made on one thread as the run began, GFLOP/s: how the times of machines compare. nil in
    /// records of before.
    public var gflops: Double?
  }

  /// What one stage of a cell took.
  public struct Cost: Codable, Equatable, Sendable {
    /// Work time (`workSeconds`); in older records, of the wall clock.
    public var seconds: Double
    /// Training tokens.
    public var tokens: Int
  }

  /// The spec's name, `PAPER/ITEM`.
  public var spec: String
  /// The profile's name.
  public var profile: String
  /// The cell's id.
  public var cell: String
  /// Absent when nothing in the cell depends on a seed.
  public var seed: Int?
  /// All stage keys together.
  public var key: String
  /// Abbreviated commit of the sources.
  public var commit: String
  /// The machine.
  public var host: Host
  /// Threads of the stages.
  public var threads: Int
  /// UTC, ISO 8601.
  public var started: String
  /// Work time of all stages (`workSeconds`); in older records, of the wall clock.
  public var seconds: Double
  /// Training tokens of all stages.
  public var tokens: Int
  /// `alias.metric` -> value and standard error.
  public var metrics: [String: Metric]
  /// `alias.series` -> points.
  public var series: [String: [[Double]]]?
  /// `alias.text` -> what a model wrote.
  public var texts: [String: String]?
  /// Alias -> what this stage took of `seconds` and `tokens`; nil in records of before.
  public var stages: [String: Cost]?

  /// Whether the measurements (not the circumstances) are the same, to a millionth.
  func measuresTheSame(as other: Record) -> Bool {
    key == other.key && tokens == other.tokens && metrics.keys == other.metrics.keys
      && series?.mapValues(\.count) == other.series?.mapValues(\.count) && texts == other.texts
      && Agreement(self, with: other) == .equal
  }

  /// What it says of a metric, `record.seconds` and the like included; nil: nothing.
  func number(_ metric: String) -> Double? {
    metrics[metric]?.value ?? cost(metric).flatMap { $0 > 0 ? $0 : nil }
  }

  /// `record.seconds` or `record.tokens`, of all stages, or of one as `record.seconds.sft`; nil for other names, and for
  /// stages that the record does not know.
  func cost(_ name: String) -> Double? {
    let parts = name.split(separator: ".").map(String.init)
    guard parts.count > 1, parts[0] == "record" else { return nil }
    let cost = parts.count == 2 ? Cost(seconds: seconds, tokens: tokens) : stages?[parts[2]]
    switch parts[1] {
    case "seconds": return cost?.seconds
    case "tokens": return cost.map { Double($0.tokens) }
    default: return nil
    }
  }
}

/// The records of a spec in a profile: JSON Lines, one per cell and seed, sorted.
struct RecordFile {
  let url: URL

  func read() throws -> [Record] {
    guard FileManager.default.fileExists(atPath: url.path) else { return [] }
    do {
      return try JSONLines.read(Record.self, from: url, what: "a record").map(\.value)
    } catch var error as UpcycleError {
      error.hint = error.hint ?? "take that line out; lab run makes its record anew"
      throw error
    }
  }

  enum Outcome: Equatable { case added, unchanged, replaced(Record) }

  /// Puts a record in its place. The latest measurement of a cell and seed stands; one that measures the
  /// same as before leaves the file as it is.
  func put(_ record: Record) throws -> Outcome {
    let lock = StageCache(folder: url.deletingLastPathComponent())
    return try lock.withLock(".\(url.lastPathComponent)", waiting: {}) {
      var records = try read()
      var outcome = Outcome.added
      if let index = records.firstIndex(where: { $0.cell == record.cell && $0.seed == record.seed }) {
        if records[index].measuresTheSame(as: record) { return .unchanged }
        outcome = .replaced(records[index])
        records[index] = record
      } else {
        records.append(record)
      }
      records.sort { ($0.cell, $0.seed ?? -1) < ($1.cell, $1.seed ?? -1) }
      try writeFile(JSONLines.text(records), to: url)
      return outcome
    }
  }
}
