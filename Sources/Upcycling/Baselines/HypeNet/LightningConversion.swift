import Groundwork
import ModelCore
import TensorCore

/// How attention layers become Lightning Attention (HALO, arXiv 2601.22156, section 3.1): query, key, value and output
/// projections, and norms on queries and keys, are the attention's, keys and values repeated from n_kv to n_h heads; the
/// output's norm starts at one and its gate at random. Biases have no counterpart and are dropped.
public struct LightningConversion: Codable, Equatable, Sendable {
  /// Which attention layers are converted.
  public var layers: LayerSelection
  /// Seed of everything that starts at random.
  public var seed: UInt64

  /// Every layer unless said otherwise.
  public init(layers: LayerSelection = .all, seed: UInt64 = 0) {
    self.layers = layers
    self.seed = seed
  }
}

extension LightningConversion: MixerReplacement {
  public static var kind: MixerKind { .lightningAttention }

  /// The converted model's shape; refuses what cannot be done to this base model.
  public func config(base: ModelConfig) throws -> ModelConfig {
    let layers = try attentionLayers(self.layers, of: base)
    if base.attention.qkNormSpansHeads {
      throw UpcycleError.usage(
        "the method has no place for all of this attention", field: "model", expected: "norms over single heads",
        found: "norms over all heads at once")
    }
    return try base.withLightningAttention(layers: layers)
  }

  public func converted(_ base: LanguageModel) throws -> LanguageModel {
    let config = try config(base: base.config)
    return try LanguageModel(
      config,
      weights: LightningWeights(source: ModelWeights(base), base: base.config, config: config, conversion: self),
      file: "converted model")
  }
}

/// The weights of a model whose attention layers became Lightning Attention, made as they are asked for.
private struct LightningWeights: WeightSource {
  let source: any WeightSource
  let base: ModelConfig
  let config: ModelConfig
  let conversion: LightningConversion

  var names: Set<String>? { nil }

  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    guard case .mixer(let role) = tensor.role, let layer = tensor.layer, config.mixers[layer] == .lightningAttention
    else {
      return try source.read(base.counterpart(of: tensor), into: destination)
    }
    switch role {
    case .query, .key, .value:
      let rows = 0..<base.attentionHeads * base.headDim
      try TeacherRows(source: source, base: base).copyRows(
        role, layer, [TeacherBlock(rows: rows, teacher: 0)], to: destination)
    case .output: try source.read(base.counterpart(of: tensor), into: destination)
    case .queryNorm where base.attention.qkNorm, .keyNorm where base.attention.qkNorm:
      try source.read(base.counterpart(of: tensor), into: destination)
    default: tensor.writeUntrained(seed: conversion.seed, to: destination)
    }
  }
}
