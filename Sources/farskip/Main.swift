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
    version: upcycleVersion,
    subcommands: [
      Convert.self, Distill.self, Train.self, Infer.self, Overlap.self, Simulate.self,
    ])
}
