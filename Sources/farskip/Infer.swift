import ArgumentParser
import Collectives
import Commands
import Foundation
import Groundwork
import Recipes
import TensorCore

/// `farskip infer`: tensor and expert parallelism with real overlap.
struct Infer: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continue a prompt on several ranks that share heads and experts.",
    discussion: """
      Every rank has its part of the heads and of the experts and sees every token; all-reduces make partial results \
      whole. With --overlap on they fly while ranks compute, as far as the model's connectivity allows; off waits \
      for each. Decoding is greedy. The first rank prints the text, and on standard error the times.

      Example:
        mpirun -np 2 farskip infer --model runs/far-kd \\
          --prompt "User: Where is the cat?" --tensor-parallel 2 \\
          --expert-parallel 2
      """)

  @Option(help: "Model folder, one with experts.") var model: String
  @Option(help: "Text to continue.") var prompt: String
  @Option(help: "Ranks that share the heads: as many as mpirun starts.") var tensorParallel = 1
  @Option(help: "Ranks that share the experts: the same number.") var expertParallel = 1
  @Option(help: "Most new tokens.") var tokens = 64
  @Option(help: "on, off.") var overlap = Switch.on
  @Option(help: "How messages proceed: poll (between operations), thread.") var progress = MessageProgress.Mode.poll
  @Option(help: "Modelled link of every rank, ALPHA,BETA (default: as fast as it goes).") var link: String?
  @Option(help: "Write the prompt's events: Chrome trace JSON, and CSV beside it.") var timeline: String?
  @Flag(help: "Print the result as JSON.") var json = false

  func run() {
    runReportingErrors {
      let rate = Result { try link.map { try LinkRate(parsing: $0) } }
      try runRanks(threads: 1, link: (try? rate.get()) ?? nil, spelling: Flags(of: Self.self).spelling) { ranks in
        try ranks.agreeing {
          _ = try rate.get()
          try validate(ranks)
          _ = try timeline.map(timelineFile)
        }
        try ranks.requireSame(options: [
          ("--prompt", prompt), ("--tokens", "\(tokens)"), ("--overlap", overlap.rawValue),
          ("--progress", progress.rawValue), ("--link", link ?? "none"),
        ])
        let speaks = ranks.rank == 0
        // The other ranks finish the text whether or not the first can print it.
        var failure: (any Error)?
        // Printed with the first words behind it: a refusal comes before.
        var opening = prompt
        func say(_ text: String) {
          if !speaks || json || failure != nil { return }
          do { try printResult(opening + text, terminator: "") } catch { failure = error }
          opening = ""
        }
        let outcome = try ParallelInference(
          model: URL(fileURLWithPath: model), prompt: prompt, tokens: tokens, overlaps: overlap == .on,
          progress: progress
        ).run(on: ranks, write: say)
        if !speaks { return }
        if let failure { throw failure }
        if let timeline {
          try outcome.timeline.write(to: URL(fileURLWithPath: timeline))
          sayWritten(URL(fileURLWithPath: timeline))
        }
        if json { return try printResult(outcome.json(ranks, overlaps: overlap == .on).text(pretty: true)) }
        try printResult("")
        printNote(outcome.summary, terminator: "")
      }
    }
  }

  private func validate(_ ranks: any Communicator) throws {
    if tensorParallel != expertParallel {
      throw UpcycleError.usage(
        "must be as many as --tensor-parallel", at: "--expert-parallel", expected: "\(tensorParallel)",
        found: "\(expertParallel)")
    }
    try requireRanks(tensorParallel, ranks, field: "tensor_parallel", command: "farskip infer")
    if tokens < 1 {
      throw UpcycleError.usage("nothing to generate", at: "--tokens", expected: "1 or more", found: "\(tokens)")
    }
    shareCores(ranks)
  }
}
