import ArgumentParser
import Commands
import Distillation
import Foundation
import Groundwork
import ModelCore
import Recipes
import TokenData

/// `distill`, which every method's executable offers: trains a converted model to follow its teacher.
public struct Distill: ParsableCommand {
  public static let configuration = CommandConfiguration(
    abstract: "Distil a converted model from a teacher on token shards (the paper's SFT stage).",
    discussion: """
      Forward KL at temperature 1 over all positions, mean per token; AdamW, cosine, 1 % warm-up. The output is a \
      model folder; its run/ holds the plan, the metrics and, until it is done, a checkpoint from which the same \
      command goes on, bit for bit. Ranks of mpirun share every batch.

      Example:
        \(executableName) distill --student runs/mla --teacher runs/babyllama \\
          --data shards/tinystories --tokens 4M --out runs/mla-sft
      """)

  @Option(help: "Model to train (a folder).") var student: String
  @Option(help: "Model to follow (a folder with the same tokenizer).") var teacher: String
  @Option(help: "Token shards to train on.") var data: String
  @Option(help: "Token shards for the held-out loss, measured 20 times on the way.") var heldOut: String?
  @Option(help: "Training tokens, such as 4M.") var tokens: String
  @OptionGroup var output: OutputFolder
  @Option(help: "Peak learning rate.") var lr = 1e-3
  @Option(help: "Sequences per step.") var batch = 8
  @Option(help: "Sequences per forward pass (a divisor of --batch).") var microBatch: Int?
  @Option(help: "Tokens per sequence.") var sequence = 256
  @Option(help: "Fraction of the steps that warm up.") var warmup = 0.01
  @Option(help: "Folder for teachers' hidden states: the teacher runs once, trainings on the same batches share them.")
  var teacherStates: String?
  @Option(help: "Weight of KL(teacher || student) per token.") var klWeight = 1.0
  @Option(help: "Weight of next-token cross-entropy per token.") var ceWeight = 0.0
  @Flag(help: "Feed-forwards stay as they are.") var freezeFeedForwards = false
  @Option(help: "Seed of the order of the data.") var seed: UInt64 = 1
  @Option(help: "Seconds between checkpoints.") var saveEvery = 60.0
  @Flag(help: "Recompute activations in the backward pass: less memory, one more forward.") var checkpointing = false
  @OptionGroup var stored: StoredType
  @OptionGroup var onRanks: RankOptions
  @Flag(help: "No progress line.") var quiet = false
  @Flag(help: "Print the complete plan and stop.") var printConfig = false

  public init() {}

  public func run() {
    runOnRanks(onRanks) { ranks in
      func folder(_ path: String) -> URL { URL(fileURLWithPath: path) }
      let guide = klWeight > 0 ? folder(teacher) : nil
      let plan = try ranks.agreeing {
        if guide == nil {
          try refuse(["--teacher-states": teacherStates != nil], "says nothing with --kl-weight 0")
          // Nobody follows it; one that is not there is a mistake all the same.
          _ = try ModelConfig(contentsOf: folder(teacher))
        }
        var plan = TrainingPlan(
          tokens: try parsedCount(tokens, "--tokens"), batch: batch, time: sequence, microBatch: microBatch,
          learningRate: lr, warmup: warmup,
          ceWeight: ceWeight, klWeight: klWeight, seed: seed, checkpointing: checkpointing
        ).dealt(to: ranks.size)
        if freezeFeedForwards { plan.freezesFeedForwards = true }
        try plan.validate(ranks: ranks.size)
        try ranks.tellShares(of: batch, "sequences", student: folder(student), frozen: guide)
        return plan
      }
      if printConfig { return try printResult(jsonText(plan, pretty: true, snakeCase: true), on: ranks) }
      let recipe = try ranks.agreeing {
        var recipe = Distilling(
          student: folder(student), teacher: guide, data: try TokenShards(folder(data)),
          heldOut: try heldOut.map { try TokenShards(folder($0)) }, plan: plan)
        recipe.shared = try teacherStates.map { try SharedTeacherStates(folder($0)) }
        recipe.type = try stored.type(of: folder(student))
        return recipe
      }
      Interrupt.listen()
      let curve = try output.train(from: [student, teacher, data, heldOut], on: ranks, saveEvery: saveEvery) {
        out, force in
        try recipe.run(
          in: out, force: force, on: ranks, saveEvery: saveEvery,
          reportTeacher: teacherReport(plan, quiet: quiet || !ranks.writes),
          report: stepReport("distill", plan, quiet: quiet || !ranks.writes), shouldStop: { Interrupt.isRaised })
      }
      if !ranks.writes { return }
      if let line = heldOutLine(curve) { try printResult(line) }
      try output.printTrained()
    }
  }
}
