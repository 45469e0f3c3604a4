import ArgumentParser
import Commands
import TensorCore
import TrainingCommands

@main
struct HyLo: ParsableCommand {
  static func main() {
    restartWithFittingKernels()
    runAsMain(onRanks: ["extend", "halo", "postnas", "prefer"])
  }

  static let configuration = CommandConfiguration(
    commandName: "hylo",
    abstract: "HyLo: long-context hybrids of latent attention with Gated DeltaNet or Mamba2 layers.",
    version: upcycleVersion,
    subcommands: [Convert.self, Extend.self, ServeLength.self, PostNASCommand.self, HALOCommand.self, Prefer.self])
}
