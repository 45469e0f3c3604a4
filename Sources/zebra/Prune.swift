import ArgumentParser
import Commands
import Foundation
import Groundwork
import ModelCore
import TrainingCommands
import Upcycling

/// `zebra prune`: a model folder in, a narrower one of the same family out.
struct Prune: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Baseline Minitron: a narrower model of the channels and heads with the largest activations.",
    discussion: """
      On calibration text every embedding channel, KV group (with its query heads) and feed-forward channel is scored by \
      its activations; the largest stay: embedding channels the same in the whole model, groups and channels layer by \
      layer. The result is an ordinary checkpoint of the base's family; distil it from its parent: \
      zebra distill --student PRUNED --teacher PARENT. Wants attention and a gated feed-forward in every layer, as in \
      Llama; depth is left alone.

      Example:
        zebra prune --model runs/babyllama --hidden-size 96 \\
          --intermediate-size 192 --calibration shards/text --out runs/pruned
      """)

  @Option(help: "Base model folder.") var model: String
  @OptionGroup var output: OutputFolder
  @Option(help: "Embedding channels that stay (default: all).") var hiddenSize: Int?
  @Option(help: "Feed-forward channels that stay in every layer (default: all).") var intermediateSize: Int?
  @Option(help: "KV groups that stay in every layer (default: all).") var numKeyValueHeads: Int?
  @OptionGroup var calibration: CalibrationOptions

  func run() {
    runReportingErrors {
      if hiddenSize == nil && intermediateSize == nil && numKeyValueHeads == nil {
        throw UpcycleError.usage(
          "nothing is to be removed", expected: "--hidden-size, --intermediate-size or --num-key-value-heads")
      }
      let pruning = WidthPruning(
        hiddenSize: hiddenSize, intermediateSize: intermediateSize, keyValueHeads: numKeyValueHeads)
      let base = try ModelConfig(contentsOf: URL(fileURLWithPath: model))
      if pruning.shape(of: base) == base {
        throw UpcycleError.usage(
          "nothing is to be removed", at: model,
          expected: "fewer than its \(base.hiddenSize) embedding channels, "
            + "\(base.intermediateSize) feed-forward channels or \(base.keyValueHeads) KV groups")
      }
      try calibration.run(.minitron(pruning), model: model, to: output)
    }
  }
}
