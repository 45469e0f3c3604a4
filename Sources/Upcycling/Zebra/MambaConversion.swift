import ModelCore

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
}

extension MambaConversion: TensorwiseReplacement {
  public static var kind: MixerKind { .mamba2 }

  /// - Throws: usage errors for layers without attention, and for attention with gates
  public func config(base: ModelConfig) throws -> ModelConfig {
    try base.withMamba2(layers: attentionLayers(layers, of: base))
  }

  func write(
    _ tensor: TensorSpec, _ role: MixerRole, layer: Int, of config: ModelConfig, from teacher: TeacherRows,
    to destination: UnsafeMutablePointer<Float>
  ) throws {
    let (source, base) = (teacher.source, teacher.base)
    if role == .output, start == .structured {
      return try source.read(base.counterpart(of: tensor), into: destination)
    }
    tensor.writeUntrained(seed: seed, to: destination)
    guard role == .input || role == .inputBias, start == .structured, let mamba = config.mamba else { return }
    // Rows z | x | B | C | dt, of which x, B and C come from values, keys and queries.
    var row = mamba.innerWidth
    let projections: [MixerRole] = role == .input ? [.value, .key, .query] : [.valueBias, .keyBias, .queryBias]
    for projection in projections {
      let attention = base.attentionTensor(projection, layer: layer)
      try source.read(attention, into: destination + row * (attention.count / attention.shape[0]))
      row += attention.shape[0]
    }
  }
}
