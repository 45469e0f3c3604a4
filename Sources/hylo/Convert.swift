import ArgumentParser
import Distillation
import Foundation
import Groundwork
import ModelCore
import Recipes
import TokenData
import Upcycling

extension DeltaConversion.Start: ExpressibleByArgument {}
extension IntermediatePlan.Loss: ExpressibleByArgument {}
extension IntermediatePlan.Trained: ExpressibleByArgument {}

/// `hylo convert`: both students by Enhanced-ILD, then the hybrid.
struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn a pretrained model into a hybrid of latent attention with Gated DeltaNet or Mamba2 layers.",
    discussion: """
      Two students are trained from the base, one with latent attention (MLA) in every layer, one with the linear mixer:
      each layer sees the base's input of that layer and learns its output and its mixer's output (Enhanced-ILD). The
      hybrid takes the layers of --mla-layers from the first and the others from the second; embedding, final norm and
      head are the base's.

      The students stay in the work folder and are used again: an interrupted command goes on where it stopped, and
      another hybrid (--mla-layers, --out, the same --work) needs no training. Without --data, models of the ladder
      train on the microworld's text.

      Shapes are the paper's for Llama-3.2-1B and 3B and Qwen3-1.7B; other bases have the same fractions: r_kv an eighth
      of the stacked keys and values, r_q 21/32 of the queries, half of each head rotated; Gated DeltaNet's keys 0.75 d
      and values 1.5 d wide. The paper trains on a fifth of its text in windows of 2048 with a peak rate of 2e-4; here
      windows and rate are those of the ladder's narrow models.

      Example: hylo convert --base experiments/teachers/nano-1b-seed1 --linear gdn --mla-layers 1,5,10,14 --out runs/hylo
      Example: hylo convert --base runs/babyllama --linear gdn --mla-layers 0,3 --data shards/tinystories \\
                 --tokens 2M --out runs/hylo
      """)

  enum LinearChoice: String, CaseIterable, ExpressibleByArgument { case gdn, mamba2 }

  @Option(help: "Base model folder.") var base: String
  @Option(help: "Mixer of the other layers: gdn (Gated DeltaNet), mamba2.") var linear: LinearChoice
  @Option(help: "Layers with latent attention, such as 1,5,10,14.") var mlaLayers: String
  @Option(help: "Token shards to train on (default: the microworld's, for its own models).") var data: String?
  @Option(help: "Token shards that the layers' errors are measured on.") var heldOut: String?
  @Option(help: "Training tokens of each student, such as 2M (default: a fifth of the text, as in the paper).")
  var tokens: String?
  @Option(help: "Output folder.") var out: String
  @Option(help: "Folder of the two students (default: OUT.ild).") var work: String?
  @Option(help: "Start of Gated DeltaNet: corner (the paper's), aligned, zero, random.") var gdnInit:
    DeltaConversion.Start?
  @Option(help: "Heads of Gated DeltaNet (default: of width 256, or 6 in narrow models).") var gdnHeads: Int?
  @Option(help: "Width of the key/value latent (r_kv).") var kvRank: Int?
  @Option(help: "Width of the query latent (r_q): auto (the base's number of parameters), or a number.") var qRank:
    String?
  @Option(help: "Rotated width of a head (d_r).") var ropeDim: Int?
  @Option(help: "Position-free width of a head (d_qk).") var nopeDim: Int?
  @Option(help: "Loss: refined (Enhanced-ILD), norm (layer outputs alone), squared (Zebra-Llama's equation).")
  var loss = IntermediatePlan.Loss.refined
  @Option(help: "What trains: layers (all of them and the final norm), mixers.") var train = IntermediatePlan.Trained
    .layers
  @Option(help: "Peak learning rate.") var lr = IntermediatePlan(tokens: 0).learningRate
  @Option(help: "Sequences per step.") var batch = IntermediatePlan(tokens: 0).batch
  @Option(help: "Tokens per sequence.") var sequence = IntermediatePlan(tokens: 0).time
  @Option(help: "Fraction of the steps that warm up.") var warmup = IntermediatePlan(tokens: 0).warmup
  @Option(help: "Seed of the order of the data and of random starts.") var seed: UInt64 = 1
  @Option(help: "Length at which the whole cache, states included, is compared with the base's.") var context = "8192"
  @Option(help: "Seconds between checkpoints.") var saveEvery = 60.0
  @Flag(help: "No progress line.") var quiet = false
  @Flag(help: "Print what was made as JSON.") var json = false

  func run() {
    runReportingErrors {
      let folder = URL(fileURLWithPath: base)
      let config = try ModelConfig(contentsOf: folder)
      let length = try count(context, "--context", "tokens, such as 64k")
      guard case .list(let layers) = try? LayerSelection(mlaLayers) else {
        throw UpcycleError.usage(
          "is not a list of layers", at: "--mla-layers", expected: "such as 1,5,10,14", found: mlaLayers)
      }
      let text = try trainingText(folder)
      let plan = IntermediatePlan(
        tokens: try tokens.map { try count($0, "--tokens", "tokens, such as 2M") } ?? text.training.count / 5,
        batch: batch,
        time: sequence, learningRate: lr, warmup: warmup, loss: loss, trained: train, seed: seed)
      let recipe = HybridConverting(
        base: folder, latent: try latentConversion(config), linear: try linearReplacement(),
        composition: Composition(latentLayers: layers, field: "mla_layers"), data: text.training,
        heldOut: text.heldOut,
        plan: plan, work: URL(fileURLWithPath: work ?? out + ".ild"))
      Interrupt.listen()
      let outcome = try recipe.run(
        to: URL(fileURLWithPath: out), saveEvery: saveEvery,
        report: { intermediateReport(plan, label: "\($0) step", quiet: quiet) }, shouldStop: { Interrupt.isRaised })
      try printResult(
        json ? outcome.json(context: length).text(pretty: true) : outcome.summary(context: length) + "\nmodel: \(out)")
    }
  }

  private func trainingText(_ folder: URL) throws -> (training: TokenShards, heldOut: TokenShards?) {
    let held = try heldOut.map { try TokenShards(URL(fileURLWithPath: $0)) }
    if let data { return (try TokenShards(URL(fileURLWithPath: data)), held) }
    let text = try ladderText(for: folder, quiet: quiet)
    return (text.training, held ?? text.heldOut)
  }

  private func linearReplacement() throws -> IntermediateDistilling.Replacement {
    switch linear {
    case .gdn: return .gatedDeltaNet(DeltaConversion(start: gdnInit ?? .corner, heads: gdnHeads, seed: seed))
    case .mamba2:
      if gdnInit != nil || gdnHeads != nil {
        throw UpcycleError.usage(
          "Mamba2 has no choice of these", at: "--gdn-init, --gdn-heads", hint: "they go with --linear gdn")
      }
      return .mamba2(MambaConversion(seed: seed))
    }
  }

  private func latentConversion(_ config: ModelConfig) throws -> LatentConversion {
    var conversion = LatentConversion.hylo(config, seed: seed)
    if let kvRank { conversion.kvRank = kvRank }
    if let qRank { conversion.queryRank = try QueryRank(qRank) }
    if let ropeDim { conversion.ropeHeadDim = ropeDim }
    if let nopeDim { conversion.nopeHeadDim = nopeDim }
    return conversion
  }

  private func count(_ text: String, _ option: String, _ what: String) throws -> Int {
    guard let count = parseCount(text), count > 0 else {
      throw UpcycleError.usage("is not a number of tokens", at: option, expected: what, found: text)
    }
    return count
  }
}

