import ArgumentParser
import Commands
import Distillation
import Evaluation
import Foundation
import Groundwork
import ModelCore
import Recipes
import TokenData
import TrainingCommands

extension SelfDistilling.Objective: ExpressibleByArgument {}

/// `farskip distill`: FCSD.
struct Distill: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Distil a rewired model from itself with its ordinary connectivity (FCSD).",
    discussion: """
      Forward KL to the teacher on answer tokens (what follows "Assistant:", "Answer:" or "Program:" on a line), \
      mean per token; all weights train; AdamW, cosine. Without --data, models of the ladder train on the \
      microworld's instructions. --objective sft learns the text itself (the paper's baseline), kl+hidden adds the \
      squared distance of every layer's output.

      --patience stops early: every --validate-every steps the held-out loss, or a task (--validate-task), is \
      measured, and after so many validations without an improvement of --delta the best weights are kept (the \
      paper: every 1000 steps, patience 20, delta 2 %).

      The output is a model folder; its run/ holds the plan, the metrics and, until it is done, a checkpoint from \
      which the same command goes on, bit for bit. Ranks of mpirun share every batch.

      Example:
        farskip distill --student runs/far \\
          --teacher experiments/teachers/nano-qwen-moe-seed1 --tokens 500k \\
          --patience 5 --out runs/far-kd
      """)

  @Option(help: "Model to train: what farskip convert wrote.") var student: String
  @Option(help: "The same model with its ordinary connectivity.") var teacher: String
  @Option(help: "Token shards to train on (default: the microworld's, for its own models).") var data: String?
  @Option(
    help: """
      Token shards for the held-out loss, measured 20 times on the way, or every --validate-every steps (default: the \
      microworld's for --patience, without --data).
      """)
  var heldOut: String?
  @Option(help: "Training tokens, such as 4M.") var tokens: String
  @OptionGroup var output: OutputFolder
  @Option(help: "kl, sft, kl+hidden.") var objective = SelfDistilling.Objective.kl
  @Option(help: "kl+hidden: weight of the squared distance of layers' outputs, summed over layers (default: 0.0001).")
  var hiddenWeight: Double?
  @Option(help: "Folder for teachers' hidden states: the teacher runs once, trainings on the same batches share them.")
  var teacherStates: String?
  @Flag(help: "Embedding and head do not train.") var frozenEmbeddings = false
  @Flag(help: "Learn on every token, not on answers alone.") var allTokens = false
  @Option(help: "Peak learning rate.") var lr = 5e-4
  @Option(help: "Sequences per step.") var batch = 8
  @Option(help: "Sequences per forward pass (a divisor of --batch).") var microBatch: Int?
  @Option(help: "Tokens per sequence.") var sequence = 256
  @Option(help: "Fraction of the steps that warm up.") var warmup = 0.05
  @Option(help: "Validations without improvement before training stops (default: never).") var patience: Int?
  @Option(
    help: "Smallest improvement that counts, as a share of the best value (default: 0.02 of a task, 0.001 of the loss)."
  )
  var delta: Double?
  @Option(help: "Steps between validations (default: a twentieth of all).") var validateEvery: Int?
  @Option(help: "Microworld task to validate on, such as programs (default: the held-out loss).") var validateTask:
    String?
  @Option(help: "Items of that task (default: 100).") var validateItems: Int?
  @Option(help: "Seed of the order of the data.") var seed: UInt64 = 1
  @Option(help: "Seconds between checkpoints.") var saveEvery = 60.0
  @Flag(help: "Recompute activations in the backward pass: less memory, one more forward.") var checkpointing = false
  @OptionGroup var stored: StoredType
  @OptionGroup var onRanks: RankOptions
  @Flag(help: "No progress line.") var quiet = false
  @Flag(help: "Print the complete plan and stop.") var printConfig = false
  @Flag(help: "Print the result as JSON.") var json = false

  func run() {
    runOnRanks(onRanks, renamed: ["tasks": "validate-task", "items": "validate-items"]) { ranks in
      let (folder, guide) = (URL(fileURLWithPath: student), URL(fileURLWithPath: teacher))
      let plan = try ranks.agreeing {
        try refuseWhatSaysNothing()
        let plan = SelfDistilling.plan(
          objective, tokens: try parsedCount(tokens, "--tokens"), batch: batch, time: sequence, microBatch: microBatch,
          learningRate: lr,
          warmup: warmup,
          hiddenWeight: hiddenWeight ?? 1e-4, freezesEmbeddings: frozenEmbeddings, seed: seed,
          checkpointing: checkpointing
        ).dealt(to: ranks.size)
        try plan.validate(ranks: ranks.size)
        try ranks.tellShares(of: batch, "sequences", student: folder, frozen: plan.klWeight > 0 ? guide : nil)
        return plan
      }
      if printConfig { return try printResult(jsonText(plan, pretty: true, snakeCase: true), on: ranks) }
      let quiet = quiet || json || !ranks.writes
      let recipe = try ranks.inTurn {
        let text = try trainingText(for: folder, data: data, heldOut: heldOut, quiet: quiet)
        var recipe = SelfDistilling(
          student: folder, teacher: guide, data: text.training, heldOut: text.heldOut, plan: plan)
        recipe.answersOnly = !allTokens
        recipe.followsHeldOut = heldOut != nil
        recipe.shared = try teacherStates.map { try SharedTeacherStates(URL(fileURLWithPath: $0)) }
        recipe.type = try stored.type(of: folder)
        recipe.stopping = patience.map {
          EarlyStopping(
            metric: validateTask.map { .task($0, items: validateItems ?? 100) } ?? .loss,
            every: validateEvery ?? max(1, plan.steps / 20), patience: $0, delta: delta)
        }
        return recipe
      }
      Interrupt.listen()
      let outcome = try output.train(from: [student, teacher, data, heldOut], on: ranks, saveEvery: saveEvery) {
        out, force in
        try recipe.run(
          in: out, force: force, on: ranks, saveEvery: saveEvery, reportTeacher: teacherReport(plan, quiet: quiet),
          report: stepReport("distill", plan, quiet: quiet),
          shouldStop: { Interrupt.isRaised })
      }
      if !ranks.writes { return }
      if json { return try output.printTrained(json: outcome.json) }
      try printResult(outcome.summary, terminator: "")
      try output.printTrained()
    }
  }
  private func refuseWhatSaysNothing() throws {
    if objective != .klHidden {
      try refuse(["--hidden-weight": hiddenWeight != nil], "goes with --objective kl+hidden")
    }
    if objective != .kl { try refuse(["--teacher-states": teacherStates != nil], "goes with --objective kl") }
    if patience == nil {
      try refuse(
        [
          "--delta": delta != nil, "--validate-every": validateEvery != nil, "--validate-task": validateTask != nil,
          "--validate-items": validateItems != nil,
        ], "says nothing without --patience")
    }
    if let validateItems, validateItems < 1 {
      throw UpcycleError.usage("no items", at: "--validate-items", expected: "1 or more", found: "\(validateItems)")
    }
    if validateTask == nil {
      try refuse(["--validate-items": validateItems != nil], "is of a task", hint: "--validate-task names it")
    }
  }
}
