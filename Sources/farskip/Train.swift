import ArgumentParser
import Collectives
import Commands
import Distillation
import Foundation
import Groundwork
import ModelCore
import Recipes
import TensorCore
import TokenData

/// `farskip train`: expert parallelism with real overlap.
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a model with experts on several ranks that share the experts.",
    discussion: """
      Every rank takes its part of each batch's sequences and has its part of the experts; tokens travel to their \
      experts and back by all-to-all, gradients of everything else are summed over ranks. With --overlap on all of \
      it happens while ranks compute, as far as the model's connectivity allows; off waits for every message. Both \
      give the same bits.

      Waiting is told by what is waited for: D is the dispatch of tokens to their experts, C the combine that brings \
      them back, R the sum of the other gradients.

      --link slows messages down to a modelled link, ALPHA,BETA such as 50us,100MB/s. --timeline writes the last \
      step's events. The first rank leaves the whole model in --out. An interrupted or killed run goes on from its \
      last state (one a minute) with the same command and as many ranks.

      Example:
        mpirun -np 4 farskip train --model runs/far --data shards/text \\
          --expert-parallel 4 --tokens 100k --timeline step.json \\
          --out runs/far-trained
      """)

  @Option(help: "Model folder, one with experts.") var model: String
  @Option(help: "Token shards (default: the microworld's, for its own models).") var data: String?
  @Option(help: "Ranks, as many as mpirun starts; must divide experts and --batch.") var expertParallel = 1
  @Option(help: "Training tokens, such as 100k.") var tokens: String
  @OptionGroup var output: OutputFolder
  @Option(help: "on, off.") var overlap = Switch.on
  @Option(help: "How messages proceed: poll (between operations), thread.") var progress = MessageProgress.Mode.poll
  @Option(help: "Modelled link of every rank, ALPHA,BETA (default: as fast as it goes).") var link: String?
  @Option(help: "Write the last step's events: Chrome trace JSON, and CSV beside it.") var timeline: String?
  @Option(help: "Sequences per step, of all ranks.") var batch = 8
  @Option(help: "Tokens per sequence.") var sequence = 256
  @Option(help: "Peak learning rate.") var lr = 1e-3
  @Option(help: "Fraction of the steps that warm up.") var warmup = 0.05
  @Option(help: "Seed of the order of the data.") var seed: UInt64 = 1
  @Flag(help: "No progress line.") var quiet = false
  @Flag(help: "Print the result as JSON.") var json = false

  func run() {
    runReportingErrors {
      let rate = Result { try link.map { try LinkRate(parsing: $0) } }
      Interrupt.listen()
      try runRanks(threads: 1, link: (try? rate.get()) ?? nil, spelling: Flags(of: Self.self).spelling) { ranks in
        let plan = try ranks.agreeing {
          _ = try rate.get()
          _ = try timeline.map(timelineFile)
          return try self.plan(ranks)
        }
        try ranks.requireSame(options: [
          ("--tokens", tokens), ("--out", output.out), ("--force", output.force ? "it" : "none"),
          ("--overlap", overlap.rawValue), ("--progress", progress.rawValue),
          ("--link", link ?? "none"), ("--batch", "\(batch)"), ("--sequence", "\(sequence)"), ("--lr", "\(lr)"),
          ("--warmup", "\(warmup)"), ("--seed", "\(seed)"),
        ])
        // The first rank makes the microworld's text, the others find it.
        try ranks.agreeing { if ranks.rank == 0 { _ = try text() } }
        let recipe = ExpertParallelTraining(
          model: URL(fileURLWithPath: model), data: try ranks.agreeing(text), plan: plan, overlaps: overlap == .on,
          progress: progress)
        let line = ProgressLine("train step", total: recipe.plan.steps, quiet: quiet || json || ranks.rank > 0)
        try ranks.agreeing { if ranks.rank == 0 { try output.prepare(for: [model, data]) } }
        let before = output.finishedAt
        let outcome = try recipe.run(
          on: ranks, in: output.url, force: output.force,
          report: {
            line.update(
              $0.step, String(format: "loss %.3f  %.0f ms  waiting %.1f ms", $0.loss, $0.milliseconds, $0.stalled))
          }, shouldStop: { Interrupt.isRaised })
        if ranks.rank > 0 { return }
        output.noteFinished(since: before)
        // Of a training that was finished already there is no step.
        let isFinished = outcome.timeline.runs.isEmpty
        if isFinished {
          printNote("note: the times are those of the run that made it, whatever its --overlap and --link were")
        }
        if !isFinished { line.finish("\(formatCount(plan.steps * plan.batch * plan.time)) tokens") }
        if let timeline {
          if outcome.timeline.runs.isEmpty {
            printNote("note: a training that was finished already has no events: --timeline writes nothing")
          } else {
            try outcome.timeline.write(to: URL(fileURLWithPath: timeline))
            sayWritten(URL(fileURLWithPath: timeline))
          }
        }
        try printResult(
          json
            ? output.naming(outcome.json(ranks, overlaps: isFinished ? nil : overlap == .on)).text(pretty: true)
            : outcome.summary + "model: \(output.out)")
      }
    }
  }

  private func plan(_ ranks: any Communicator) throws -> TrainingPlan {
    try requireRanks(expertParallel, ranks, field: "expert_parallel", command: "farskip train")
    let count = try parsedCount(tokens, "--tokens", such: "100k")
    let folder = URL(fileURLWithPath: model)
    if try ModelConfig(contentsOf: folder).experts == nil {
      throw UpcycleError.usage("is a dense model", at: folder.path, expected: "one with experts")
    }
    shareCores(ranks)
    let plan = TrainingPlan(
      tokens: count, batch: batch, time: sequence, learningRate: lr, warmup: warmup,
      optimizer: .init(beta1: 0.9, beta2: 0.95, weightDecay: 0.1), seed: seed, balance: ExpertBalance())
    try plan.validate()
    return plan
  }

  private func text() throws -> TokenShards {
    try data.map { try TokenShards(URL(fileURLWithPath: $0)) }
      ?? ladderText(for: URL(fileURLWithPath: model), quiet: true).training
  }
}