extension HybridConverting.Outcome {
  /// What a user reads at the end.
  func summary(context: Int) -> String {
    var lines = [config.mixers.map(\.shortName).joined(separator: " ")]
    for student in students where !student.errors.after.isEmpty {
      lines.append(
        String(
          format: "%@: relative error of a layer %.3f -> %.3f (mean)", student.name, mean(student.errors.before),
          mean(student.errors.after)))
    }
    lines.append("\(formatCount(config.parameterCount)) parameters (base \(formatCount(base.parameterCount)))")
    lines.append(
      String(
        format: "KV cache %.3f %% of the base's as papers count it; with states %.2f %% at %@ tokens", config.kvPercent,
        config.cachePercent(context: context), formatCount(context)))
    return lines.joined(separator: "\n")
  }

  func json(context: Int) -> JSONValue {
    func list(_ errors: [Double]) -> JSONValue { .array(errors.map { .double($0) }) }
    return .object([
      "mixers": .array(config.mixers.map { .string($0.shortName) }),
      "parameters": .int(config.parameterCount), "base_parameters": .int(base.parameterCount),
      "kv_percent": .double(config.kvPercent), "kv_numbers_per_token": .int(config.kvNumbersPerToken),
      "state_numbers": .int(config.stateNumbers), "context": .int(context),
      "cache_percent": .double(config.cachePercent(context: context)),
      "students": .object(
        Dictionary(
          uniqueKeysWithValues: students.map {
            (
              $0.name,
              .object([
                "folder": .string($0.folder.path), "error_before": list($0.errors.before),
                "error": list($0.errors.after),
              ])
            )
          })),
    ])
  }

  private func mean(_ errors: [Double]) -> Double { errors.reduce(0, +) / Double(errors.count) }
}
