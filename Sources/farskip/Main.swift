import ArgumentParser
import Commands
import TensorCore

@main
struct FarSkip: ParsableCommand {
  static func main() {
    restartWithFittingKernels()
    runAsMain()
  }

  static let configuration = CommandConfiguration(
    commandName: "farskip",
    abstract: "FarSkip-Collective: mixture-of-experts models whose communication hides behind computation.",
    subcommands: [
      Convert.self, Distill.self, Train.self, Infer.self, Overlap.self, Simulate.self,
    ])
}
