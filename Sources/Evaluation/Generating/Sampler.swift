import Foundation
import Groundwork

/// How the next token is chosen.
public struct SamplingOptions: Sendable {
  /// 0 is greedy; otherwise logits are divided by it.
  public var temperature = 0.0
  /// Keep the k most probable tokens; nil keeps all.
  public var topK: Int?
  /// Keep the smallest set of most probable tokens that holds this much probability; nil keeps all.
  public var topP: Double?
  /// Of the draws; greedy choice needs none.
  public var seed: UInt64 = 0

  /// Greedy unless said otherwise; `validate` refuses what cannot be.
  public init(temperature: Double = 0, topK: Int? = nil, topP: Double? = nil, seed: UInt64 = 0) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.seed = seed
  }

  /// - Throws: usage errors for impossible values.
  public func validate() throws {
    if !(temperature >= 0 && temperature.isFinite) {
      throw UpcycleError.usage("is impossible", field: "temperature", expected: "0 or more", found: "\(temperature)")
    }
    if let topK, topK < 1 {
      throw UpcycleError.usage("is impossible", field: "top_k", expected: "1 or more", found: "\(topK)")
    }
    if let topP, !(topP > 0 && topP <= 1) {
      throw UpcycleError.usage("is impossible", field: "top_p", expected: "above 0, at most 1", found: "\(topP)")
    }
  }
}

/// Chooses tokens. The draw for token i of a text depends on the seed and i only.
public struct Sampler: Sendable {
  /// As given; `generate` has checked them.
  public let options: SamplingOptions
  private let stream: RandomStream

  /// Expects valid options (`SamplingOptions.validate`).
  public init(_ options: SamplingOptions) {
    self.options = options
    stream = RandomStream(seed: options.seed, "generation")
  }

  /// - Parameters:
  ///   - logits: one per token of the vocabulary.
  ///   - index: how many tokens of this text were chosen before.
  public func choose(_ logits: UnsafeBufferPointer<Float>, at index: Int) -> Int32 {
    if options.temperature == 0 { return largest(logits) }
    let top = Double(logits[Int(largest(logits))])
    var candidates = logits.indices.map {
      (id: Int32($0), weight: exp((Double(logits[$0]) - top) / options.temperature))
    }
    if options.topK != nil || options.topP != nil {
      candidates.sort { ($0.weight, $1.id) > ($1.weight, $0.id) }
      if let topK = options.topK { candidates = Array(candidates.prefix(topK)) }
      if let topP = options.topP { candidates = nucleus(candidates, topP) }
    }
    var rest = stream.uniform(at: UInt64(index)) * candidates.reduce(0) { $0 + $1.weight }
    for candidate in candidates {
      rest -= candidate.weight
      if rest < 0 { return candidate.id }
    }
    return candidates[candidates.count - 1].id
  }

  private func nucleus(_ sorted: [(id: Int32, weight: Double)], _ share: Double) -> [(id: Int32, weight: Double)] {
    let enough = share * sorted.reduce(0) { $0 + $1.weight }
    var sum = 0.0
    let count = sorted.firstIndex {
      sum += $0.weight
      return sum >= enough
    }
    return Array(sorted.prefix((count ?? sorted.count - 1) + 1))
  }
}
