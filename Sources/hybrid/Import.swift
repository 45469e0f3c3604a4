import ArgumentParser
import Commands
import Foundation
import Groundwork
import ModelCore
import Recipes
import TokenData

/// `hybrid import`: somebody else's checkpoint as a model folder.
struct Import: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn a llama2.c checkpoint and its tokenizer into a model folder.",
    discussion: """
      Example:
        hybrid import --llama2c stories260K.bin --tokenizer tok512.bin \\
          --out runs/stories260K
      """)

  @Option(name: .customLong("llama2c"), help: "llama2.c checkpoint (version 0, float32).") var checkpoint: String
  @Option(help: "Its tokenizer: llama2.c tokenizer.bin, a file of pieces, or tokenizer.json.") var tokenizer: String
  @OptionGroup var output: OutputFolder

  func run() {
    runReportingErrors {
      let source = try Llama2CFile(URL(fileURLWithPath: checkpoint))
      let loaded = try Tokenizer.load(from: tokenizer)
      try output.write(from: [checkpoint, tokenizer]) { folder in
        let config = try writeImportedModel(source, loaded, to: folder)
        return .init(
          "\(output.out): \(formatCount(config.parameterCount)) parameters, \(config.layerCount) layers, "
            + "\(formatCount(config.vocabularySize)) tokens")
      }
    }
  }
}
