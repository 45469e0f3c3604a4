import Groundwork
import ModelCore
import TensorCore

/// PALU (Chang et al. 2024, arXiv 2407.21118): key and value projections become products of low rank, fitted to the
/// projections' outputs on calibration text; ranks follow Fisher information. No training.
///
/// With the Cholesky factor L of E x x^T, PALU factorises W L = U S V^T and keeps W ~ (U S^(1/2)) (S^(1/2) V^T L^-1),
/// group by group of heads. The same product is U U^T W, U the leading eigenvectors of W E[x x^T] W^T, as here.
public struct LowRankConversion: Codable, Equatable, Sendable {
  /// Cache of the converted layers as a share of what it was, above 0 and at most 1.
  public var share: Double
  /// KV heads that share a latent: several are G-LRD, one is M-LRD; nil: all of a layer, J-LRD.
  public var headsPerGroup: Int?
  /// Which attention layers are converted.
  public var layers: LayerSelection

  /// - Parameter headsPerGroup: nil: all heads of a layer
  public init(share: Double, headsPerGroup: Int? = nil, layers: LayerSelection = .all) {
    self.share = share
    self.headsPerGroup = headsPerGroup
    self.layers = layers
  }

  /// Groups of heads in a layer.
  func groups(_ base: ModelConfig) -> Int { base.keyValueHeads / (headsPerGroup ?? base.keyValueHeads) }

  /// The largest rank of a group's projection.
  func fullRank(_ base: ModelConfig) -> Int {
    min(base.hiddenSize, base.keyValueHeads / groups(base) * base.headDim)
  }

  /// Ranks of all groups of these layers together.
  func totalRank(_ base: ModelConfig, layers: Int) -> Int {
    Int((share * Double(layers * 2 * base.keyValueHeads * base.headDim)).rounded())
  }

  /// Refuses what cannot be done to this base model, naming the option; returns the layers to convert.
  public func validate(base: ModelConfig) throws -> [Int] {
    if let headsPerGroup, headsPerGroup < 1 || base.keyValueHeads % headsPerGroup != 0 {
      throw UpcycleError.usage(
        "KV heads do not fill whole groups", field: "group_heads", expected: "a divisor of \(base.keyValueHeads)",
        found: "\(headsPerGroup)")
    }
    let layers = try plainAttentionLayers(self.layers, of: base)
    guard share > 0, share <= 1 else {
      throw UpcycleError.usage(
        "an impossible share of the cache", field: "kv_share", expected: "above 0 % and at most 100 %",
        found: "\(100 * share) %")
    }
    let count = layers.count * 2 * groups(base)
    let (total, most) = (totalRank(base, layers: layers.count), count * fullRank(base))
    if !(count...most).contains(total) {
      throw UpcycleError.usage(
        "an impossible share of the cache", field: "kv_share",
        expected: "a rank for each of \(count) factorisations, \(most) in all at most",
        found: "\(100 * share) %, \(total)")
    }
    return layers
  }
}

/// Turns attention layers of a model in memory into low-rank attention; `base` is left as it was.
/// - Parameters:
///   - covariances: E x x^T of the converted layers' normed inputs (`inputCovariances`)
///   - information: of the converted layers (`fisherInformation`)
/// - Returns: the model, and the share of the projections' output that each layer lost (squared, on the text)
public func convert(
  base: LanguageModel, _ conversion: LowRankConversion, covariances: [Int: Matrix],
  information: [Int: FisherInformation]
) throws -> (model: LanguageModel, lost: [Int: Double]) {
  let config = base.config
  let layers = try conversion.validate(base: config)
  let ranks = fisherRanks(
    layers.flatMap { information[$0]!.key + information[$0]!.value }, full: conversion.fullRank(config),
    total: conversion.totalRank(config, layers: layers.count))
  let groups = conversion.groups(config)
  let source = ModelWeights(base)
  var shape = LowRankConfig(layerRanks: [:])
  var made: [TensorPlace: Tensor] = [:]
  var lost: [Int: Double] = [:]
  for (index, layer) in layers.enumerated() {
    let own = Array(ranks[index * 2 * groups..<(index + 1) * 2 * groups])
    let both = LowRankConfig.Ranks(key: Array(own[..<groups]), value: Array(own[groups...]))
    shape.layerRanks[layer] = both
    var (energy, kept) = (0.0, 0.0)
    for (role, down, up, ranks) in [
      (MixerRole.key, MixerRole.keyDown, MixerRole.keyUp, both.key),
      (.value, .valueDown, MixerRole.valueUp, both.value),
    ] {
      let weight = Matrix(try source.read(config.attentionTensor(role, layer: layer)))
      let rows = weight.rows / groups
      var downs: Matrix?
      for (group, rank) in ranks.enumerated() {
        let part = weight.selecting(rows: Array(group * rows..<(group + 1) * rows))
        let svd = try TruncatedSVD(part, rank: rank, covariance: covariances[layer]!)
        let roots = svd.singularValues.map { $0.squareRoot() }
        let right = svd.right.scalingRows(by: roots)
        downs = downs.map { $0.stacked(on: right) } ?? right
        made[TensorPlace(.mixer(up(group)), layer: layer)] = svd.left.scalingColumns(by: roots).tensor()
        energy += svd.energy
        kept += svd.singularValues.reduce(0) { $0 + $1 * $1 }
      }
      made[TensorPlace(.mixer(down), layer: layer)] = downs!.tensor()
    }
    lost[layer] = energy > 0 ? max(0, 1 - kept / energy) : 0
  }
  let converted = try config.withLowRankAttention(shape)
  let weights = ReplacedWeights(source: source, base: config, made: made)
  return (try LanguageModel(converted, weights: weights, file: "converted model"), lost)
}
