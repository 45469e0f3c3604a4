import Foundation
import Groundwork

extension Sweep {
  /// What stages of one kind took.
  private struct Pace {
    private var times: [(seconds: Double, tokens: Int)] = []

    init() {}

    init(_ seconds: Double, tokens: Int) { add(seconds, tokens: tokens) }

    mutating func add(_ seconds: Double, tokens: Int) { times.append((seconds, tokens)) }

    /// Of a stage of that kind, the median: one that was disturbed tells nothing. In proportion to its tokens, where it trains
    /// on a number of them.
    func seconds(of node: Plan.Node) -> Double {
      let planned = node.config["tokens"]?.int
      let all = times.map { time in
        guard time.tokens > 0, let planned else { return time.seconds }
        return time.seconds * Double(planned) / Double(time.tokens)
      }.sorted()
      return (all[(all.count - 1) / 2] + all[all.count / 2]) / 2
    }
  }

  /// What committed records tell of stages, by key, in seconds of a machine of this speed.
  private struct Recorded {
    /// The stage itself in the record of its cell; the least of the cells that have it, since load only adds to a time.
    var stages: [String: Double] = [:]
    /// Its part of a cell whose record knows only the whole; or stages of its kind and alias in the experiment's other cells, or
    /// else in the other experiments of its paper; or else the least that its kind took anywhere.
    var likely: [String: Double] = [:]
  }

  /// Seconds expected for every unfinished stage of the plans; nil where nothing tells.
  ///
  /// The least that it took here with another seed of these plans; or what the committed record of its cell says of this
  /// stage, times how much longer this machine took so far than records say; or what stages of its name took that are
  /// finished here; or what records tell of stages like it.
  public func estimates() throws -> [String: Double?] {
    let nodes: [String: Plan.Node] = plans.reduce(into: [:]) { all, plan in all.merge(plan.nodes) { node, _ in node } }
    let recorded = try recorded()
    let names = namesOverSeeds()
    var (finished, otherSeeds): ([String: Pace], [String: Pace]) = ([:], [:])
    var (here, there) = (0.0, 0.0)
    var todo: [Plan.Node] = []
    for node in nodes.values.sorted(by: { $0.key < $1.key }) {
      guard let entry = try cache.entry(node.key) else {
        todo.append(node)
        continue
      }
      finished[node.stage.name, default: Pace()].add(entry.seconds, tokens: entry.result.tokens)
      for name in names[node.key] ?? [] {
        // The least, since load only adds.
        if let other = otherSeeds[name], other.seconds(of: node) <= entry.seconds { continue }
        otherSeeds[name] = Pace(entry.seconds, tokens: entry.result.tokens)
      }
      if let seconds = recorded.stages[node.key] { (here, there) = (here + entry.seconds, there + seconds) }
    }
    // A few seconds of work tell nothing of a machine's pace.
    let pace = min(here, there) > 10 ? here / there : 1
    return todo.reduce(into: [:]) { result, node in
      let others = (names[node.key] ?? []).compactMap { otherSeeds[$0]?.seconds(of: node) }
      result[node.key] = .some(
        others.min() ?? recorded.stages[node.key].map { $0 * pace } ?? finished[node.stage.name]?.seconds(of: node)
          ?? recorded.likely[node.key])
    }
  }

  /// By key: what a stage is called in common with the same one of its cells' other seeds.
  private func namesOverSeeds() -> [String: Set<String>] {
    plans.reduce(into: [:]) { names, plan in
      for job in plan.jobs {
        for (alias, key) in job.steps {
          let name = "\(plan.spec.name) \(job.cell.id) \(alias) on \(plan.nodes[key]!.threads)"
          names[key, default: []].insert(name)
        }
      }
    }
  }

