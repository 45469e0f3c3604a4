import Foundation
import Groundwork

/// Runs plans: every stage that is not finished, in order, each once; records every cell as soon as its
/// last stage is done.
public struct Sweep: Sendable {
  /// Where caches and records are.
  public let laboratory: Laboratory
  /// What is run, in order.
  public let plans: [Plan]
  /// Skip cells whose record already carries the planned key, on any number of threads and even without cached outputs;
  /// where another spec's record does, it is taken over, with the commit, machine and time that it names.
  public var trustsRecords = false
  /// Where results go: to this checkout's own records, or over the committed ones.
  public var records = Laboratory.RecordSet.own
  /// Shows no progress.
  public var quiet = false
  /// Called before a stage runs, with the threads that its key holds.
  public var useThreads: @Sendable (Int) -> Void = { _ in }
  /// How many processes run stages at once.
  public var jobs = 1
  /// Starts another process that calls `work` on the same plans; needed for more than one job.
  public var startWorker: (@Sendable () throws -> Process)?

  var cache: StageCache { StageCache(folder: laboratory.cache) }

  /// - Parameters:
  ///   - plans: in the order in which they run
  ///   - laboratory: where caches and records are
  public init(_ plans: [Plan], in laboratory: Laboratory) {
    self.plans = plans
    self.laboratory = laboratory
  }

  /// What a sweep did, cells as `PAPER/ITEM cell seed N`.
  public struct Summary: Sendable {
    /// Stages that were run.
    public var stagesRun = 0
    /// Stages whose output was there.
    public var stagesFound = 0
    /// Cells recorded for the first time.
    public var added: [String] = []
    /// Cells that measured the same as their record.
    public var unchanged: [String] = []
    /// Cells whose record differs from an earlier one.
    public var replaced: [String] = []
    /// Cells left alone, since their record has the planned key.
    public var skipped: [String] = []
    /// Cells whose record was taken over from another spec.
    public var adopted: [String] = []
    /// How the cells that were run or found stand to the committed records, by spec.
    public var agreements: [String: [(name: String, agreement: Agreement)]] = [:]
    /// Cells that could not run, and the inputs that are not there.
    public var leftOut: [(cell: String, needs: String)] = []
  }

  /// - Throws: `Interrupted` after Ctrl-C, with everything finished so far kept and recorded.
  @discardableResult
  public func run() throws -> Summary {
    var summary = Summary()
    let surroundings = Surroundings(root: laboratory.root, gflops: laboratory.gflops)
    let todo = try estimates()
    let board = SweepProgress(todo: todo, quiet: quiet)
    defer { board.finish() }
    let workers = try startWorker.flatMap { start in
      jobs > 1 && todo.count > 1 ? try Workers(min(jobs, todo.count), todo: Set(todo.keys), start: start) : nil
    }
    defer { workers?.stop() }
    let elsewhere = try committedRecords()
    for plan in plans {
      let file = RecordFile(url: laboratory.recordFile(plan.spec, plan.profile, records))
      let committed = try RecordFile(url: laboratory.recordFile(plan.spec, plan.profile)).read()
      let known = RecordIndex(trustsRecords ? try file.read() : [])
      var (queue, postponed) = (plan.jobs[...], 0)
      while let job = queue.popFirst() {
        let name = Self.name(plan, job)
        if known.record(of: job, in: plan) != nil {
          summary.skipped.append(name)
          job.steps.forEach { board.passed($0.key) }
          continue
        }
        if var record = elsewhere[plan.profile.name]!.sharedRecord(of: job, in: plan) {
          (record.spec, record.cell, record.seed) = (plan.spec.name, job.cell.id, job.seed)
          _ = try file.put(record)
          try laboratory.copyItems(of: record.key, to: plan, records)
          summary.adopted.append(name)
          job.steps.forEach { board.passed($0.key) }
          continue
        }
        // What another process works on comes last, and is waited for where nothing else is left.
        if workers == nil, postponed < queue.count, try isUnderWayElsewhere(job) {
          queue.append(job)
          postponed += 1
          continue
        }
        postponed = 0
        do { try run(job, of: plan, workers, board, &summary) } catch let absent as InputAbsent {
          summary.leftOut.append((name, absent.what))
          job.steps.forEach { board.passed($0.key) }
          continue
        }
        let record = try record(job, of: plan, surroundings)
        try keepItems(job, of: plan)
        let former = committed.first { $0.cell == record.cell && $0.seed == record.seed }
        summary.agreements[plan.spec.name, default: []].append((Self.cell(job), Agreement(record, with: former)))
        switch try file.put(record) {
        case .added: summary.added.append(name)
        case .unchanged: summary.unchanged.append(name)
        case .replaced(let old):
          summary.replaced.append(name)
          if records == .own { continue }
          if old.key != record.key { try laboratory.dropItems(of: old.key, from: plan) }
          board.say("\(name): \(Self.difference(old, record))")
        }
      }
    }
    return summary
  }

