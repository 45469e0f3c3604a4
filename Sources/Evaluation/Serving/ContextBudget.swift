import Groundwork
import ModelCore
import TensorCore

/// How long a context fits into an amount of memory: weights, recurrent states and the working memory of a step are
/// there whatever the length, the cache grows with it (HyLo's serving question, section 3).
public struct ContextBudget: Codable, Equatable, Sendable {
  /// What there is.
  public var budgetBytes: Int
  /// As storage reserves them.
  public var weightBytes: Int
  /// Recurrent states of one sequence, float32.
  public var stateBytes: Int
  /// Activations of the larger of a prefill chunk and a decoding step.
  public var workingBytes: Int
  /// Of one sequence over all layers, float32.
  public var cacheBytesPerToken: Int
  /// A context that fits this far is taken to be without end.
  private static let endless = 1 << 40
  /// Tokens; nil when nothing grows with the length. No more than a model reads whatever it is told: learned positions,
  /// or those of the first of two ropes.
  public var longest: Int?
  /// What the model was trained for; nil when it has no positions.
  public var positions: Int?

  /// The exact bytes that a context of `tokens` takes in all, as they are reserved.
  public func bytes(_ config: ModelConfig, tokens: Int) -> Int {
    weightBytes + workingBytes + config.reservedBytes(tokens: tokens)
  }

  /// - Parameters:
  ///   - model: loaded; nothing else of its process may hold tensors but what was there `before` it
  ///   - chunk: prompt tokens of one prefill step
  /// - Throws: a usage error for a budget that weights, states and working memory alone pass
  public init(of model: LanguageModel, budget: Int, chunk: Int) throws {
    let config = model.config
    budgetBytes = budget
    weightBytes = StoragePool.reservedBytes(count: config.parameterCount)
    stateBytes = config.stateNumbers * MemoryLayout<Float>.stride
    cacheBytesPerToken = config.kvNumbersPerToken * MemoryLayout<Float>.stride
    positions = config.positionLimit
    // The residual stream and one inner width of a chunk, at the very least.
    let tokenBytes = (config.hiddenSize + config.intermediateSize) * MemoryLayout<Float>.stride
    if config.hardPositionLimit < .max, chunk > config.hardPositionLimit - 2 {
      throw UpcycleError.usage(
        "prompt tokens at once are more than the model's positions", field: "chunk",
        expected: "at most \(formatCount(config.hardPositionLimit - 2))", found: formatCount(chunk))
    }
    if cappedProduct(chunk, tokenBytes) > budget, weightBytes + stateBytes <= budget {
      throw UpcycleError.usage(
        "prompt tokens at once take more than the budget", field: "chunk",
        expected: "at most \(formatCount(budget / tokenBytes)), of \(formatBytes(budget))",
        found: formatCount(chunk))
    }
    workingBytes = try Self.workingBytes(of: model, chunk: chunk)
    longest = nil
    let least = bytes(config, tokens: 1)
    if least > budget {
      throw UpcycleError.usage(
        "the budget is too small", field: "budget",
        expected:
          "\(formatCount(least)) bytes or more (weights \(formatCount(weightBytes)), states \(formatCount(stateBytes)), working memory \(formatCount(workingBytes)))",
        found: formatCount(budget))
    }
    if cacheBytesPerToken == 0 { return }
    let limit = config.hardPositionLimit
    if limit < .max, bytes(config, tokens: limit) <= budget {
      longest = limit
      return
    }
    var (fits, fails) = (1, budget / cacheBytesPerToken + 1)
    // Caches of layers with a window stop growing.
    while bytes(config, tokens: fails) <= budget {
      (fits, fails) = (fails, 2 * fails)
      if fails > Self.endless { return }
    }
    while fits + 1 < fails {
      let middle = (fits + fails) / 2
      if bytes(config, tokens: middle) <= budget { fits = middle } else { fails = middle }
    }
    longest = fits
  }

  /// Measured where every block is full and the cache lies in several runs: longer contexts work in the same memory.
  private static func workingBytes(of model: LanguageModel, chunk: Int) throws -> Int {
    let context = max(0, min(10_000, model.config.hardPositionLimit - chunk - 1))
    let cache = model.makeCache(capacity: context / 2, positions: .max)
    for layer in cache.layers { layer.fillAtRandom(context, seed: 1) }
    cache.reserve(context + chunk + 1)
    // Position tables, which stay, are made by the first round; the second one counts from what the cache leaves.
    let before = StoragePool.liveBytes
    StoragePool.resetPeak()
    let hidden = try model.extend(cache, (0..<chunk).map { Int32($0 % model.config.vocabularySize) })
    let next = greedyTokens(model, hidden, rows: [chunk - 1])
    _ = greedyTokens(model, try model.extend(cache, next), rows: [0])
    return StoragePool.peakBytes - before
  }
}
