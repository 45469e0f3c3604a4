import Groundwork

/// The shape of PALU's low-rank attention: the widths of the latents that every layer caches in place of keys and
/// values, by group of heads.
public struct LowRankConfig: MixerShape {
  public static var kind: MixerKind { .lowRankAttention }

  /// Widths of one layer's latents, group by group; as many groups of keys as of values, each of as many heads.
  public struct Ranks: Equatable, Sendable {
    /// Of every group's key latent.
    public var key: [Int]
    /// Of every group's value latent.
    public var value: [Int]

    /// One entry for every group of heads.
    public init(key: [Int], value: [Int]) {
      self.key = key
      self.value = value
    }

    /// Numbers that a token takes in the cache.
    public var total: Int { (key + value).reduce(0, +) }
  }

  /// Of every layer with low-rank attention (`low_rank_list`).
  public var layerRanks: [Int: Ranks]

  /// - Parameter layerRanks: of every layer with low-rank attention
  public init(layerRanks: [Int: Ranks]) { self.layerRanks = layerRanks }
}

extension LowRankConfig {
  /// Reads `low_rank_list`, an object of layers, `{"0": {"key": [4, 4], "value": [7, 9]}, …}`.
  init(model: JSONObject) throws {
    var ranks: [Int: Ranks] = [:]
    let list = try model.required("low_rank_list") { try model.object($0) }
    for name in list.values.keys {
      guard let layer = Int(name), let entry = try list.object(name, known: ["key", "value"]) else {
        throw list.fail(name, expected: "the ranks of a layer by its number")
      }
      ranks[layer] = Ranks(
        key: try entry.required("key") { try entry.integers($0) },
        value: try entry.required("value") { try entry.integers($0) })
    }
    self.init(layerRanks: ranks)
  }

  var json: [String: JSONValue] {
    func list(_ ranks: [Int]) -> JSONValue { .array(ranks.map { .int($0) }) }
    let entries = layerRanks.map { (String($0), JSONValue.object(["key": list($1.key), "value": list($1.value)])) }
    return ["low_rank_list": .object(Dictionary(uniqueKeysWithValues: entries))]
  }
}

extension JSONObject {
  /// A list of whole numbers.
  func integers(_ key: String) throws -> [Int]? {
    try array(key)?.map { value in
      guard let number = value.int else { throw fail(key, expected: "a list of whole numbers") }
      return number
    }
  }
}

extension LowRankAttention {
  /// `low_rank_list`: the ranks of every layer's groups, of keys and of values.
  /// - Throws: failures that name the layer or key
  public static func read(_ model: JSONObject, into config: inout ModelConfig) throws {
    config.lowRank = try LowRankConfig(model: model)
  }

  /// `low_rank_list`.
  public static func json(_ config: ModelConfig) -> [String: JSONValue] { config.lowRank?.json ?? [:] }

  /// - Throws: names `low_rank_list` where layers, groups or ranks do not fit the heads; for more than plain attention
  public static func validate(_ config: ModelConfig, _ check: ConfigCheck) throws {
    let shape = try check.shape(config.lowRank, "low_rank_list", of: kind)
    try config.requirePlainAttention(check, for: kind)
    try check.require(
      shape.layerRanks.keys.sorted() == config.layers(of: kind), "low_rank_list", "layers \(config.layers(of: kind))",
      "\(shape.layerRanks.keys.sorted())", "every layer of \(kind.rawValue) has ranks, and no other")
    for layer in config.layers(of: kind) {
      guard let ranks = shape.layerRanks[layer] else { continue }
      let groups = ranks.key.count
      try check.require(
        groups > 0 && groups == ranks.value.count && config.keyValueHeads % groups == 0, "low_rank_list",
        "as many groups of keys as of values, a divisor of \(config.keyValueHeads)",
        "\(groups) and \(ranks.value.count) in layer \(layer)", "KV heads must fill whole groups")
      let most = min(config.hiddenSize, config.keyValueHeads / groups * config.headDim)
      for rank in ranks.key + ranks.value {
        try check.require(
          (1...most).contains(rank), "low_rank_list", "1...\(most), the rank of a group's projection", rank,
          "rank of layer \(layer) out of range")
      }
    }
  }
}

extension ModelConfig {
  /// Shape of low-rank attention; present when any layer has it.
  public var lowRank: LowRankConfig? {
    get { shape() }
    set { setShape(newValue) }
  }

  /// This model with the layers that `lowRank` names turned into low-rank attention; validated.
  public func withLowRankAttention(_ lowRank: LowRankConfig) throws -> ModelConfig {
    var config = self
    config.lowRank = lowRank
    return try config.replacingMixers(lowRank.layerRanks.keys.sorted(), with: .lowRankAttention)
  }
}
