import ArgumentParser
import Commands
import Groundwork
import TokenData

/// `shards`: tokenizers and token shards on the command line.
@main
struct Shards: ParsableCommand {
  static func main() { runAsMain() }

  static let configuration = CommandConfiguration(
    commandName: "shards",
    abstract: "Token shards, tokenizers and the microworld.",
    discussion: """
      Example:
        shards train-tokenizer --input train.txt --vocabulary-size 4096 \\
          --out runs/tokenizer
        shards pack --input train.txt --tokenizer runs/tokenizer --out shards/train
        shards verify shards/train
      """,
    version: upcycleVersion,
    subcommands: [Pack.self, Info.self, Verify.self, Cat.self, TrainTokenizer.self, Generate.self])
}
