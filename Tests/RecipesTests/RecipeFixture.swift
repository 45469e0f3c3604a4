import Foundation
import Groundwork
import ModelCore
import Published
import TestKit
import TokenData

/// What recipes that run in several stages are tried on: a small base with its tokenizer, and shards of a few sentences.
struct RecipeFixture {
  let folder: URL
  let shards: TokenShards
  var base: URL { self["base"] }

  init(preset: String, hiddenSize: Int = 32, layers: Int = 3) throws {
    folder = try temporaryFolder()
    let tokenizer = try Tokenizer.load(from: repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer"))
    var config = try ModelConfig.preset(preset)
    config.hiddenSize = hiddenSize
    config.layerCount = layers
    config.mixers = Array(config.mixers.prefix(layers))
    let base = folder.appendingPathComponent("base")
    try LanguageModel(config, seed: 3).save(to: base)
    try tokenizer.save(to: base)
    let text = folder.appendingPathComponent("shards")
    let writer = try ShardWriter(folder: text, tokenizer: tokenizer)
    for number in 0..<60 {
      try writer.append(document: tokenizer.encodeDocument("The cat \(number) sat on mat \(number * 7 % 13)."))
    }
    _ = try writer.finish()
    shards = try TokenShards(text, tokenizer: tokenizer)
  }

  subscript(name: String) -> URL { folder.appendingPathComponent(name) }

  /// Of the weights of the model in the folder of that name.
  func digest(_ name: String) throws -> String {
    try sha256(fileAt: self[name].appendingPathComponent("model.safetensors"))
  }

  func remove() { try? FileManager.default.removeItem(at: folder) }
}
