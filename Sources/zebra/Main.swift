import ArgumentParser
import Commands
import TensorCore
import TrainingCommands

@main
struct Zebra: ParsableCommand {
  static func main() {
    restartWithFittingKernels()
    runAsMain(onRanks: ["upcycle", "ild", "mambainllama", "mohawk", "distill", "prefer"])
  }

  static let configuration = CommandConfiguration(
    commandName: "zebra",
    abstract: "Zebra-Llama: hybrids of latent attention and Mamba2 layers composed from one pretrained model.",
    discussion: """
      Example:
        zebra upcycle --model experiments/teachers/nano-1b-seed1 \\
          --data shards/world --kv 5% --out runs/hybrid
        zebra prefer --model runs/hybrid --pairs 800 --out runs/hybrid-dpo
      """,
    version: upcycleVersion,
    subcommands: [
      Upcycle.self, ILD.self, Select.self, Compose.self, Distill.self, Prefer.self, MambaInLlamaCommand.self,
      Mohawk.self,
      Prune.self,
    ])
}
