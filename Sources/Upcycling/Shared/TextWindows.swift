import Foundation
import Groundwork
import ModelCore
import TokenData

/// Tokens of the windows that calibrations and starting losses are measured on.
let windowLength = 256

extension TokenShards {
  /// The first windows of 256 tokens, or of as many as the model has positions for.
  /// - Parameter count: at most so many; fewer where the text is short
  /// - Throws: failures for text of a larger vocabulary, and for less than one window
  public func firstWindows(_ count: Int, for config: ModelConfig) throws -> [[Int32]] {
    guard vocabularySize <= config.vocabularySize else {
      throw UpcycleError(
        "the shards' vocabulary is not the model's", at: folder.path, expected: "at most \(config.vocabularySize) ids",
        found: "\(vocabularySize)")
    }
    let length = min(windowLength, config.maxPosition)
    let available = min(count, self.count / length)
    guard available > 0 else {
      throw UpcycleError(
        "too little text", at: folder.path, expected: "at least a window of \(length) tokens", found: "\(self.count)")
    }
    return try (0..<available).map { try read($0 * length..<($0 + 1) * length) }
  }
}

/// The first windows of a folder of shards (`firstWindows`).
/// - Parameters:
///   - model: the folder of the model that reads them; where it has a tokenizer, that one made the shards
///   - count: at most so many
/// - Throws: as `firstWindows`, and a failure for shards of another tokenizer
func textWindows(_ folder: URL, of model: URL, _ config: ModelConfig, count: Int) throws -> [[Int32]] {
  let shards = try TokenShards(folder)
  let windows = try shards.firstWindows(count, for: config)
  // Ids of another vocabulary of the same size would be other words.
  if Tokenizer.isPresent(in: model) { try shards.require(Tokenizer.load(from: model)) }
  return windows
}

/// As many windows as make up about so many tokens of calibration text.
func windowCount(ofTokens tokens: Int, for config: ModelConfig) -> Int {
  max(1, tokens / min(windowLength, config.maxPosition))
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
