import ArgumentParser
import Commands
import TensorCore
import TrainingCommands

@main
struct FarSkip: ParsableCommand {
  static func main() {
    restartWithFittingKernels()
    runAsMain(onRanks: ["distill", "train", "infer", "overlap"])
  }

  static let configuration = CommandConfiguration(
    commandName: "farskip",
    abstract: "FarSkip-Collective: mixture-of-experts models whose communication hides behind computation.",
    discussion: """
      Example:
        farskip convert --model experiments/teachers/nano-qwen-moe-seed1 \\
          --out runs/far
        farskip distill --student runs/far \\
          --teacher experiments/teachers/nano-qwen-moe-seed1 --tokens 500k \\
          --out runs/far-kd
      """,
    version: upcycleVersion,
    subcommands: [
      Convert.self, Distill.self, Train.self, Infer.self, Overlap.self, Simulate.self,
    ])
}
