import Groundwork
import ModelCore

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

extension LightningConversion: TensorwiseReplacement {
  public static var kind: MixerKind { .lightningAttention }

  /// - Throws: usage errors for layers without attention, and for attention with gates or with norms over all heads at
  ///   once
  public func config(base: ModelConfig) throws -> ModelConfig {
    let layers = try attentionLayers(self.layers, of: base)
    if base.attention.qkNormSpansHeads {
      throw UpcycleError.usage(
        "the method has no place for all of this attention", field: "model", expected: "norms over single heads",
        found: "norms over all heads at once")
    }
    return try base.withLightningAttention(layers: layers)
  }

  func write(
    _ tensor: TensorSpec, _ role: MixerRole, layer: Int, of config: ModelConfig, from teacher: TeacherRows,
    to destination: UnsafeMutablePointer<Float>
  ) throws {
    switch role {
    case .query, .key, .value:
      let rows = 0..<teacher.base.attentionHeads * teacher.base.headDim
      try teacher.copyRows(role, layer, [TeacherBlock(rows: rows, teacher: 0)], to: destination)
    case .output: try teacher.source.read(teacher.base.counterpart(of: tensor), into: destination)
    case .queryNorm where teacher.base.attention.qkNorm, .keyNorm where teacher.base.attention.qkNorm:
      try teacher.source.read(teacher.base.counterpart(of: tensor), into: destination)
    default: tensor.writeUntrained(seed: seed, to: destination)
    }
  }
}
