import Groundwork
import ModelCore
import TensorCore

/// How attention layers become Mamba2 (MambaInLlama; Zebra-Llama, section 3.2): the paper's grouped variant, started from
/// the attention's projections or from nothing.
///
///   V -> x, K -> B, Q -> C, O -> out_proj; gate, dt and the rest start as Mamba2 does.
///
/// Biases go the same way, into one of in_proj. Norms on queries and keys, and rotary positions, have no counterpart
/// and are dropped.
public struct MambaConversion: Codable, Equatable, Sendable {
  /// Which attention layers are converted.
  public var layers: LayerSelection
  /// Where the new projections come from.
  public var start: MixerStart
  /// Seed of everything that starts at random.
  public var seed: UInt64

  /// The paper's choices for every layer unless said otherwise.
  public init(layers: LayerSelection = .all, start: MixerStart = .structured, seed: UInt64 = 0) {
    self.layers = layers
    self.start = start
    self.seed = seed
  }

  /// Refuses what cannot be done to this base model; returns the layers to convert.
  public func validate(base: ModelConfig) throws -> [Int] {
    try attentionLayers(layers, of: base)
  }
}

extension MambaConversion: MixerReplacement {
  public static var kind: MixerKind { .mamba2 }
  public func config(base: ModelConfig) throws -> ModelConfig { try base.withMamba2(layers: validate(base: base)) }
  public func converted(_ base: LanguageModel) throws -> LanguageModel { try convert(base: base, self) }
}

/// Turns attention layers of a model in memory into Mamba2; `base` is left as it was.
public func convert(base: LanguageModel, _ conversion: MambaConversion) throws -> LanguageModel {
  let layers = try conversion.validate(base: base.config)
  let config = try base.config.withMamba2(layers: layers)
  return try LanguageModel(
    config, weights: MambaWeights(ModelWeights(base), base: base.config, config: config, conversion: conversion),
    file: "converted model")
}

/// The weights of a model whose attention layers became Mamba2, made as they are asked for.
struct MambaWeights: WeightSource {
  let source: any WeightSource
  let base: ModelConfig
  let config: ModelConfig
  let conversion: MambaConversion

  init(_ source: any WeightSource, base: ModelConfig, config: ModelConfig, conversion: MambaConversion) {
    self.source = source
    self.base = base
    self.config = config
    self.conversion = conversion
  }

  var names: Set<String>? { nil }

  func read(_ tensor: TensorSpec, into destination: UnsafeMutablePointer<Float>) throws {
    guard case .mixer(let role) = tensor.role, let layer = tensor.layer, config.mixers[layer] == .mamba2 else {
      return try source.read(base.counterpart(of: tensor), into: destination)
    }
    if role == .output, conversion.start == .structured {
      return try source.read(base.counterpart(of: tensor), into: destination)
    }
    tensor.writeUntrained(seed: conversion.seed, to: destination)
    guard role == .input || role == .inputBias, conversion.start == .structured, let mamba = config.mamba else {
      return
    }
    // Rows z | x | B | C | dt, of which x, B and C come from values, keys and queries.
    var row = mamba.innerWidth
    let projections: [MixerRole] = role == .input ? [.value, .key, .query] : [.valueBias, .keyBias, .queryBias]
    for projection in projections {
      let teacher = base.attentionTensor(projection, layer: layer)
      try source.read(teacher, into: destination + row * (teacher.count / teacher.shape[0]))
      row += teacher.shape[0]
    }
  }
}
