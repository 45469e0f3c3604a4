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
    discussion: """
      Example:
        xecomla convert --model experiments/teachers/nano-1b-seed1 --kv-rank 16 \\
          --out runs/mla
        xecomla distill --student runs/mla \\
          --teacher experiments/teachers/nano-1b-seed1 --data shards/world \\
          --tokens 500k --out runs/mla-sft
        xecomla prefer --model runs/mla-sft --pairs 800 --out runs/mla-dpo
      """,
    version: upcycleVersion,
    subcommands: [Convert.self, Distill.self, Prefer.self, PALU.self, MHA2MLA.self, CompareSVD.self])
}
