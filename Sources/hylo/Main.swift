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
    discussion: """
      Example:
        hylo convert --base experiments/teachers/nano-1b-seed1 --linear gdn \\
          --mla-layers 1,5,10,14 --out runs/hylo
        hylo extend --model runs/hylo \\
          --teacher experiments/teachers/nano-1b-seed1 --context 2048 \\
          --tokens 1M --out runs/hylo-2k
      """,
    version: upcycleVersion,
    subcommands: [Convert.self, Extend.self, ServeLength.self, PostNASCommand.self, HALOCommand.self, Prefer.self])
}
