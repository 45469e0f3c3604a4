import ArgumentParser
import Commands
import TensorCore
import TrainingCommands

/// `hybrid`: any model folder on the command line.
@main
struct Hybrid: ParsableCommand {
  static func main() {
    restartWithFittingKernels()
    runAsMain(onRanks: ["pretrain"])
  }

  static let configuration = CommandConfiguration(
    abstract: "Works on any model folder: information, import, text, scores, pretraining.",
    discussion: """
      Example:
        hybrid import --llama2c babyllama_tok361.bin --tokenizer tok361.json \\
          --out runs/babyllama
        hybrid generate --model runs/mla-sft --prompt "Once upon a time"
        hybrid perplexity --model runs/mla-sft --data shards/tinystories-valid
        hybrid evaluate --model runs/mla-sft --tasks all
      """,
    version: upcycleVersion,
    subcommands: [
      Info.self, Import.self, ExportCommand.self, Create.self, Pretrain.self, Generate.self, Perplexity.self,
      Evaluate.self, Logits.self, Ruler.self, Throughput.self, Curve.self,
    ])
}
