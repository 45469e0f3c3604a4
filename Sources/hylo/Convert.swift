import ArgumentParser
import Commands
import Distillation
import Foundation
import Groundwork
import ModelCore
import Recipes
import TokenData
import TrainingCommands
import Upcycling

/// `hylo convert`: both students by Enhanced-ILD, then the hybrid.
struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn a pretrained model into a hybrid of latent attention with Gated DeltaNet or Mamba2 layers.",
    discussion: """
      Two students are trained from the base, one with latent attention (MLA) in every layer, one with the linear \
      mixer: each layer sees the base's input of that layer and learns its output and its mixer's output \
      (Enhanced-ILD). The hybrid takes the layers of --mla-layers from the first and the others from the second; \
      embedding, final norm and head are the base's.

      The students stay in the work folder and are used again: an interrupted command goes on where it stopped, and \
      another hybrid (--mla-layers, --out, the same --work) needs no training. Without --data, models of the ladder \
      train on the microworld's text.

      Shapes are the paper's for Llama-3.2-1B and 3B and Qwen3-1.7B; other bases have the same fractions: r_kv an \
      eighth of the stacked keys and values, r_q 21/32 of the queries, half of each head rotated; Gated DeltaNet's \
      keys 0.75 d and values 1.5 d wide. The paper trains on a fifth of its text in windows of 2048 with a peak rate \
      of 2e-4; here windows and rate are those of the ladder's narrow models.

      Example:
        hylo convert --base experiments/teachers/nano-1b-seed1 --linear gdn \\
          --mla-layers 1,5,10,14 --out runs/hylo
        hylo convert --base runs/babyllama --linear gdn --mla-layers 0,3 \\
          --data shards/tinystories --tokens 2M --out runs/hylo
      """)

  enum LinearChoice: String, CaseIterable, ExpressibleByArgument { case gdn, mamba2 }

  @Option(help: "Base model folder.") var base: String
  @Option(help: "Mixer of the other layers: gdn (Gated DeltaNet), mamba2.") var linear: LinearChoice
  @Option(help: "Layers with latent attention, such as 1,5,10,14.") var mlaLayers: String
  @Option(help: "Token shards to train on (default: the microworld's, for its own models).") var data: String?
  @Option(help: "Token shards that the layers' errors are measured on.") var heldOut: String?
  @Option(help: "Training tokens of each student, such as 2M (default: a fifth of the text, as in the paper).")
  var tokens: String?
  @OptionGroup var output: OutputFolder
  @Option(help: "Folder of the two students (default: OUT.ild).") var work: String?
  @Option(help: "Start of Gated DeltaNet: corner (the paper's), aligned, zero, random.") var gdnInit:
    DeltaConversion.Start?
  @Option(help: "Heads of Gated DeltaNet (default: of width 256, or 6 in narrow models).") var gdnHeads: Int?
  @OptionGroup(title: "Latent attention") var latent: LatentOptions
  @OptionGroup(title: "Training") var training: IntermediateOptions
  @OptionGroup var stored: StoredType
  @Option(help: "Length at which the whole cache, states included, is compared with the base's.") var context = "8192"
  @Flag(help: "No progress line.") var quiet = false
  @Flag(help: "Print what was made as JSON.") var json = false

  func run() {
    runReportingErrors(renamed: ["layers": "mla-layers", "heads": "gdn-heads", "init": "gdn-init"]) {
      try requireSeconds(training.saveEvery)
      let folder = URL(fileURLWithPath: base)
      let config = try ModelConfig(contentsOf: folder)
      let length = try parsedCount(context, "--context", such: "64k", atLeast: 1)
      let layers = try parsedLayers(mlaLayers, "--mla-layers", such: "1,5,10,14")
      let text = try trainingText(for: folder, data: data, heldOut: heldOut, quiet: quiet)
      let tokens = try tokens.map { try parsedCount($0, "--tokens", such: "2M", atLeast: 1) } ?? text.training.count / 5
      let plan = training.plan(tokens: tokens, loss: .refined)
      var recipe = HybridConverting(
        base: folder, latent: try latent.applied(to: .hylo(config, seed: training.seed)),
        linear: try linearReplacement(), composition: Composition(latentLayers: layers), data: text.training,
        heldOut: text.heldOut, plan: plan, work: URL(fileURLWithPath: work ?? output.out + ".ild"))
      recipe.force = output.force
      recipe.type = try stored.type(of: folder)
      Interrupt.listen()
      try output.write(from: [base, data, heldOut], json: json) { place in
        let outcome = try recipe.run(
          to: place, saveEvery: training.saveEvery,
          report: { intermediateReport(plan, label: "\($0) step", quiet: quiet) }, shouldStop: { Interrupt.isRaised })
        return .init(
          outcome.summary(context: length) + "\nmodel: \(output.out)",
          json: output.naming(outcome.json(context: length)))
      }
    }
  }

  private func linearReplacement() throws -> any MixerReplacement {
    switch linear {
    case .gdn:
      return DeltaConversion(start: gdnInit ?? .corner, heads: gdnHeads, seed: training.seed)
    case .mamba2:
      if gdnInit != nil || gdnHeads != nil {
        throw UpcycleError.usage(
          "Mamba2 has no choice of these", at: "--gdn-init, --gdn-heads", hint: "they go with --linear gdn")
      }
      return MambaConversion(seed: training.seed)
    }
  }
}
