import ArgumentParser
import Commands
import Groundwork
import TrainingCommands
import Upcycling

/// `xecomla palu`: a model folder in, a model folder with low-rank keys and values out.
struct PALU: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Baseline PALU: low-rank keys and values by groups of heads, their latents cached; no training.",
    discussion: """
      Keys and values become products of low rank, fitted to what they are on calibration text; ranks follow Fisher \
      information. All heads of a layer in one group is J-LRD, --group-heads 4 G-LRD, 1 M-LRD. For Llama's attention: \
      biases, norms on queries and keys, and layers without rotation have no place.

      Example:
        xecomla palu --model runs/babyllama --kv-share 50% \\
          --calibration shards/text --out runs/palu
      """)

  @Option(help: "Base model folder.") var model: String
  @OptionGroup var output: OutputFolder
  @Option(help: "Cache of the converted layers against what it was.") var kvShare = "50%"
  @Option(help: "KV heads that share a latent (default: all of a layer).") var groupHeads: Int?
  @Option(help: "Layers to convert: all, 1,3,5, 0-3, or a share like 50%.") var layers = "all"
  @OptionGroup var calibration: CalibrationOptions

  func run() {
    // Where no layers are named, it is the model that has others.
    runReportingErrors(renamed: layers == "all" ? ["layers": "model"] : [:]) {
      let conversion = LowRankConversion(
        share: try parsedPercent(kvShare, "--kv-share", such: "50%") / 100, headsPerGroup: groupHeads,
        layers: try LayerSelection(layers))
      try calibration.run(.palu(conversion), model: model, to: output)
    }
  }
}
