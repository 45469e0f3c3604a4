import ArgumentParser
import Evaluation
import Foundation
import ModelCore
import TokenData

/// `--model DIR`, and what is loaded from it.
struct ModelOption: ParsableArguments {
  @Option(name: .customLong("model"), help: "Model folder: config.json, safetensors, tokenizer.json.")
  var path: String

  var folder: URL { URL(fileURLWithPath: path, isDirectory: true) }

  /// For inference: 16-bit weights stay in the file.
  func load() throws -> LanguageModel { try LanguageModel(folder: folder, storage: .asStored) }

  func loadWithTokenizer() throws -> (model: LanguageModel, tokenizer: Tokenizer) {
    let config = try ModelConfig(contentsOf: folder.appendingPathComponent("config.json"))
    let tokenizer = try Tokenizer.load(from: folder)
    try requireMatch(config, tokenizer, at: path)
    return (try load(), tokenizer)
  }
}
