import Foundation
import Groundwork

/// The shape of Lightning Attention layers, shared by all of a model; the keys are HypeNet's.
public struct LightningConfig: MixerShape {
  public static var kind: MixerKind { .lightningAttention }

  /// H, of queries, keys and values, each with a state [K, K] (`lightning_nh`).
  public var heads: Int
  /// K (`lightning_head_dim`).
  public var headDim: Int
  /// Tokens of a chunk in training and prefill; what is computed does not depend on it (`lightning_chunk_size`, our own key).
  public var chunk: Int

  /// - Parameter chunk: tokens; changes the speed of training and prefill alone
  public init(heads: Int, headDim: Int, chunk: Int = 64) {
    self.heads = heads
    self.headDim = headDim
    self.chunk = chunk
  }

  /// HypeNet's shape for a base's attention: a key and a value head for every query head.
  public init(replacing base: ModelConfig) { self.init(heads: base.attentionHeads, headDim: base.headDim) }

  /// H K
  var width: Int { heads * headDim }
  /// Numbers of S, all heads.
  public var recurrentNumbers: Int { heads * headDim * headDim }

  /// What every head forgets by in a token, S <- e^{-rate} S: a geometric sequence that ends at 2^-8, for H = 2^a from
  /// 2^(-8/H) on; where H is no power of two the smaller power's, then every second of the larger's (as in ALiBi).
  public var rates: [Double] { Self.rates(heads) }

  private static func rates(_ heads: Int) -> [Double] {
    let power = 1 << (Int.bitWidth - 1 - heads.leadingZeroBitCount)
    if power == heads { return (1...heads).map { pow(2, -8 * Double($0) / Double(heads)) } }
    let more = rates(2 * power).enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    return rates(power) + more.prefix(heads - power)
  }
}

extension ModelConfig {
  /// Shape of Lightning Attention; present when any layer is.
  public var lightning: LightningConfig? {
    get { shape() }
    set { setShape(newValue) }
  }

  /// This model with `layers` (all if nil) turned into Lightning Attention, of HypeNet's shape unless `lightning` says
  /// otherwise; validated.
  public func withLightningAttention(_ lightning: LightningConfig? = nil, layers: [Int]? = nil) throws -> ModelConfig {
    var config = self
    config.lightning = lightning ?? LightningConfig(replacing: self)
    return try config.replacingMixers(layers, with: .lightningAttention)
  }
}

extension LightningAttention {
  /// The `lightning_*` keys.
  /// - Throws: failures that name a key which is missing or out of range, and `lightning_nkv` where heads share keys
  public static func read(_ model: JSONObject, into config: inout ModelConfig) throws {
    let width = 1...(1 << 20)
    let heads = try model.required("lightning_nh", in: width)
    if let groups = try model.int("lightning_nkv", in: width), groups != heads {
      throw model.unsupported("lightning_nkv", "sharing keys among heads of Lightning Attention")
    }
    config.lightning = LightningConfig(
      heads: heads, headDim: try model.required("lightning_head_dim", in: width),
      chunk: try model.int("lightning_chunk_size", in: 1...65536) ?? 64)
  }

  /// The `lightning_*` keys; `lightning_nkv` is as many heads as `lightning_nh`.
  public static func json(_ config: ModelConfig) -> [String: JSONValue] {
    guard let lightning = config.lightning else { return [:] }
    return [
      "lightning_nh": .int(lightning.heads), "lightning_nkv": .int(lightning.heads),
      "lightning_head_dim": .int(lightning.headDim), "lightning_chunk_size": .int(lightning.chunk),
    ]
  }

  /// - Throws: names `lightning_head_dim` where rotary pairs do not fill it
  public static func validate(_ config: ModelConfig, _ check: ConfigCheck) throws {
    let lightning = try check.shape(config.lightning, "lightning_nh", of: kind)
    try check.require(
      config.lightningRotaryDim % 2 == 0 && config.lightningRotaryDim > 0, "lightning_head_dim", "an even number",
      lightning.headDim, "rotary pairs need two dimensions each")
    try check.rope(config.rope, dim: config.lightningRotaryDim)
  }
}

extension ModelConfig {
  /// Dimensions of a head of Lightning Attention that rope turns, from the first on.
  var lightningRotaryDim: Int { Int(Double(lightning?.headDim ?? 0) * rope.rotatedShare) }
}