  /// By plan: the jobs that no trusted record settles.
  func unrecorded() throws -> [[Plan.Job]] {
    if !trustsRecords { return plans.map(\.jobs) }
    let elsewhere = try committedRecords()
    return try plans.map { plan in
      let known = RecordIndex(try RecordFile(url: laboratory.recordFile(plan.spec, plan.profile, records)).read())
      return plan.jobs.filter {
        known.record(of: $0, in: plan) == nil && elsewhere[plan.profile.name]!.sharedRecord(of: $0, in: plan) == nil
      }
    }
  }

  /// By profile: the committed records of all specs, in the profiles of the plans; read once, for there are many.
  private func committedRecords() throws -> [String: RecordIndex] {
    try Set(plans.map(\.profile.name)).reduce(into: [:]) {
      $0[$1] = RecordIndex(trustsRecords ? try laboratory.records(inProfile: $1) : [])
    }
  }

  static func name(_ plan: Plan, _ job: Plan.Job) -> String {
    "\(plan.spec.name) \(cell(job))"
  }

  private static func cell(_ job: Plan.Job) -> String { job.cell.id + (job.seed.map { " seed \($0)" } ?? "") }

  /// Whether another process runs the next stage of a cell.
  private func isUnderWayElsewhere(_ job: Plan.Job) throws -> Bool {
    guard let next = try job.steps.first(where: { try !isDone($0.key) }) else { return false }
    return try !cache.withLockIfFree(next.key) {}
  }

  /// The stages of one cell that are not finished.
  private func run(
    _ job: Plan.Job, of plan: Plan, _ workers: Workers?, _ board: SweepProgress, _ summary: inout Summary
  ) throws {
    let name = Self.name(plan, job)
    for step in job.steps {
      try Interrupt.check()
      try workers?.wait(until: { try isDone(step.key) }) {
        // A look that fails is no reason to stop what runs.
        board.show { (try? SweepView(plans, in: laboratory).line(jobs: jobs)) ?? ("", "", "") }
      }
      if try cache.entry(step.key) != nil {
        // A kill may have come before the clean-up.
        FileLock.clear(cache.lockFile(step.key))
        if board.passed(step.key) {
          if workers?.todo.contains(step.key) == true { summary.stagesRun += 1 } else { summary.stagesFound += 1 }
        }
      } else {
        if let workers {
          board.finishedElsewhere(try workers.todo.filter(isDone))
          if let failure = workers.failure { board.sayOnce(failure) }
        }
        do { try run(plan.nodes[step.key]!, of: name, board) } catch var error as UpcycleError {
          let place = "stage \(step.alias) of \(name)"
          error.hint = error.hint.map { "\($0); \(place)" } ?? place
          throw error
        }
        summary.stagesRun += 1
      }
    }
  }

  /// Runs a stage as soon as no other process does.
  func run(_ node: Plan.Node, of name: String, _ board: SweepProgress) throws {
    try cache.withLock(
      node.key, waiting: { board.say("\(name): another process runs \(node.stage.name), waiting") }
    ) {
      try runLocked(node, of: name, board)
    }
  }

