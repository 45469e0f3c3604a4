import Foundation
import Groundwork
import ModelCore
import TensorCore

/// Speed and memory of decoding: `batch` sequences side by side, each with a prompt of equal length.
public struct ThroughputReport: Codable, Equatable, Sendable {
  /// Sequences side by side.
  public var batch: Int
  /// Of each sequence.
  public var promptTokens: Int
  /// Timed steps; each makes one token of every sequence.
  public var newTokens: Int
  /// That computed.
  public var threads: Int
  /// Tokens per second over all sequences.
  public var prefillTokensPerSecond: Double
  /// Tokens per second over all sequences.
  public var decodeTokensPerSecond: Double
  /// Bytes of all sequences' caches at the end.
  public var cacheBytes: Int
  /// What the model with grouped-query attention in every layer would keep.
  public var baseCacheBytes: Int
  /// Highest sum of tensor bytes held at once: weights, caches, activations.
  public var peakBytes: Int

  enum CodingKeys: String, CodingKey {
    case batch
    case promptTokens = "prompt_tokens"
    case newTokens = "new_tokens"
    case threads
    case prefillTokensPerSecond = "prefill_tokens_per_second"
    case decodeTokensPerSecond = "decode_tokens_per_second"
    case cacheBytes = "cache_bytes"
    case baseCacheBytes = "base_cache_bytes"
    case peakBytes = "peak_bytes"
  }

  /// With the keys of `CodingKeys`.
  public func json() throws -> JSONValue { try jsonValue(self) }
}

/// Times prefill and greedy decoding; the best of `repeats` runs, after one that warms the buffers up.
/// - Parameters:
///   - batch: sequences decoded side by side.
///   - promptTokens: length of each prompt; its ids follow from the position.
///   - newTokens: single-token steps per sequence.
/// - Throws: usage errors for numbers below 1, and for more than there is memory.
public func measureThroughput(
  of model: LanguageModel, batch: Int, promptTokens: Int, newTokens: Int, repeats: Int = 3
) throws -> ThroughputReport {
  for (name, value) in [("batch", batch), ("prompt", promptTokens), ("tokens", newTokens), ("repeats", repeats)]
  where value < 1 {
    throw UpcycleError.usage("must be positive", field: name, expected: "1 or more", found: "\(value)")
  }
  let context = cappedSum(promptTokens, newTokens)
  // The prompts are read at once.
  try requireServingMemory(
    model, sequences: batch, context: context, rows: cappedProduct(batch, promptTokens),
    at: "`batch`, `prompt`, `tokens`")
  let vocabulary = model.config.vocabularySize
  let cost = CacheCost(model)
  var best = (prefill: Double.infinity, decode: Double.infinity)
  var bytes = 0
  StoragePool.resetPeak()
  for _ in 0...repeats {
    let caches = (0..<batch).map { _ in model.makeCache(capacity: context, positions: .max) }
    let start = monotonicSeconds()
    var hidden = try model.extend(
      caches.enumerated().map { row, cache in
        (cache, (0..<promptTokens).map { Int32(($0 * 7919 + row * 104_729 + 1) % vocabulary) })
      })
    var next = greedyTokens(model, hidden, rows: (0..<batch).map { ($0 + 1) * promptTokens - 1 })
    let middle = monotonicSeconds()
    for _ in 0..<newTokens {
      hidden = try model.extend(zip(caches, next).map { ($0, [$1]) })
      next = greedyTokens(model, hidden, rows: Array(0..<batch))
    }
    best = (min(best.prefill, middle - start), min(best.decode, monotonicSeconds() - middle))
    bytes = caches.reduce(0) { $0 + $1.bytes }
  }
  return ThroughputReport(
    batch: batch, promptTokens: promptTokens, newTokens: newTokens, threads: Threads.count,
    prefillTokensPerSecond: Double(batch * promptTokens) / best.prefill,
    decodeTokensPerSecond: Double(batch * newTokens) / best.decode, cacheBytes: bytes,
    baseCacheBytes: cost.baseBytesPerToken * batch * (promptTokens + newTokens),
    peakBytes: StoragePool.peakBytes + model.parameters.storedBytes)
}

/// Refuses caches and activations that do not fit in memory before any of them is made.
/// - Parameters:
///   - sequences: whose caches stand side by side, each for `context` tokens
///   - rows: tokens of one step, over all sequences
///   - option: what asked for them
public func requireServingMemory(
  _ model: LanguageModel, sequences: Int, context: Int, rows: Int, at option: String
) throws {
  let config = model.config
  let cache = cappedSum(cappedProduct(context, config.kvNumbersPerToken), config.stateNumbers)
  // Ids and positions, the residual stream and a layer's output; each sequence's next-token logits.
  let step = cappedSum(cappedProduct(rows, 4 + 2 * config.hiddenSize), cappedProduct(sequences, config.vocabularySize))
  try requireMemory(
    cappedProduct(MemoryLayout<Float>.stride, cappedSum(cappedProduct(sequences, cache), step)),
    for: "\(formatCount(sequences)) sequences of \(formatCount(context)) tokens", at: option)
}
