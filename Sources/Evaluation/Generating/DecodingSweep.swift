import Foundation
import Groundwork
import ModelCore
import TensorCore

/// One point of a decoding sweep: `batch` sequences of `context` tokens each, continued token by token.
public struct DecodingPoint: Codable, Equatable, Sendable {
  /// As the caller names it.
  public var model: String
  /// Sequences decoded side by side.
  public var batch: Int
  /// Tokens in each cache before the first step.
  public var context: Int
  /// Timed steps, of each repeat.
  public var newTokens: Int
  /// Over all sequences.
  public var tokensPerSecond: Double
  /// Wall-clock of one step, which makes one token of every sequence; the mean of `timings`.
  public var millisecondsPerStep: Double
  /// The same in each repeat, one after another on the growing caches.
  public var timings: [Double]
  /// Bytes of all caches at the end, by what they hold.
  public var cacheBytes: Int
  /// Highest sum of tensor bytes held at once: weights, caches, activations.
  public var peakBytes: Int

  /// The points as a table, one row each.
  public static func csv(_ points: [DecodingPoint]) -> CSV {
    CSV(
      header: ["model", "batch", "context", "tokens_per_second", "ms_per_step", "cache_bytes", "peak_bytes"],
      rows: points.map {
        [
          $0.model, "\($0.batch)", "\($0.context)", String(format: "%.2f", $0.tokensPerSecond),
          String(format: "%.4f", $0.millisecondsPerStep), "\($0.cacheBytes)", "\($0.peakBytes)",
        ]
      })
  }
}

/// Decodes `newTokens` single tokens after a context, as the papers' speed script does (protocol A sweeps
/// the batch from a one-token prompt, protocol B the context): the caches are filled with random numbers unless
/// `prefill`, since what they hold does not change the work. With `repeats` that many tokens are timed so often.
/// - Throws: usage errors for numbers below 1, and for more than there is memory
public func measureDecoding(
  of model: LanguageModel, named name: String, batch: Int, context: Int, newTokens: Int, prefill: Bool = false,
  repeats: Int = 1
) throws -> DecodingPoint {
  for (what, value) in [("batch", batch), ("context", context), ("tokens", newTokens), ("repeats", repeats)]
  where value < 1 {
    throw UpcycleError.usage("must be positive", field: what, expected: "1 or more", found: "\(value)")
  }
  StoragePool.trim()  // caches of other sizes, which earlier points left
  try requireServingMemory(
    model, sequences: batch, context: cappedSum(context, cappedProduct(repeats, newTokens), 1),
    rows: prefill ? min(context, 512) : batch,
    at: "`batch`, `contexts`")
  StoragePool.resetPeak()
  let caches = (0..<batch).map { _ in model.makeCache(capacity: context + repeats * newTokens + 1, positions: .max) }
  for (row, cache) in caches.enumerated() {
    if prefill {
      for start in stride(from: 0, to: context, by: 512) {
        let ids = (start..<min(start + 512, context)).map {
          Int32(($0 * 7919 + row * 104_729 + 1) % model.config.vocabularySize)
        }
        _ = try model.extend(cache, ids)
      }
    } else {
      for layer in cache.layers { layer.fillAtRandom(context, seed: UInt64(row)) }
    }
  }
  var next = [Int32](repeating: 1, count: batch)
  func step() throws {
    let hidden = try model.extend(zip(caches, next).map { ($0, [$1]) })
    next = greedyTokens(model, hidden, rows: Array(0..<batch))
  }
  try step()  // warms the buffers up
  let timings = try (0..<repeats).map { _ in
    let began = monotonicSeconds()
    for _ in 0..<newTokens { try step() }
    return 1000 * (monotonicSeconds() - began) / Double(newTokens)
  }
  let milliseconds = timings.reduce(0, +) / Double(repeats)
  return DecodingPoint(
    model: name, batch: batch, context: context, newTokens: newTokens,
    tokensPerSecond: 1000 * Double(batch) / milliseconds, millisecondsPerStep: milliseconds, timings: timings,
    cacheBytes: caches.reduce(0) { $0 + $1.bytes }, peakBytes: StoragePool.peakBytes + model.parameters.storedBytes)
}