  /// Runs a stage whose lock this process holds, unless the former holder has finished it.
  func runLocked(_ node: Plan.Node, of name: String, _ board: SweepProgress) throws {
    if try cache.entry(node.key) != nil {
      board.passed(node.key)
      return
    }
    let folder = cache.output(node.key)
    try makeDirectory(folder)
    let before = cache.secondsSpent(node.key)
    let (start, started) = (workSeconds(), Surroundings.timestamp())
    useThreads(node.threads)
    board.begin(node.key, "\(node.stage.name)  \(name)")
    // Of a former attempt.
    try? FileManager.default.removeItem(at: cache.progressFile(node.key))
    let pace = StagePace(cache.progressFile(node.key), show: board.update)
    let context = StageContext(
      config: node.config,
      parents: node.parents.mapValues { StageContext.Parent(key: $0, folder: cache.output($0)) },
      folder: folder, shared: cache.shared, seed: node.seed, threads: node.threads,
      awaited: { isAwaited($0, of: node) },
      show: { pace.update($0, $1, later: $2, $3) })
    let result: StageResult
    do { result = try node.stage.run(context) } catch {
      cache.noteSpent(node.key, seconds: before + workSeconds() - start)
      throw error
    }
    if let name = result.firstNonFinite {
      throw UpcycleError(
        "the stage measured something that is not a finite number", at: folder.path, found: name,
        hint: "the run may have diverged; remove the folder to start it afresh")
    }
    try cache.finish(
      node.key,
      StageCache.Entry(
        stage: node.stage.name, version: node.stage.version, config: node.config, parents: node.parents,
        seed: node.seed, threads: node.threads, inputs: node.inputs,
        seconds: before + workSeconds() - start, started: started, result: result))
    board.end(node.key)
  }

  /// Whether a like stage that is not finished, of the same seed, has the same output in that role.
  private func isAwaited(_ role: String, of node: Plan.Node) -> Bool {
    guard let parent = node.parents[role] else { return false }
    return plans.contains { plan in
      plan.nodes.values.contains { other in
        other.key != node.key && other.stage.name == node.stage.name && other.seed == node.seed
          && other.parents[role] == parent && (try? isDone(other.key)) == false
      }
    }
  }

  private func record(_ job: Plan.Job, of plan: Plan, _ surroundings: Surroundings) throws -> Record {
    var record = Record(
      spec: plan.spec.name, profile: plan.profile.name, cell: job.cell.id, seed: job.seed, key: job.key,
      commit: surroundings.commit, host: surroundings.host, threads: plan.nodes[job.steps[0].key]!.threads,
      started: "", seconds: 0, tokens: 0, metrics: [:], series: nil)
    for step in job.steps {
      guard let entry = try cache.entry(step.key) else {
        throw UpcycleError("a finished stage vanished from the cache", at: cache.output(step.key).path)
      }
      // The last stage started last: its start is the record's.
      record.started = max(record.started, entry.started)
      record.seconds += entry.seconds
      record.tokens += entry.result.tokens
      record.stages = (record.stages ?? [:]).merging([
        step.alias: .init(seconds: (entry.seconds * 10).rounded() / 10, tokens: entry.result.tokens)
      ]) { $1 }
      for (name, metric) in entry.result.metrics {
        record.metrics["\(step.alias).\(name)"] = metric
      }
      for (name, points) in entry.result.series {
        record.series = (record.series ?? [:]).merging(["\(step.alias).\(name)": points]) { $1 }
      }
      for (name, text) in entry.result.texts ?? [:] {
        record.texts = (record.texts ?? [:]).merging(["\(step.alias).\(name)": text]) { $1 }
      }
    }
    record.seconds = (record.seconds * 10).rounded() / 10
    return record
  }

  /// Stores the items of the stages that kept them, under the stages' names in the pipeline.
  private func keepItems(_ job: Plan.Job, of plan: Plan) throws {
    let stages = try job.steps.reduce(into: [:]) { stages, step in
      stages[step.alias] = try StageContext.items(in: cache.output(step.key))
    }
    if !stages.isEmpty { try laboratory.itemFile(plan.spec, plan.profile, key: job.key, records).write(stages) }
  }

  /// What a record changes of the one that it replaces, in words.
  private static func difference(_ old: Record, _ new: Record) -> String {
    if old.key != new.key { return "replaces a record made with other settings or another version" }
    switch Agreement(new, with: old) {
    case .new, .equal: return "measures more than the record did"
    case .withinErrors: return "replaces the record made on \(old.host.cpu), from which it differs within its errors"
    case .differs(let what): return "differs from the record made on \(old.host.cpu): \(what)"
    }
  }

  /// Whether a stage's output is finished.
  public func isDone(_ key: String) throws -> Bool { try cache.entry(key) != nil }
}
