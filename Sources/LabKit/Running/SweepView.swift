import Foundation
import Groundwork

#if canImport(Glibc)
  import Glibc
#endif

/// A sweep as it stands, seen from outside: what the cache holds, and which stages some process works on. Reading it
/// disturbs nobody.
public struct SweepView {
  enum State: Equatable { case done, waiting, running(Training?) }

  /// A training under way, from the files in its folder.
  struct Training: Equatable {
    let step: Int
    let steps: Int
    /// Of every step so far.
    let losses: [Double]
    /// Work time of those steps.
    let seconds: Double

    /// nil where the stage trains nothing, or has no step yet.
    init?(in folder: URL) {
      let run = folder.appendingPathComponent("run")
      guard let plan = try? JSONValue(contentsOf: run.appendingPathComponent("plan.json"))["plan"],
        let table = try? CSV(contentsOf: run.appendingPathComponent("metrics.csv")), let rows = try? table.numbers(),
        let last = rows.last, let step = last.first.flatMap({ Int(exactly: $0) }),
        let loss = table.header.firstIndex(of: "loss"), let batch = plan["batch"]?.int
      else { return nil }
      let perStep = cappedProduct(batch, plan["time"]?.int ?? 1)
      let planned = plan["tokens"]?.int ?? plan["pairs"]?.int ?? 0
      self.step = step
      steps = max(step, planned / max(1, perStep))
      losses = rows.compactMap { $0.indices.contains(loss) ? $0[loss] : nil }
      seconds = table.header.firstIndex(of: "seconds").flatMap { last.indices.contains($0) ? last[$0] : nil } ?? 0
    }

    /// Seconds to go at the pace so far.
    var remaining: Double { step > 0 ? seconds * Double(steps - step) / Double(step) : 0 }

    var text: String {
      let loss = losses.last.map { String(format: "  loss %.3f", $0) } ?? ""
      return "\(formatCount(step))/\(formatCount(steps))\(loss)"
    }
  }

  /// One cell and seed, its stages in order.
  struct Row {
    let name: String
    let stages: [(key: String, alias: String, state: State)]
  }

  /// Stages that some process works on.
  public var runningCount: Int { running.count }
  /// Stages that are finished.
  public var doneCount: Int { total - estimates.count }

  let rows: [Row]
  private let estimates: [String: Double?]
  private let running: [String: Training?]
  /// What the stages under way say of themselves, by key.
  private let progress: [String: StageProgress]
  private let total: Int
  /// What stages are called, by key.
  private let names: [String: String]

  /// - Throws: where the cache cannot be read
  public init(_ plans: [Plan], in laboratory: Laboratory) throws {
    let cache = StageCache(folder: laboratory.cache)
    estimates = try Sweep(plans, in: laboratory).estimates()
    var states: [String: State] = [:]
    for key in plans.flatMap(\.order) {
      let isRunning = estimates[key] != nil && cache.isLocked(key)
      states[key] = estimates[key] == nil ? .done : isRunning ? .running(Training(in: cache.output(key))) : .waiting
    }
    total = states.count
    names = plans.reduce(into: [:]) { $0.merge($1.nodes.mapValues(\.stage.name)) { $1 } }
    running = states.compactMapValues { if case .running(let training) = $0 { .some(training) } else { nil } }
    progress = running.keys.reduce(into: [:]) { $0[$1] = cache.progress($1) }
    rows = plans.flatMap { plan in
      plan.jobs.map { job in
        Row(name: Sweep.name(plan, job), stages: job.steps.map { ($0.key, $0.alias, states[$0.key]!) })
      }
    }
  }

  /// Whether nothing is left to do.
  public var isDone: Bool { estimates.isEmpty }

  /// Seconds until the end: stages under way at their pace, others as like ones took; nil where nothing tells.
  private var remaining: Double? {
    var rest = 0.0
    for (key, seconds) in estimates {
      if let own = remaining(of: key) {
        rest += own
      } else {
        guard let seconds else { return nil }
        rest += seconds
      }
    }
    return rest
  }

  /// Of a stage under way: what it says itself, else what its files tell.
  private func remaining(of key: String) -> Double? { progress[key]?.remaining ?? running[key]??.remaining }
  private func text(of key: String) -> String { progress[key]?.text ?? running[key]??.text ?? "" }

  /// For a progress line of so many jobs: stages done, what runs, time left.
  func line(jobs: Int) -> (head: String, detail: String, tail: String) {
    let current = running.keys.sorted().map { key in
      [names[key] ?? "", text(of: key)].filter { !$0.isEmpty }.joined(separator: "  ")
    }
    return (
      "\(total - estimates.count) of \(total) stages", current.joined(separator: "  |  "),
      formatETA(remaining.map { $0 / Double(max(1, jobs)) })
    )
  }

  /// For a terminal: a line a cell with a mark a stage, finished cells counted alone when they would not fit. As many stages
  /// as run now are taken to run until the end.
  /// - Parameters:
  ///   - columns: at most so wide
  ///   - lines: at most so many
  public func text(columns: Int, lines: Int) -> String {
    let done = total - estimates.count
    let time = isDone ? "" : "  \(formatETA(remaining.map { $0 / Double(max(1, running.count)) }))"
    var text = ["\(done) of \(total) stages done, \(running.count) running\(time)", ""]
    let open = rows.filter { row in row.stages.contains { $0.state != .done } }
    let shown = rows.count + text.count <= lines ? rows : Array(open.prefix(max(1, lines - text.count - 2)))
    let width = min(shown.map(\.name.count).max() ?? 0, max(12, columns / 2))
    for row in shown {
      let marks = row.stages.map { Self.mark($0.state) }.joined()
      let current = row.stages.first { if case .running = $0.state { true } else { false } }
      let detail = current.map { self.detail(key: $0.key, alias: $0.alias) } ?? ""
      let name = row.name.count > width ? String(row.name.prefix(width - 1)) + "…" : row.name
      let line = name.leftAligned(width) + "  \(marks)  \(detail)"
      text.append(String(line.prefix(columns)))
    }
    if shown.count < rows.count {
      text += ["", "\(rows.count - open.count) cells done, \(open.count - shown.count) more to do"]
    }
    return text.joined(separator: "\n")
  }

  private static func mark(_ state: State) -> String {
    switch state {
    case .done: "■"
    case .running: "▶"
    case .waiting: "·"
    }
  }

  private func detail(key: String, alias: String) -> String {
    let losses = running[key]??.losses ?? []
    let parts = [alias, text(of: key), Self.sparkline(losses, 16), remaining(of: key).map { formatETA($0) } ?? ""]
    return parts.filter { !$0.isEmpty }.joined(separator: "  ")
  }

  /// Values as bars of eight heights, means of neighbours, the lowest value at the bottom.
  static func sparkline(_ values: [Double], _ columns: Int) -> String {
    let finite = values.filter(\.isFinite)
    let count = min(columns, finite.count)
    if count == 0 { return "" }
    let means = (0..<count).map { column in
      let group = finite[(column * finite.count / count)..<((column + 1) * finite.count / count)]
      return group.reduce(0, +) / Double(group.count)
    }
    let (low, high) = (means.min()!, means.max()!)
    let bars = Array("▁▂▃▄▅▆▇█")
    return String(means.map { bars[high > low ? Int(($0 - low) / (high - low) * 7) : 0] })
  }
}

extension StageCache {
  /// Whether some process works on this key.
  func isLocked(_ key: String) -> Bool {
    let descriptor = open(lockFile(key).path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }
}
