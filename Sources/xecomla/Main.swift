import ArgumentParser
import Commands
import TensorCore
import TrainingCommands

@main
struct XEcoMLA: ParsableCommand {
  static func main() {
    restartWithFittingKernels()
    runAsMain(onRanks: ["distill", "prefer"])
  }

  static let configuration = CommandConfiguration(
    commandName: "xecomla",
    abstract: "X-EcoMLA: pretrained attention becomes latent attention with a fraction of the KV cache.",
    version: upcycleVersion,
    subcommands: [Convert.self, Distill.self, Prefer.self, PALU.self, MHA2MLA.self, CompareSVD.self])
}
