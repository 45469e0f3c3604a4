import ArgumentParser
import Commands
import Distillation
import Foundation
import Groundwork
import ModelCore
import Recipes
import TensorCore
import TokenData
import Upcycling
import TrainingCommands

/// `hylo extend`: one stage of long-context distillation.
struct Extend: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a hybrid on longer contexts: distillation in bounded memory, with YaRN on its latent attention.",
    discussion: """
      KL to the teacher alone, over all positions of packed sequences, cosine, 1 % warm-up. Logits never stand in \
      memory (loss and gradients are made from hidden states, chunk by chunk); above 2,048 tokens of a forward pass \
      activations are recomputed in the backward pass. The positions of latent layers are stretched by YaRN: by \
      context / original context unless --yarn says otherwise (1: off), and config.json says so. --tokens 0 changes \
      the positions and trains nothing. The same command goes on where it stopped, bit for bit. Ranks of mpirun \
      share every batch.

      With --cache-teacher the teacher runs once over all batches and its hidden states are kept on disk: other \
      students and settings train on them without it, and this run holds no more of it than its head.

      Example:
        hylo extend --model runs/hylo --teacher runs/bigger --context 2048 \\
          --tokens 8M --data shards/long --out runs/hylo-2k
        hylo extend --model runs/hylo-2k --context 8192 --tokens 0 \\
          --out runs/hylo-8k-yarn
      """)

  @Option(help: "Model to extend (a folder).") var model: String
  @Option(help: "Model to follow (a folder with the same tokenizer).") var teacher: String?
  @Option(help: "Tokens per sequence.") var context: String
  @Option(help: "Training tokens, such as 8M; 0: only the positions change.") var tokens: String
  @Option(help: "Token shards to train on (default: the microworld's long documents, for its own models).")
  var data: String?
  @Option(help: "Token shards for the held-out loss, measured 20 times on the way.") var heldOut: String?
  @OptionGroup var output: OutputFolder
  @Option(help: "YaRN factor (default: context / original context, at least that of an earlier stretch; 1: off).")
  var yarn: Double?
  @Option(help: "Context the positions were made for (default: that of an earlier YaRN, else the model's).")
  var originalContext: String?
  @Option(help: "Peak learning rate (default: 0.001).") var lr: Double?
  @Option(help: "Sequences per step (default: \(formatCount(Extending.tokensPerStep)) tokens).") var batch: Int?
  @Option(help: "Sequences per forward pass (default: \(formatCount(Extending.tokensTogether)) tokens, at least one).")
  var microBatch: Int?
  @Option(help: "Fraction of the steps that warm up (default: 0.01).") var warmup: Double?
  @Option(help: "Weight of KL(teacher || student) per token (default: 1).") var klWeight: Double?
  @Option(help: "Weight of next-token cross-entropy per token (default: 0).") var ceWeight: Double?
  @Option(help: "Seed of the order of the data (default: 1).") var seed: UInt64?
  @Option(help: "Seconds between checkpoints.") var saveEvery = 60.0
  @Flag(inversion: .prefixedNo, help: "Recompute activations (default: above 2,048 tokens of a forward pass).")
  var checkpointing: Bool?
  @Flag(help: "Run the teacher once and keep its hidden states on disk.") var cacheTeacher = false
  @Option(help: "Folder of those states (default: OUT/run/teacher).") var teacherStates: String?
  @Option(help: "Their numbers: float32 (same bits as the teacher), bfloat16 (half the size) (default: float32).")
  var statesType: TeacherCache.NumberType?
  @Option(help: "Bytes that all tensors may take, such as 2GiB: refuses before it starts, and stops above.") var budget:
    String?
  @OptionGroup var stored: StoredType
  @OptionGroup var onRanks: RankOptions
  @Flag(help: "No progress line.") var quiet = false
  @Flag(help: "Print the complete plan and stop.") var printConfig = false
  @Flag(help: "Print the result as JSON.") var json = false

  func run() { runOnRanks(onRanks, renamed: ["student": "model", "sequence": "context"], extend) }

  private func extend(_ ranks: any TrainingRanks) throws {
    let recipe = try ranks.inTurn {
      var recipe = try self.recipe(on: ranks)
      recipe.type = try stored.type(of: recipe.student)
      return recipe
    }
    if printConfig { return try printResult(recipe.settings, on: ranks) }
    try ranks.agreeing {
      for warning in try recipe.check() where ranks.writes { printNote("warning: \(warning)") }
      if let plan = recipe.plan {
        try ranks.tellShares(of: plan.batch, "sequences", student: recipe.student, frozen: recipe.teacher)
      }
    }
    if recipe.plan == nil {
      return try ranks.onFirst {
        try output.write(from: [model], json: json) { folder in
          _ = try recipe.run(in: folder)
          let report = Extending.Report(recipe, model: output.out, heldOut: [])
          return .init(report.summary + "\nmodel: \(output.out)", json: try jsonValue(report, snakeCase: true))
        }
      }
    }
    if let budget = recipe.budget { endProcess(above: budget, "--budget") }
    Interrupt.listen()
    let quiet = quiet || !ranks.writes
    let curve = try output.train(from: [model, teacher, data, heldOut], on: ranks, saveEvery: saveEvery) { out, force in
      try recipe.run(
        in: out, force: force, on: ranks, saveEvery: saveEvery,
        reportTeacher: recipe.plan.map { teacherReport($0, quiet: quiet) } ?? { _ in },
        report: recipe.plan.map { stepReport("extend", $0, quiet: quiet) } ?? { _, _ in },
        shouldStop: { Interrupt.isRaised })
    }
    if !ranks.writes { return }
    let report = Extending.Report(recipe, model: output.out, heldOut: curve)
    if json { return try output.printTrained(json: jsonValue(report, snakeCase: true)) }
    try printResult(report.summary)
    try output.printTrained()
  }

  private func recipe(on ranks: any TrainingRanks) throws -> Extending {
    func folder(_ path: String) -> URL { URL(fileURLWithPath: path) }
    let tokens = try parsedCount(tokens, "--tokens")
    try refuse(
      ["--states-type": statesType != nil && !cacheTeacher && teacherStates == nil],
      "is of a teacher's states on disk", hint: "give --cache-teacher too")
    if tokens == 0 {
      try refuse(
        [
          "--teacher": teacher != nil, "--data": data != nil, "--held-out": heldOut != nil, "--batch": batch != nil,
          "--micro-batch": microBatch != nil, "--checkpointing": checkpointing != nil, "--cache-teacher": cacheTeacher,
          "--teacher-states": teacherStates != nil, "--budget": budget != nil, "--lr": lr != nil,
          "--warmup": warmup != nil,
          "--kl-weight": klWeight != nil, "--ce-weight": ceWeight != nil, "--seed": seed != nil,
        ], "says nothing with --tokens 0, which trains nothing")
    }
    let klWeight = self.klWeight ?? 1
    if klWeight == 0 {
      try refuse(
        ["--teacher": teacher != nil, "--cache-teacher": cacheTeacher, "--teacher-states": teacherStates != nil],
        "says nothing with --kl-weight 0")
    }
    let context = try parsedCount(context, "--context", such: "2048")
    let positions = try ContextExtension(
      of: ModelConfig(contentsOf: folder(model)), context: context, yarn: yarn,
      originalContext: originalContext.map { try parsedCount($0, "--original-context", such: "2048") })
    if tokens == 0 {
      return Extending(student: folder(model), teacher: nil, data: nil, positions: positions, plan: nil)
    }
    let text = try trainingText(for: folder(model), data: data, heldOut: heldOut, mixture: .long, quiet: quiet)
    let budget = try budget.map { try parsedBytes($0, "--budget") }
    let plan = Extending.plan(
      context: context, tokens: tokens, batch: batch, microBatch: microBatch, learningRate: lr ?? 1e-3,
      warmup: warmup ?? 0.01,
      ceWeight: ceWeight ?? 0, klWeight: klWeight, seed: seed ?? 1, checkpointing: checkpointing
    ).dealt(to: ranks.size)
    try plan.validate(ranks: ranks.size)
    let states = folder(teacherStates ?? "\(output.out)/run/teacher")
    return Extending(
      student: folder(model), teacher: klWeight > 0 ? teacher.map(folder) : nil, data: text.training,
      heldOut: text.heldOut, positions: positions, plan: plan,
      cache: cacheTeacher || teacherStates != nil ? TeacherStates(states, type: statesType ?? .float32) : nil,
      budget: budget)
  }
}

extension TeacherCache.NumberType: ExpressibleByArgument {}
