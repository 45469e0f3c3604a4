import ArgumentParser
import Commands
import Foundation
import Groundwork
import ModelCore
import Published
import TrainingCommands

/// `hybrid create`: a model folder of random weights, to test and time on real shapes.
struct Create: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a model folder with random weights, of a known shape or of a config.json.",
    discussion: """
      Values depend on the seed alone. There is no tokenizer in the folder.

      Example:
        hybrid create --preset llama-3.2-1b --dtype bfloat16 --out runs/random-1b
        hybrid create --config runs/hylo/config.json --out runs/random-hylo
      """)

  @Option(help: "Known model, such as llama-3.2-1b or nano-1b.") var preset: String?
  @Option(help: "A config.json whose shape to take instead.") var config: String?
  @Option(help: "Seed of the weights.") var seed: UInt64 = 1
  @Option(help: "Type of the stored numbers: float32, bfloat16 or float16.") var dtype = WritableType.bfloat16
  @Option(help: "Largest size of one file in bytes, such as 2G.") var shard = "5G"
  @OptionGroup var output: OutputFolder

  func run() {
    runReportingErrors {
      guard let shardBytes = parseCount(shard), shardBytes > 0 else {
        throw UpcycleError.usage("is not a number of bytes", at: "--shard", found: shard)
      }
      let config: ModelConfig
      switch (preset, self.config) {
      case (let preset?, nil): config = try ModelConfig.preset(preset)
      case (nil, let file?): config = try ModelConfig(contentsOf: URL(fileURLWithPath: file))
      default: throw UpcycleError.usage("one shape is needed", expected: "--preset or --config")
      }
      let source = RandomWeights(seed: seed, layers: config.layerCount)
      try output.write(from: [self.config]) { folder in
        try writeModelFolder(config, from: source, to: folder, type: dtype.type, shardBytes: shardBytes)
        return .init("\(output.out): \(formatCount(config.parameterCount)) random parameters as \(dtype.rawValue)")
      }
    }
  }
}
