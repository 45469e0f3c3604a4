import Groundwork

/// The shape of MHA2MLA's attention: one latent for what is not rotated, and rotated keys head by head.
public struct PartialRopeConfig: MixerShape {
  public static var kind: MixerKind { .partialRopeAttention }

  /// R, width of the latent that stands for position-free keys and for values (`partial_rope_kv_rank`).
  public var kvRank: Int
  /// Which rotary pairs of the base's heads stay rotated (`partial_rope_pairs`), by layer and KV head, ascending;
  /// everywhere as many.
  public var pairs: [Int: [[Int]]]

  /// - Parameters:
  ///   - kvRank: R
  ///   - pairs: by layer and KV head, ascending, everywhere as many
  public init(kvRank: Int, pairs: [Int: [[Int]]]) {
    self.kvRank = kvRank
    self.pairs = pairs
  }

  /// d_r, the rotated width of a head.
  public var ropeHeadDim: Int { 2 * (pairs.values.first?.first?.count ?? 0) }
}

extension PartialRopeConfig {
  init(model: JSONObject) throws {
    let list = try model.required("partial_rope_pairs") { try model.object($0) }
    var pairs: [Int: [[Int]]] = [:]
    for name in list.values.keys {
      guard let layer = Int(name), let heads = try list.array(name) else {
        throw list.fail(name, expected: "the pairs of a layer by its number")
      }
      pairs[layer] = try heads.map { head in
        let numbers = head.array?.compactMap(\.int)
        guard let numbers, numbers.count == head.array?.count else {
          throw list.fail(name, expected: "a list of pairs for every KV head")
        }
        return numbers
      }
    }
    self.init(kvRank: try model.required("partial_rope_kv_rank", in: 1...(1 << 20)), pairs: pairs)
  }

  var json: [String: JSONValue] {
    let entries = pairs.map { layer, heads in
      (String(layer), JSONValue.array(heads.map { .array($0.map { .int($0) }) }))
    }
    return [
      "partial_rope_kv_rank": .int(kvRank),
      "partial_rope_pairs": .object(Dictionary(uniqueKeysWithValues: entries)),
    ]
  }
}

extension PartialRopeAttention {
  /// `partial_rope_kv_rank` and `partial_rope_pairs`.
  /// - Throws: failures that name the layer or key
  public static func read(_ model: JSONObject, into config: inout ModelConfig) throws {
    config.partialRope = try PartialRopeConfig(model: model)
  }

  /// The same two keys.
  public static func json(_ config: ModelConfig) -> [String: JSONValue] { config.partialRope?.json ?? [:] }

  /// - Throws: names the key where layers, pairs or the rank do not fit the heads; for more than plain attention
  public static func validate(_ config: ModelConfig, _ check: ConfigCheck) throws {
    let shape = try check.shape(config.partialRope, "partial_rope_pairs", of: kind)
    try config.requirePlainAttention(check, for: kind)
    try check.require(
      shape.pairs.keys.sorted() == config.layers(of: kind), "partial_rope_pairs", "layers \(config.layers(of: kind))",
      "\(shape.pairs.keys.sorted())", "every layer of \(kind.rawValue) has pairs, and no other")
    let count = shape.ropeHeadDim / 2
    try check.require(
      count >= 1 && count <= config.headDim / 2, "partial_rope_pairs", "1 to \(config.headDim / 2) pairs of every head",
      count, "a head keeps some of its rotary pairs")
    for layer in config.layers(of: kind) {
      let heads = shape.pairs[layer] ?? []
      try check.require(
        heads.count == config.keyValueHeads, "partial_rope_pairs", "\(config.keyValueHeads) KV heads in layer \(layer)",
        heads.count, "every head keeps pairs of its own")
      for pairs in heads {
        try check.require(
          pairs.count == count && pairs == Set(pairs).sorted() && pairs.allSatisfy((0..<config.headDim / 2).contains),
          "partial_rope_pairs", "\(count) ascending pairs of 0...\(config.headDim / 2 - 1)", pairs,
          "unusable pairs in layer \(layer)")
      }
    }
    let most = min(
      config.hiddenSize, config.keyValueHeads * (2 * config.headDim - shape.ropeHeadDim))
    try check.require(
      (1...most).contains(shape.kvRank), "partial_rope_kv_rank",
      "1...\(most), the rank of position-free keys and values", shape.kvRank, "out of range")
  }
}

extension ModelConfig {
  /// Shape of MHA2MLA's attention; present when any layer has it.
  public var partialRope: PartialRopeConfig? {
    get { shape() }
    set { setShape(newValue) }
  }

  /// This model with the layers that `partialRope` names turned into MHA2MLA's attention; validated.
  public func withPartialRopeAttention(_ partialRope: PartialRopeConfig) throws -> ModelConfig {
    var config = self
    config.partialRope = partialRope
    return try config.replacingMixers(partialRope.pairs.keys.sorted(), with: .partialRopeAttention)
  }
}
