import ArgumentParser

@main struct Shards: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Token shards, tokenizers and the microworld.", subcommands: [Generate.self])
}