  private func recorded() throws -> Recorded {
    var (stages, parts): ([String: Double], [String: Double]) = ([:], [:])
    func keepLeast(_ seconds: Double, _ times: inout [String: Double], _ key: String) {
      times[key] = min(seconds, times[key] ?? .infinity)
    }
    var likely: [String: Double] = [:]
    var known: [String: [String: [String: Pace]]] = [:]
    let kinds = stageKinds()
    func paces(inProfile profile: String, paper: String? = nil) throws -> [String: [String: Pace]] {
      let source = "\(paper ?? "all") \(profile)"
      if known[source] == nil {
        known[source] = self.paces(of: try laboratory.records(inProfile: profile, paper: paper), kinds: kinds)
      }
      return known[source]!
    }
    for plan in plans {
      let records = try RecordFile(url: laboratory.recordFile(plan.spec, plan.profile)).read()
      let alike = try paces(inProfile: plan.profile.name, paper: plan.spec.paper)
      let own = self.paces(of: records, kinds: kinds)
      for job in plan.jobs {
        let threads = plan.nodes[job.steps[0].key]!.threads
        let usual: [Double?] = try job.steps.map { step in
          let node = plan.nodes[step.key]!
          let kind = node.stage.name
          // Under other names, and in other papers, a kind may do other work: the least of them.
          let named = (own[kind]?[step.alias] ?? alike[kind]?[step.alias])?.seconds(of: node)
          let seconds =
            try named ?? paces(inProfile: plan.profile.name)[kind]?.values.map { $0.seconds(of: node) }.min()
          return seconds.map { $0 / Double(threads) }
        }
        for (step, seconds) in zip(job.steps, usual) where likely[step.key] == nil { likely[step.key] = seconds }
        let knowsUsual = !usual.contains { $0 == nil }
        // A record that knows the whole alone is shared out as such stages usually stand to one another.
        let weights = knowsUsual ? usual.map { $0! } : usual.map { _ in 1 }
        let total = weights.reduce(0, +)
        for record in nearest(records.filter { $0.cell == job.cell.id }, seed: job.seed, threads: threads) {
          guard record.stages != nil || isComparable(record) || !knowsUsual else { continue }
          let slowdown = slowdown(from: record, threads: threads)
          for (step, weight) in zip(job.steps, weights) {
            if let cost = record.stages?[step.alias] {
              keepLeast(cost.seconds * slowdown, &stages, step.key)
            } else if total > 0 {
              keepLeast(record.seconds * weight / total * slowdown, &parts, step.key)
            }
          }
        }
      }
    }
    return Recorded(stages: stages, likely: parts.merging(likely) { part, _ in part })
  }

  /// Of a cell's records those that tell most of its time: with the times of stages, of this processor and as many threads,
  /// then of the same seed.
  private func nearest(_ records: [Record], seed: Int?, threads: Int) -> [Record] {
    let worth = records.map { record in
      (record.stages == nil ? 0 : 8) + (isAlike(record) ? 4 : 0)
        + (record.threads == threads ? 2 : 0) + (record.seed == seed ? 1 : 0)
    }
    return zip(records, worth).filter { $1 == worth.max() }.map(\.0)
  }

  /// Kind of stage -> alias -> what records that hold the times of stages say of it, on one thread.
  private func paces(of records: [Record], kinds: (Record) -> [String: String]) -> [String: [String: Pace]] {
    records.reduce(into: [:]) { paces, record in
      guard let costs = record.stages else { return }
      let kinds = kinds(record)
      for (alias, cost) in costs {
        guard let kind = kinds[alias] else { continue }
        paces[kind, default: [:]][alias, default: Pace()]
          .add(cost.seconds * slowdown(from: record, threads: 1), tokens: cost.tokens)
      }
    }
  }

  /// Alias -> the kind of stage that it stands for in a record's cell. A record knows aliases alone; of a cell that is no
  /// more nothing is known.
  private func stageKinds() -> (Record) -> [String: String] {
    var specs: [String: Spec?] = [:]
    for plan in plans { specs[plan.spec.name] = plan.spec }
    return { record in
      if specs[record.spec] == nil {
        // One that is no more, or cannot be read, stops nobody who runs another.
        specs[record.spec] = .some(try? laboratory.spec(record.spec))
      }
      guard let spec = specs[record.spec]!, let pipeline = spec.cell(record.cell)?.pipeline else { return [:] }
      return Dictionary(spec.pipelines[pipeline]!.map { ($0.alias, $0.stage) }) { first, _ in first }
    }
  }

  private static let processor = processorName()

  /// Whether the speed of a record's machine is known beside this one's.
  private func isComparable(_ record: Record) -> Bool { isAlike(record) || speed(of: record) != nil }

  /// How many times as fast a record's machine is as this one; nil where that is not known, or rounds to 0.
  private func speed(of record: Record) -> Double? {
    guard let here = laboratory.gflops, let there = record.host.gflops, min(here, there) > 0 else { return nil }
    return there / here
  }

  private func isAlike(_ record: Record) -> Bool {
    Self.isAlike(record.host.cpu, Self.processor, timesAsFast: speed(of: record))
  }

  /// Whether a record's machine counts as equally fast as this one: a processor of this name, whose speed in a moment follows
  /// the load too. An older record's name may lack family and model, and be that of several generations.
  static func isAlike(_ recorded: String, _ here: String, timesAsFast speed: Double?) -> Bool {
    if recorded == here { return (0.5...2).contains(speed ?? 1) }
    return here.hasPrefix("\(recorded) (family ") && (0.8...1.25).contains(speed ?? 1)
  }

  /// How many times as long as a record says its stages take here on so many threads; work is taken to share out evenly.
  private func slowdown(from record: Record, threads: Int) -> Double {
    Double(record.threads) / Double(threads) * (isAlike(record) ? 1 : speed(of: record) ?? 1)
  }
}
