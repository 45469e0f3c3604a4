import ArgumentParser
import Evaluation
import Foundation
import ModelCore
import TokenData

/// `--model DIR`, and what is loaded from it.
struct ModelOption: ParsableArguments {
  @Option(name: .customLong("model"), help: "Model folder: config.json, safetensors, tokenizer.json.")
  var path: String

  @Option(
    help: """
      stored: 16-bit weights as they are, in the file; int8: matrices rounded to 8 bits with a scale a row, half the \
      memory to read and other results.
      """)
  var weights: StoredWeights = .stored

  var folder: URL { URL(fileURLWithPath: path, isDirectory: true) }

  /// For inference.
  func load() throws -> LanguageModel { try LanguageModel(folder: folder, storage: weights.storage) }

  func loadWithTokenizer() throws -> (model: LanguageModel, tokenizer: Tokenizer) {
    let config = try ModelConfig(contentsOf: folder)
    let tokenizer = try Tokenizer.load(from: folder)
    try requireMatch(config, tokenizer, at: path)
    return (try load(), tokenizer)
  }
}

/// How weights are kept while a model runs.
enum StoredWeights: String, ExpressibleByArgument, CaseIterable {
  case stored, int8

  var storage: WeightStorage { self == .stored ? .asStored : .int8 }
}
