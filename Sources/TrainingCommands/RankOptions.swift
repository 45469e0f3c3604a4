import ArgumentParser
import Collectives
import Commands
import Distillation
import Foundation
import Groundwork
import ModelCore
import Parallelism
import TensorCore

/// How a training uses the ranks of mpirun.
public struct RankOptions: ParsableArguments {
  @Flag(
    help: """
      On ranks of mpirun: each keeps the optimizer's state of its share of the parameters, and no more; the same bits.
      """)
  /// ZeRO, stage 1.
  public var shardOptimizer = false

  /// For the argument parser.
  public init() {}

  /// Refuses what needs ranks in a process on its own.
  fileprivate func requireRanks() throws {
    if shardOptimizer {
      throw UpcycleError.usage(
        "needs ranks that share the work", at: "--shard-optimizer", hint: "start the command with mpirun -np 2")
    }
  }
}

extension ParsableCommand {
  /// Runs a training in this process, or on the ranks that mpirun has started, each of which takes its part of every
  /// batch; errors as `runReportingErrors` tells them, once.
  public func runOnRanks(
    _ options: RankOptions, renamed: [String: String] = [:], _ body: (any TrainingRanks) throws -> Void
  ) {
    runReportingErrors(renamed: renamed) {
      guard MPIRanks.isLaunched else {
        try options.requireRanks()
        return try body(SingleRank())
      }
      try MPIRanks.run(spelling: Flags(of: Self.self, renamed: renamed).spelling) { ranks in
        // First, as on a rank whose options are refused.
        try ranks.agreeing { if ranks.size == 1 { try options.requireRanks() } }
        try ranks.requireSame(arguments: Array(CommandLine.arguments.dropFirst()))
        shareCores(ranks)
        if ranks.size == 1 { return try body(SingleRank()) }
        try body(DataParallelRanks(ranks, shardsOptimizer: options.shardOptimizer))
      }
    }
  }

  /// `runAsMain` of a program some of whose commands run on ranks: those that understood their options would wait for
  /// one that did not.
  /// - Parameter commands: by their names
  public static func runAsMain(onRanks commands: [String]) -> Never {
    runAsMain { refusal in
      guard MPIRanks.isLaunched, commands.contains(CommandLine.arguments.dropFirst().first ?? "") else { return }
      try? MPIRanks.run { ranks in try ranks.agreeing { throw refusal } }
    }
  }
}

extension OutputFolder {
  /// Runs a training in the folder, which knows its own and goes on or finds itself finished; says so if it was.
  /// - Parameters:
  ///   - ranks: the first one makes room and speaks
  ///   - saveEvery: as given
  ///   - body: is given the folder, and whether it may replace another training or model in it
  public func train<Outcome>(
    from inputs: [String?], on ranks: any TrainingRanks, saveEvery: Double = 60, _ body: (URL, Bool) throws -> Outcome
  ) throws -> Outcome {
    try ranks.onFirst {
      try requireSeconds(saveEvery)
      try prepare(for: inputs)
    }
    let before = finishedAt
    let outcome = try body(url, force)
    if ranks.writes { noteFinished(since: before) }
    return outcome
  }
}

/// Refuses a time between checkpoints that is none; 0 saves after every step.
public func requireSeconds(_ saveEvery: Double) throws {
  if saveEvery >= 0 { return }
  throw UpcycleError.usage("is out of range", at: "--save-every", expected: "0 or more seconds", found: "\(saveEvery)")
}

/// Refuses a learning rate that is none, by the name of its own option.
public func requireRate(_ rate: Double, _ option: String) throws {
  if rate > 0, rate.isFinite { return }
  throw UpcycleError.usage("is out of range", at: option, expected: "a positive number", found: "\(rate)")
}

/// Prints a result once.
public func printResult(_ text: String, on ranks: any TrainingRanks) throws {
  if ranks.writes { try printResult(text) }
}

extension TrainingRanks {
  /// Says, on standard error of the first of several ranks, what each of them takes and holds.
  /// - Parameters:
  ///   - units: of a step, such as 8
  ///   - unit: such as "sequences"
  ///   - frozen: the teacher, the base or the reference; nil: none
  public func tellShares(of units: Int, _ unit: String, student: ModelConfig, frozen: ModelConfig?) {
    guard size > 1, writes else { return }
    let memory = RankMemory(student: student, frozen: frozen, ranks: size, shardsOptimizer: shardsOptimizer)
    let threads = counted(Threads.count, "thread")
    printNote("\(size) ranks of \(threads), each with \(units / size) of \(units) \(unit) and \(memory.summary)")
  }

  /// The same by model folders.
  public func tellShares(of units: Int, _ unit: String, student: URL, frozen: URL?) throws {
    guard size > 1, writes else { return }
    tellShares(
      of: units, unit, student: try ModelConfig(contentsOf: student),
      frozen: try frozen.map { try ModelConfig(contentsOf: $0) })
  }
}
