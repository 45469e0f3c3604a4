import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TokenData

/// What a model's next-token predictions cost on a text.
public struct PerplexityReport: Codable, Equatable, Sendable {
  /// Mean over predicted tokens of -log p, nats.
  public var loss: Double
  /// Of `loss`, nats, over windows.
  public var standardError: Double
  /// exp(loss).
  public var perplexity: Double
  /// Nats / ln 2 / bytes of the predicted text; nil when the tokenizer is not known.
  public var bitsPerByte: Double?
  /// Pieces of the text that were read on their own.
  public var windows: Int
  /// Predicted tokens.
  public var tokens: Int
  /// Nats per token of every window; not part of the JSON.
  public var windowLosses: [Double] = []

  enum CodingKeys: String, CodingKey {
    case loss
    case standardError = "stderr"
    case perplexity
    case bitsPerByte = "bits_per_byte"
    case windows, tokens
  }
}

/// Mean next-token loss over windows of a text. A window of n ids is one sequence from position 0: its
/// first n - 1 ids predict its last n - 1. Logits live only a chunk at a time.
/// - Parameters:
///   - count: number of windows.
///   - window: ids of window i, all of one length, at least 2.
///   - tokenizer: for bits per byte.
///   - tokensPerBatch: tokens per model call.
///   - answers: which of window i's last n - 1 ids are scored; nil for all of them.
/// - Throws: what `window` throws; an id outside the vocabulary; a loss that is not finite.
public func perplexity(
  of model: LanguageModel, windows count: Int, tokenizer: Tokenizer? = nil, tokensPerBatch: Int = 2048,
  progress: (Int) -> Void = { _ in }, answers: (Int) throws -> [Bool]? = { _ in nil },
  window: (Int) throws -> [Int32]
) throws -> PerplexityReport {
  if count < 1 { throw UpcycleError.usage("no windows to measure", hint: "the text is shorter than one window") }
  var sums: [Double] = []
  var tokens = 0
  var bytes = 0
  while sums.count < count {
    var batch = [try window(sums.count)]
    let length = batch[0].count
    while sums.count + batch.count < count, (batch.count + 1) * length <= tokensPerBatch {
      batch.append(try window(sums.count + batch.count))
    }
    try check(batch, length, model.config.vocabularySize)
    try model.config.requirePositions(length - 1, field: "length")
    let targets = try batch.enumerated().map { index, ids -> [Int32] in
      guard let scored = try answers(sums.count + index) else { return Array(ids.dropFirst()) }
      return zip(ids.dropFirst(), scored).map { $1 ? $0 : -1 }
    }
    if let tokenizer {
      for ids in targets { bytes += tokenizer.decodeBytes(ids.filter { $0 >= 0 }, continuing: true).count }
    }
    sums += losses(model, batch, targets, time: length - 1)
    tokens += targets.reduce(0) { $0 + $1.count { $0 >= 0 } }
    progress(sums.count)
  }
  if tokens == 0 { throw UpcycleError.usage("holds no answers to measure", hint: "the text is too short") }
  let total = sums.reduce(0, +)
  if !total.isFinite {
    let bad = sums.firstIndex { !$0.isFinite } ?? 0
    throw UpcycleError("the loss is not finite", at: "window \(bad)", hint: "the weights hold NaN or infinite numbers")
  }
  let loss = total / Double(tokens)
  let windows = sums.map { $0 * Double(count) / Double(tokens) }
  return PerplexityReport(
    loss: loss, standardError: Estimate(windows).standardError, perplexity: exp(loss),
    bitsPerByte: tokenizer == nil || bytes == 0 ? nil : total / log(2) / Double(bytes), windows: count, tokens: tokens,
    windowLosses: windows)
}

extension PerplexityReport {
  /// With the keys of `CodingKeys`; null for the error of a single window, and for a perplexity beyond all numbers.
  public func json() throws -> JSONValue {
    var told = self
    var nulls: [String: JSONValue] = [:]
    if !perplexity.isFinite { (told.perplexity, nulls["perplexity"]) = (0, .null) }
    if windows < 2 { nulls["stderr"] = .null }
    return try jsonValue(told).merging(.object(nulls))
  }
}

/// Sum of -log p over each window of the batch.
private func losses(_ model: LanguageModel, _ batch: [[Int32]], _ targets: [[Int32]], time: Int) -> [Double] {
  let tape = Tape(recording: false)
  let hidden = model.hidden(tape, ids: batch.flatMap { $0.dropLast() }, batch: batch.count, time: time).value
  let states = hidden.reshaped([batch.count, time, hidden.width])
  return batch.indices.map { index in
    let rows = tape.constant(states.rows(index..<index + 1))
    return tape.headLoss(
      rows, head: model.head, targets: targets[index], scale: 1, cap: model.logitCap
    ).sums.crossEntropy
  }
}

private func check(_ batch: [[Int32]], _ length: Int, _ vocabulary: Int) throws {
  precondition(length >= 2 && batch.allSatisfy { $0.count == length }, "windows of one length, at least 2")
  for ids in batch {
    if let bad = ids.first(where: { $0 < 0 || Int($0) >= vocabulary }) {
      throw UpcycleError(
        "an id outside the model's vocabulary", expected: "0..<\(vocabulary)", found: "\(bad)",
        hint: "the shards were packed with another tokenizer")
    }
  }
}
