import Foundation
import Groundwork

/// Other processes that run stages of the same plans, so that several cells are under way at once. The process that
/// started them runs nothing until they have ended, but records every cell as its last stage is done; what they could not
/// do is done by it alone, and fails there with its reason.
struct Workers {
  /// Keys of the stages that were not finished when they began.
  let todo: Set<String>
  private let processes: [Process]

  /// - Parameter start: starts one
  init(_ count: Int, todo: Set<String>, start: () throws -> Process) rethrows {
    self.todo = todo
    processes = try (0..<count).map { _ in try start() }
  }

  /// Waits until a stage is done or nobody is left who would do it.
  /// - Parameter show: called every second
  /// - Throws: `Interrupted` after Ctrl-C
  func wait(until isDone: () throws -> Bool, show: () -> Void) throws {
    var looks = 0
    while try !isDone(), processes.contains(where: \.isRunning) {
      try Interrupt.check()
      if looks % 10 == 5 { show() }
      looks += 1
      usleep(100_000)
    }
  }

  /// How those that failed ended; nil where none has.
  var failure: String? {
    let failed = processes.filter { !$0.isRunning && $0.terminationStatus != 0 }
    return failed.isEmpty
      ? nil
      : "\(failed.count) of \(processes.count) processes ended early (status \(failed[0].terminationStatus)); going on alone"
  }

  /// Asks all to stop as Ctrl-C does, and waits for them.
  func stop() {
    for process in processes where process.isRunning { process.interrupt() }
    for process in processes { process.waitUntilExit() }
  }
}

extension Sweep {
  /// What a worker does: runs the stages of all cells, puts off those that another process works on, measures no time and
  /// records nothing.
  /// - Throws: the first failure, and `Interrupted` after Ctrl-C
  public func work() throws {
    let board = SweepProgress(todo: [:], quiet: true)
    var jobs = try zip(plans, unrecorded()).flatMap { plan, jobs in jobs.map { (plan, $0) } }
    while !jobs.isEmpty {
      let before = jobs.count
      var ran = false
      jobs = try jobs.filter { plan, job in try !advance(job, of: plan, board, &ran) }
      if jobs.count == before, !ran { usleep(100_000) }
    }
  }

  /// Runs the stages of one cell up to one that another process works on.
  /// - Returns: whether nothing of it is left for a worker
  private func advance(_ job: Plan.Job, of plan: Plan, _ board: SweepProgress, _ ran: inout Bool) throws -> Bool {
    for step in job.steps {
      try Interrupt.check()
      if try isDone(step.key) { continue }
      let node = plan.nodes[step.key]!
      if node.stage.isTimed { return true }
      do {
        guard try cache.withLockIfFree(step.key, { try runLocked(node, of: Self.name(plan, job), board) }) else {
          return false
        }
        ran = true
      } catch is InputAbsent { return true }
    }
    return true
  }
}
