import Groundwork
import ModelCore
import TensorCore

/// MHA2MLA (Ji et al. 2025, arXiv 2502.14837): every head keeps the rotation of some of its pairs, and what is left of
/// the key projections shares one latent with the values, by an SVD of both together (SVD_joint). Training follows.
public struct PartialRopeConversion: Codable, Equatable, Sendable {
  /// Which rotary pairs of a head stay rotated.
  public enum Keep: String, Codable, CaseIterable, Sendable {
    /// S_2-norm: those that contribute most to the scores, head by head (`rotaryPairNorms`).
    case twoNorm = "2-norm"
    /// S_high: the highest frequencies.
    case high
    /// S_low: the lowest.
    case low
    /// S_uniform: evenly spread ones.
    case uniform
  }

  /// R, width of the joint latent.
  public var kvRank: Int
  /// d_r, the rotated width that every head keeps.
  public var ropeHeadDim: Int
  /// Which pairs these are.
  public var keep: Keep
  /// Which attention layers are converted.
  public var layers: LayerSelection

  /// The paper's best choice of pairs unless said otherwise.
  public init(kvRank: Int, ropeHeadDim: Int, keep: Keep = .twoNorm, layers: LayerSelection = .all) {
    self.kvRank = kvRank
    self.ropeHeadDim = ropeHeadDim
    self.keep = keep
    self.layers = layers
  }

  /// Refuses what cannot be done to this base model, naming the option; returns the layers to convert.
  public func validate(base: ModelConfig) throws -> [Int] {
    if ropeHeadDim % 2 != 0 || ropeHeadDim < 2 || ropeHeadDim > base.headDim {
      throw UpcycleError.usage(
        "impossible rope width", field: "rope_dim", expected: "an even number in 2...\(base.headDim), the head width",
        found: "\(ropeHeadDim)")
    }
    let most = min(base.hiddenSize, base.keyValueHeads * (2 * base.headDim - ropeHeadDim))
    if !(1...most).contains(kvRank) {
      throw UpcycleError.usage(
        "is out of range", field: "kv_rank", expected: "1...\(most), the rank of keys and values without positions",
        found: "\(kvRank)")
    }
    return try plainAttentionLayers(layers, of: base)
  }

  /// The pairs that every KV head of a layer keeps, ascending.
  /// - Parameter norms: [G][K / 2], for `twoNorm`
  func pairs(_ base: ModelConfig, norms: [[Double]]?) -> [[Int]] {
    let (count, half) = (ropeHeadDim / 2, base.headDim / 2)
    func everywhere(_ pairs: [Int]) -> [[Int]] { Array(repeating: pairs, count: base.keyValueHeads) }
    switch keep {
    case .high: return everywhere(Array(0..<count))
    case .low: return everywhere(Array(half - count..<half))
    case .uniform: return everywhere((0..<count).map { $0 * half / count })
    case .twoNorm:
      guard let norms else { preconditionFailure("2-norm needs measured norms") }
      return norms.map { own in
        own.indices.sorted { own[$0] == own[$1] ? $0 < $1 : own[$0] > own[$1] }.prefix(count).sorted()
      }
    }
  }
}

/// Turns attention layers of a model in memory into MHA2MLA's; `base` is left as it was.
/// - Parameter norms: of the converted layers (`rotaryPairNorms`), for `keep: .twoNorm`
/// - Returns: the model, and the share of the squared singular values that each layer's truncation dropped
public func convert(
  base: LanguageModel, _ conversion: PartialRopeConversion, norms: [Int: [[Double]]] = [:]
) throws -> (model: LanguageModel, lost: [Int: Double]) {
  let config = base.config
  let layers = try conversion.validate(base: config)
  let (width, half, groups) = (config.headDim, config.headDim / 2, config.keyValueHeads)
  let source = ModelWeights(base)
  // YaRN's and LongRoPE's factor on cos and sin scaled all logits of the base; here the rotated part alone has it.
  let freeFactor = config.rope.magnitude * config.rope.magnitude
  var shape = PartialRopeConfig(kvRank: conversion.kvRank, pairs: [:])
  var made: [TensorPlace: Tensor] = [:]
  var lost: [Int: Double] = [:]
  for layer in layers {
    let weights = try AttentionWeights(source, config, layer: layer)
    let pairs = conversion.pairs(config, norms: norms[layer])
    shape.pairs[layer] = pairs
    // Rows of a head, [position-free | rotated], whichever way a pair's halves lie in the base.
    let rotated: [[Int]] = pairs.map { own in own + own.map { $0 + half } }
    let free: [[Int]] = rotated.map { some in (0..<width).filter { !some.contains($0) } }
    func rows(_ dims: [[Int]], heads: Int) -> [Int] {
      (0..<heads).flatMap { head in dims[head * groups / heads].map { head * width + $0 } }
    }
    let joint = weights.key.selecting(rows: rows(free, heads: groups)).stacked(on: weights.value)
    let svd = try TruncatedSVD(joint, rank: conversion.kvRank)
    let roots = svd.singularValues.map { $0.squareRoot() }
    let freeWidth = width - conversion.ropeHeadDim
    let upRows = (0..<groups).flatMap { group -> [Int] in
      let value = groups * freeWidth + group * width
      return Array(group * freeWidth..<(group + 1) * freeWidth) + Array(value..<value + width)
    }
    let whole: [[Int]] = zip(free, rotated).map { $0 + $1 }
    let ordered = rows(whole, heads: config.attentionHeads)
    let query = weights.query.selecting(rows: ordered).scalingRows(
      by: ordered.indices.map { $0 % width < freeWidth ? freeFactor : 1 })
    for (role, matrix) in [
      (MixerRole.query, query),
      (.latentDown, svd.right.scalingRows(by: roots)),
      (.ropeKey, weights.key.selecting(rows: rows(rotated, heads: groups))),
      (.keyValueUp, svd.left.scalingColumns(by: roots).selecting(rows: upRows)),
    ] { made[TensorPlace(.mixer(role), layer: layer)] = matrix.tensor() }
    lost[layer] = svd.lostShare
  }
  let converted = try config.withPartialRopeAttention(shape)
  let replaced = ReplacedWeights(source: source, base: config, made: made)
  return (try LanguageModel(converted, weights: replaced, file: "converted model"), lost)
}
