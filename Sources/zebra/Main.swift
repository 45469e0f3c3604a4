import ArgumentParser
import Commands

@main
struct Zebra: ParsableCommand {
  static func main() { runAsMain() }

  static let configuration = CommandConfiguration(
    commandName: "zebra",
    abstract: "Zebra-Llama: hybrids of latent attention and Mamba2 layers composed from one pretrained model.",
    subcommands: [Select.self])
}
