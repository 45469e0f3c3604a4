import ArgumentParser
import Collectives
import Commands
import Groundwork
import TensorCore

@main
struct FarSkip: ParsableCommand {
  static func main() {
    restartWithFittingKernels()
    runAsMain(refuse: refuseOnAllRanks)
  }

  /// Ranks that understood their options would wait for one that did not.
  private static func refuseOnAllRanks(_ refusal: UpcycleError) {
    let command = CommandLine.arguments.dropFirst().first ?? ""
    guard MPIRanks.isLaunched, ["train", "infer", "overlap"].contains(command) else { return }
    try? MPIRanks.run { ranks in try ranks.agreeing { throw refusal } }
  }

  static let configuration = CommandConfiguration(
    commandName: "farskip",
    abstract: "FarSkip-Collective: mixture-of-experts models whose communication hides behind computation.",
    version: upcycleVersion,
    subcommands: [
      Convert.self, Distill.self, Train.self, Infer.self, Overlap.self, Simulate.self,
    ])
}
