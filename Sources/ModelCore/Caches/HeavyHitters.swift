import Foundation
import Groundwork

/// H2O, the heavy-hitter oracle (Zhang et al. 2023, arXiv 2306.14048, Algorithm 1): every head keeps its most recent
/// tokens and, of the older ones, those that most attention was paid to; all others are evicted for good. No training.
///
///   A_t(s) = sum_{u <= t} sum_h p_{u,h}(s),   h over the query heads that share the keys
///   S_t    = {t - w + 1, ..., t} and those h of S_{t-1} before them whose A_{t-1} is largest
///
/// Query t sees the keys of S_t alone, |S_t| <= w + h, while reading a prompt just as while writing. Equal A: the older
/// token goes.
public struct HeavyHitters: Equatable, Sendable {
  /// w + h as a share of a sequence's context, above 0 and at most 1.
  public let share: Double

  /// What is kept of one sequence.
  public struct Budget: Equatable, Sendable {
    /// w, at least 1: a token sees itself.
    public var recent: Int
    /// h
    public var heavy: Int
    /// w + h
    public var tokens: Int { recent + heavy }
  }

  /// - Throws: a usage error for a share outside of 0 to 1
  public init(share: Double) throws {
    guard share > 0, share <= 1 else {
      throw UpcycleError.usage(
        "an impossible share of the cache", field: "cache", expected: "above 0 % and at most 100 %",
        found: "\(100 * share) %")
    }
    self.share = share
  }

  /// Reads `h2o:15.6%`.
  public init(_ text: String) throws {
    guard text.hasPrefix("h2o:"), text.hasSuffix("%"), let percent = Double(text.dropFirst(4).dropLast()) else {
      throw UpcycleError.usage(
        "unknown way to keep a cache small", field: "cache", expected: "h2o:PERCENT%, such as h2o:15.6%", found: text)
    }
    try self.init(share: percent / 100)
  }

  /// The share of a context of so many tokens, rounded, at least one token; half of it, rounded down, for heavy
  /// hitters.
  public func budget(context: Int) -> Budget {
    let tokens = max(1, Int((share * Double(context)).rounded()))
    return Budget(recent: tokens - tokens / 2, heavy: tokens / 2)
  }
}

extension ModelConfig {
  /// Cache under H2O as a share of the base model's whole cache, in percent.
  public func kvPercent(keeping heavyHitters: HeavyHitters) -> Double { kvPercent * heavyHitters.share }

  /// - Throws: a usage error where some layer keeps something else than keys and values by head
  public func requireEvictable() throws {
    var evicts = false
    for (layer, kind) in mixers.enumerated() {
      if kind.mixer.evictableHeads(self, layer: layer) != nil {
        evicts = true
      } else if kvNumbersPerToken(layer: layer) > 0 {
        throw UpcycleError.usage(
          "H2O evicts keys and values head by head", field: "cache",
          expected: "plain attention to all positions in layer \(layer)",
          found: whatItKeepsInstead(layer: layer), hint: "leave the option out for this model")
      }
    }
    if !evicts {
      throw UpcycleError.usage(
        "the model has no keys and values that H2O could evict", field: "cache", expected: "a layer of full attention")
    }
  }
}

extension ModelConfig {
  /// What stands in the way of evicting keys and values in a layer.
  private func whatItKeepsInstead(layer: Int) -> String {
    if mixers[layer] != .attention { return mixers[layer].rawValue }
    if let window = attentionWindow(layer: layer) { return "a window of \(window)" }
    if let chunks = attention.chunks, chunks.layers.contains(layer) { return "chunks of \(chunks.size)" }
    return "capped scores"
  }
}

extension LanguageModel {
  /// From now on caches of this model keep no more than H2O does; `makeCache`'s capacity is the context that shares
  /// refer to. Passes over whole sequences (`hidden`, training) are not changed.
  /// - Throws: a usage error for a model whose layers keep other things than keys and values by head
  public func evict(by heavyHitters: HeavyHitters) throws {
    try config.requireEvictable()
    self.heavyHitters = heavyHitters
  }
}
