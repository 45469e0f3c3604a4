import ArgumentParser
import Commands
import Groundwork
import TrainingCommands
import Upcycling

extension PartialRopeConversion.Keep: ExpressibleByArgument {}

/// `xecomla mha2mla`: a model folder in, a model folder with MHA2MLA's attention out.
struct MHA2MLA: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mha2mla",
    abstract:
      "Baseline MHA2MLA: every head keeps some rotary pairs, one latent stands for the rest of keys and values.",
    discussion: """
      The rest is an SVD of position-free keys and values together. Train the result with cross-entropy, as the paper \
      does: xecomla distill --kl-weight 0 --ce-weight 1. --keep 2-norm (the paper's S_2-norm) measures on calibration \
      text which pairs matter; high, low and uniform need none. For Llama's attention: biases, norms on queries and \
      keys, and layers without rotation have no place.

      Example:
        xecomla mha2mla --model runs/babyllama --kv-rank 16 --rope-dim 2 \\
          --keep high --out runs/mha2mla
      """)

  @Option(help: "Base model folder.") var model: String
  @OptionGroup var output: OutputFolder
  @Option(help: "Width of the joint latent of position-free keys and values.") var kvRank: Int
  @Option(help: "Rotated width that every head keeps.") var ropeDim: Int
  @Option(help: "Which pairs stay rotated: 2-norm, high, low, uniform.") var keep = PartialRopeConversion.Keep.twoNorm
  @Option(help: "Layers to convert: all, 1,3,5, 0-3, or a share like 50%.") var layers = "all"
  @OptionGroup var calibration: CalibrationOptions

  func run() {
    runReportingErrors(renamed: layers == "all" ? ["layers": "model"] : [:]) {
      let conversion = PartialRopeConversion(
        kvRank: kvRank, ropeHeadDim: ropeDim, keep: keep, layers: try LayerSelection(layers))
      try calibration.run(.mha2mla(conversion), model: model, to: output)
    }
  }
}
