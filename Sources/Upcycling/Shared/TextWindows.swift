import Foundation
import Groundwork
import ModelCore
import TokenData

/// Tokens of the windows that calibrations and starting losses are measured on.
let windowLength = 256

/// The first windows of a folder of shards, each of at most `windowLength` ids and as the model has positions.
/// - Parameters:
///   - model: the folder of the model that reads them; where it has a tokenizer, that one made the shards
///   - count: at most so many; fewer where the text is short
/// - Throws: failures for shards of a larger vocabulary or another tokenizer, and for less text than one window
func textWindows(_ folder: URL, of model: URL, _ config: ModelConfig, count: Int) throws -> [[Int32]] {
  let length = min(windowLength, config.maxPosition)
  let shards = try TokenShards(folder)
  guard shards.vocabularySize <= config.vocabularySize else {
    throw UpcycleError(
      "the shards' vocabulary is not the model's", at: folder.path, expected: "at most \(config.vocabularySize) ids",
      found: "\(shards.vocabularySize)")
  }
  // Ids of another vocabulary of the same size would be other words.
  if Tokenizer.isPresent(in: model) { try shards.require(Tokenizer.load(from: model)) }
  let available = min(count, shards.count / length)
  guard available > 0 else {
    throw UpcycleError(
      "too little text", at: folder.path, expected: "at least \(length) tokens", found: "\(shards.count)")
  }
  return try (0..<available).map { try shards.read($0 * length..<($0 + 1) * length) }
}

/// Which ids of the first windows of chats are answers, which alone are learnt; nil for other text.
/// - Throws: a usage error where none is
func windowAnswers(_ folder: URL, of windows: [[Int32]]) throws -> [[Bool]]? {
  let (shards, length) = (try TokenShards(folder), windows.first?.count ?? 0)
  let marks = try windows.indices.compactMap { try shards.answers(in: $0 * length..<($0 + 1) * length) }
  if marks.isEmpty { return nil }
  if !marks.contains(where: { $0.dropFirst().contains(true) }) {
    throw UpcycleError.usage(
      "holds no answers to measure", at: folder.path,
      expected: "some in the first \(windows.count) windows of \(length) tokens")
  }
  return marks
}
