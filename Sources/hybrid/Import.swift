import ArgumentParser
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
      Example: hybrid import --llama2c stories260K.bin --tokenizer tok512.bin --out runs/stories260K
      """)

  @Option(name: .customLong("llama2c"), help: "llama2.c checkpoint (version 0, float32).") var checkpoint: String
  @Option(help: "Its tokenizer: llama2.c tokenizer.bin, a file of pieces, or tokenizer.json.") var tokenizer: String
  @Option(help: "Folder to write.") var out: String

  func run() {
    runReportingErrors {
      let source = try Llama2CFile(URL(fileURLWithPath: checkpoint))
      let tokenizer = try Tokenizer.load(from: tokenizer)
      let folder = try AtomicFolder(URL(fileURLWithPath: out))
      let config = try writeImportedModel(source, tokenizer, to: folder.work)
      try folder.commitKeepingOthers()
      try printResult(
        "\(out): \(formatCount(config.parameterCount)) parameters, \(config.layerCount) layers, \(config.vocabularySize) tokens"
      )
    }
  }
}
