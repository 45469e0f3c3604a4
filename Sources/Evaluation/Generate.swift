import Groundwork
import ModelCore
import TensorCore

/// What a generation cost.
public struct GenerationReport: Sendable {
  public var promptTokens: Int
  /// Tokens chosen, an end token not counted.
  public var newTokens: Int
  public var prefillSeconds: Double
  public var decodeSeconds: Double
  /// Bytes of the cache at the end, and the tokens in it.
  public var cacheBytes: Int
  public var cachedTokens: Int

  /// Prompt tokens per second.
  public var prefillRate: Double { Double(promptTokens) / max(prefillSeconds, 1e-9) }
  /// Single-token steps per second; the first new token comes from the prefill.
  public var decodeRate: Double { Double(max(newTokens - 1, 0)) / max(decodeSeconds, 1e-9) }
}

/// Continues `prompt` token by token until `maximum` new tokens, an id of `ends`, the model's last position, or
/// `onToken` says stop.
/// - Parameters:
///   - prompt: at least one token.
///   - onToken: sees each new token; false ends the text.
/// - Throws: usage errors for an empty prompt, one longer than the model's positions, ids outside the vocabulary,
///   impossible sampling options.
public func generate(
  _ model: LanguageModel, prompt: [Int32], maximum: Int, sampling: SamplingOptions = .init(), ends: Set<Int32> = [],
  onToken: (Int32) -> Bool = { _ in true }
) throws -> GenerationReport {
  try sampling.validate()
  if prompt.isEmpty {
    throw UpcycleError.usage("an empty prompt", hint: "this tokenizer has no beginning token; give some text")
  }
  if let bad = prompt.first(where: { $0 < 0 || Int($0) >= model.config.vocabularySize }) {
    throw UpcycleError.usage(
      "a token outside the vocabulary", at: "prompt", expected: "0..<\(model.config.vocabularySize)", found: "\(bad)")
  }
  let sampler = Sampler(sampling)
  let cache = model.makeCache(capacity: prompt.count + max(maximum, 0))
  var clock = monotonicSeconds()
  var hidden = try model.extend(cache, prompt)
  var report = GenerationReport(
    promptTokens: prompt.count, newTokens: 0, prefillSeconds: 0, decodeSeconds: 0, cacheBytes: 0, cachedTokens: 0)
  func lap() -> Double {
    let now = monotonicSeconds()
    defer { clock = now }
    return now - clock
  }
  while report.newTokens < maximum {
    let logits = model.logits(hidden.rows(hidden.rowCount - 1..<hidden.rowCount))
    let next = sampler.choose(UnsafeBufferPointer(start: logits.pointer, count: logits.width), at: report.newTokens)
    if report.newTokens == 0 { report.prefillSeconds = lap() }
    if ends.contains(next) { break }
    report.newTokens += 1
    if !onToken(next) || report.newTokens == maximum { break }
    if let positions = cache.positions, cache.length >= positions { break }
    hidden = try model.extend(cache, [next])
  }
  if report.newTokens == 0 && maximum <= 0 { report.prefillSeconds = lap() } else { report.decodeSeconds = lap() }
  report.cacheBytes = cache.bytes
  report.cachedTokens = cache.length
  return report
}

/// What a model keeps per token while decoding.
public struct CacheCost: Sendable {
  /// Bytes per token and sequence over all layers, in the float32 that decoding uses.
  public var bytesPerToken: Int
  /// The same of the model with grouped-query attention in every layer.
  public var baseBytesPerToken: Int

  public init(_ model: LanguageModel) {
    let config = model.config
    let size = MemoryLayout<Float>.stride
    bytesPerToken = size * model.layers.reduce(0) { $0 + $1.mixer.cacheWidth }
    baseBytesPerToken = size * config.layerCount * 2 * config.keyValueHeads * config.headDim
  }

  /// In percent of the base.
  public var percent: Double { 100 * Double(bytesPerToken) / Double(baseBytesPerToken) }
}
