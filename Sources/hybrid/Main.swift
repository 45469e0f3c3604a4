import ArgumentParser

@main
struct Hybrid: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Works on any model folder: information, text, scores, pretraining.",
    subcommands: [Info.self, Import.self, Create.self, Pretrain.self])
}
