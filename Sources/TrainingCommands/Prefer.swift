import ArgumentParser
import Commands
import Distillation
import Foundation
import Groundwork
import Recipes
import TokenData
import Worlds

/// `prefer`, which every method's executable offers: preference training of a distilled model.
public struct Prefer: ParsableCommand {
  public static let configuration = CommandConfiguration(
    abstract: "Train a model on preference pairs by DPO (the paper's last stage, SFT+DPO).",
    discussion: """
      Loss -log sigmoid(margin), margin = beta ((log p - log ref)(chosen) - (log p - log ref)(rejected)), over the \
      tokens of the replies, mean per pair; the reference is the model as it came. AdamW, cosine, 10 % warm-up, each \
      pair once. Without --data the pairs are the microworld's. The output is a model folder; its run/ holds the \
      plan, the metrics and, until it is done, a checkpoint from which the same command goes on, bit for bit. Ranks \
      of mpirun share every batch.

      --data is JSON Lines, plain, .gz or .zst: {"prompt": "User: Where is it?\\nAssistant:", "chosen": " Here.", \
      "rejected": " No."} (replies begin with their own space), or the three as lists of messages, which the chat \
      template writes, with "tools" beside them; the prompt may also be a text that the user says, or stand in front \
      of both replies.

      The defaults are for nano models; the paper has beta 0.01, lr 5e-7 and 64 pairs a step for models of 1 to 8 B \
      parameters.

      Example:
        \(executableName) prefer --model runs/mla-sft --data preferences.jsonl \\
          --out runs/mla-dpo
      """)

  @Option(help: "Model to train (a folder).") var model: String
  @Option(help: "Preference pairs, a JSON Lines file (default: the microworld's).") var data: String?
  @Option(help: "Pairs to measure on before and after, a JSON Lines file (default: the microworld's, without --data).")
  var heldOut: String?
  @Option(help: "For pairs of messages: a Jinja file instead of the model's own template.") var chatTemplate: String?
  @Option(help: "Pairs to train on (default: all of --data, or 4000).") var pairs: String?
  @OptionGroup var output: OutputFolder
  @Option(help: "How far the model may leave the reference.") var beta = PreferencePlan(pairs: 0).beta
  @Option(help: "Peak learning rate.") var lr = PreferencePlan(pairs: 0).learningRate
  @Option(help: "Pairs per step.") var batch = PreferencePlan(pairs: 0).batch
  @Option(help: "Pairs per forward pass (a divisor of --batch).") var microBatch: Int?
  @Option(help: "Fraction of the steps that warm up.") var warmup = PreferencePlan(pairs: 0).warmup
  @Option(help: "Seed of the order of the pairs.") var seed: UInt64 = 1
  @Option(help: "Seconds between checkpoints.") var saveEvery = 60.0
  @Flag(help: "Recompute activations in the backward pass: less memory, one more forward.") var checkpointing = false
  @OptionGroup var stored: StoredType
  @OptionGroup var onRanks: RankOptions
  @Flag(help: "No progress line.") var quiet = false
  @Flag(help: "Print the complete plan and stop.") var printConfig = false
  @Flag(help: "Print the result as JSON.") var json = false

  public init() {}

  public func run() {
    runOnRanks(onRanks) { ranks in
      let recipe = try ranks.agreeing {
        let folder = URL(fileURLWithPath: model)
        let data = try preferenceData()
        let plan = PreferencePlan(
          pairs: data.training.count, batch: batch, microBatch: microBatch, learningRate: lr, warmup: warmup,
          beta: beta, seed: seed, checkpointing: checkpointing
        ).dealt(to: ranks.size)
        try plan.validate(ranks: ranks.size)
        try ranks.tellShares(of: batch, "pairs", student: folder, frozen: folder)
        var recipe = Preferring(model: folder, data: data, plan: plan)
        recipe.type = try stored.type(of: folder)
        return recipe
      }
      let plan = recipe.plan
      if printConfig { return try printResult(jsonText(plan, pretty: true, snakeCase: true), on: ranks) }
      Interrupt.listen()
      let outcome = try output.train(from: [model], on: ranks, saveEvery: saveEvery) { out, force in
        try recipe.run(
          in: out, force: force, on: ranks, saveEvery: saveEvery,
          report: preferenceReport(plan, quiet: quiet || !ranks.writes), shouldStop: { Interrupt.isRaised })
      }
      if !ranks.writes { return }
      if json { return try output.printTrained(json: outcome.json()) }
      try printResult(outcome.summary)
      try output.printTrained()
    }
  }

  private func preferenceData() throws -> PreferenceData {
    let limit = try pairs.map { try parsedCount($0, "--pairs", of: "pairs", such: "4000", atLeast: 1) }
    guard let data else {
      try refuse(["--held-out": heldOut != nil, "--chat-template": chatTemplate != nil], "needs --data")
      // Later ones are held out.
      let most = PreferenceData.firstHeldOut
      if let limit, limit > most {
        throw UpcycleError.usage(
          "the microworld has not so many pairs", at: "--pairs", expected: "at most \(formatCount(most))",
          found: formatCount(limit))
      }
      let tokenizer = try Tokenizer.load(from: URL(fileURLWithPath: model))
      return PreferenceData(microworldPairs: limit ?? 4000, edition: Edition(of: tokenizer))
    }
    return try PreferenceData(
      file: URL(fileURLWithPath: data), heldOut: heldOut.map { URL(fileURLWithPath: $0) }, limit: limit,
      model: URL(fileURLWithPath: model), template: chatTemplate.map { URL(fileURLWithPath: $0) })
  }
}

extension Preferring.Outcome {
  /// As `--json` prints it: the means are null without held-out pairs.
  func json() throws -> JSONValue {
    var object = try jsonValue(self, snakeCase: true).object ?? [:]
    if heldOutPairs == 0 {
      for key in ["loss", "margin", "accuracy", "chosen", "rejected"] { object[key] = .null }
    }
    return .object(object)
  }

  /// What a user reads at the end.
  var summary: String {
    guard heldOutPairs > 0 else { return counted(tokens, "token") }
    return String(
      format: "%d held-out pairs: reward accuracy %.1f %%, margin %+.4f, log-probability of a reply: "
        + "chosen %.2f -> %.2f, rejected %.2f -> %.2f",
      heldOutPairs, 100 * accuracy, margin, chosen[0], chosen[1], rejected[0], rejected[1])
  }
}
