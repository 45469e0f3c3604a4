import Groundwork
import ModelCore
import TensorCore
import TokenData

extension ModelConfig {
  /// Tokens that end an answer: the configuration's own, and those that the tokenizer's files name.
  public func endTokens(with tokenizer: Tokenizer?) -> Set<Int32> {
    Set(eosTokenIds.map { Int32($0) }).union(tokenizer?.endTokens ?? [])
  }
}

/// What a generation cost.
public struct GenerationReport: Sendable {
  /// Tokens read before the first new one.
  public var promptTokens: Int
  /// Tokens chosen, an end token not counted.
  public var newTokens: Int
  /// Wall-clock from the start to the first new token.
  public var prefillSeconds: Double
  /// Wall-clock of the other new tokens.
  public var decodeSeconds: Double
  /// Bytes of the cache at the end, recurrent states included.
  public var cacheBytes: Int
  /// Of `cacheBytes`, the recurrent states.
  public var stateBytes: Int
  /// Tokens that the cache holds at the end; the last chosen one is not among them.
  public var cachedTokens: Int
  /// Highest sum of tensor bytes held at once: weights, cache, activations.
  public var peakBytes: Int

  /// Prompt tokens per second.
  public var prefillRate: Double { Double(promptTokens) / max(prefillSeconds, 1e-9) }
  /// Single-token steps per second; the first new token comes from the prefill.
  public var decodeRate: Double { Double(max(newTokens - 1, 0)) / max(decodeSeconds, 1e-9) }
}

/// Continues `prompt` token by token until `maximum` new tokens, an id of `ends`, the model's last position, or
/// `onToken` says stop.
/// - Parameters:
///   - prompt: at least one token.
///   - chunk: prompt tokens read at once; more are faster up to some hundreds, and need more memory.
///   - positions: as for `LanguageModel.makeCache`.
///   - onToken: sees each new token; false ends the text.
/// - Throws: usage errors for an empty prompt, one longer than the model's positions, ids outside the vocabulary,
///   impossible sampling options; what `onToken` throws.
public func generate(
  _ model: LanguageModel, prompt: [Int32], maximum: Int, sampling: SamplingOptions = .init(), ends: Set<Int32> = [],
  chunk: Int = 512, positions: Int? = nil, onToken: (Int32) throws -> Bool = { _ in true }
) throws -> GenerationReport {
  try sampling.validate()
  if prompt.isEmpty {
    throw UpcycleError.usage("an empty prompt", hint: "this tokenizer has no beginning token; give some text")
  }
  if let bad = prompt.first(where: { $0 < 0 || Int($0) >= model.config.vocabularySize }) {
    throw UpcycleError.usage(
      "a token outside the vocabulary", field: "prompt", expected: "0..<\(model.config.vocabularySize)", found: "\(bad)"
    )
  }
  if chunk < 1 {
    throw UpcycleError.usage("must be positive", field: "chunk", expected: "1 or more tokens", found: "\(chunk)")
  }
  let limit = min(positions ?? model.config.positionLimit ?? .max, model.config.ropeLimit ?? .max)
  if prompt.count > limit {
    throw UpcycleError.usage(
      "the prompt is longer than the model's positions", expected: "at most \(limit) tokens", found: "\(prompt.count)",
      hint: limit == model.config.ropeLimit
        ? "its other rope (LongRoPE) is not computed"
        : "max_position_embeddings in config.json; `beyond_positions` reads it all the same")
  }
  let sampler = Sampler(sampling)
  StoragePool.resetPeak()
  let capacity = min(limit, cappedSum(prompt.count, max(maximum, 0)))
  try requireServingMemory(
    model, sequences: 1, context: capacity, rows: min(chunk, prompt.count), at: "prompt and new tokens")
  let cache = model.makeCache(capacity: capacity, positions: positions)
  var clock = monotonicSeconds()
  var hidden = try read(model, cache, prompt, chunk: chunk)
  var report = GenerationReport(
    promptTokens: prompt.count, newTokens: 0, prefillSeconds: 0, decodeSeconds: 0, cacheBytes: 0, stateBytes: 0,
    cachedTokens: 0, peakBytes: 0)
  func lap() -> Double {
    let now = monotonicSeconds()
    defer { clock = now }
    return now - clock
  }
  while report.newTokens < maximum {
    let logits = model.logits(hidden.rows(hidden.rowCount - 1..<hidden.rowCount))
    let next = sampler.choose(UnsafeBufferPointer(start: logits.pointer, count: logits.width), at: report.newTokens)
    if !logits.pointer[Int(next)].isFinite {
      throw nonFiniteLogits(at: "token \(prompt.count + report.newTokens)")
    }
    if report.newTokens == 0 { report.prefillSeconds = lap() }
    if ends.contains(next) { break }
    report.newTokens += 1
    if try !onToken(next) || report.newTokens == maximum { break }
    if let positions = cache.positions, cache.length >= positions { break }
    hidden = try model.extend(cache, [next])
  }
  if report.newTokens == 0 && maximum <= 0 { report.prefillSeconds = lap() } else { report.decodeSeconds = lap() }
  report.cacheBytes = cache.bytes
  report.stateBytes = cache.stateBytes
  report.cachedTokens = cache.length
  report.peakBytes = StoragePool.peakBytes + model.parameters.storedBytes
  return report
}

/// Prefill: a prompt's tokens, some at a time with the state carried on, and the final hidden states of the last ones.
func read(_ model: LanguageModel, _ cache: SequenceCache, _ prompt: [Int32], chunk: Int) throws -> Tensor {
  var hidden = Tensor([0, model.config.hiddenSize])
  for start in stride(from: 0, to: prompt.count, by: chunk) {
    hidden = try model.extend(cache, Array(prompt[start..<min(start + chunk, prompt.count)]))
  }
  return hidden
}

/// What a model keeps per token while decoding.
public struct CacheCost: Sendable {
  /// Bytes per token and sequence over all layers, in the float32 that decoding uses.
  public var bytesPerToken: Int
  /// The same of the model with grouped-query attention in every layer.
  public var baseBytesPerToken: Int

  /// By the sizes of the loaded model's layers.
  public init(_ model: LanguageModel) {
    let config = model.config
    let size = MemoryLayout<Float>.stride
    bytesPerToken = size * model.layers.reduce(0) { $0 + $1.cacheNeeds.perToken }
    baseBytesPerToken = size * config.layerCount * 2 * config.keyValueHeads * config.headDim
  }

  /// In percent of the base.
  public var percent: Double { 100 * Double(bytesPerToken) / Double(baseBytesPerToken) }
}
