import ModelCore

/// How attention layers become JetBlock (Jet-Nemotron, arXiv 2508.15884). The paper does not say from what its blocks start;
/// here every head has the projections of the attention head whose number it has, cut or padded to its widths.
///
/// Queries and keys are the first K of the head's d_h rows; the first d_h of its V values, and the columns of W_O that read
/// them, are the head's own. The other values start at random and are silent: their columns are zero. The taps do not
/// depend on the input at first (W_2 = 0). Biases, norms on queries and keys, and rotary positions have no counterpart
/// and are dropped.
public struct JetConversion: Codable, Equatable, Sendable {
  /// Which attention layers are converted.
  public var layers: LayerSelection
  /// Where the new projections come from.
  public var start: MixerStart
  /// Seed of everything that starts at random.
  public var seed: UInt64

  /// Every layer unless said otherwise.
  public init(layers: LayerSelection = .all, start: MixerStart = .structured, seed: UInt64 = 0) {
    self.layers = layers
    self.start = start
    self.seed = seed
  }
}

extension JetConversion: TensorwiseReplacement {
  public static var kind: MixerKind { .jetBlock }

  /// - Throws: usage errors for layers without attention, and for attention with gates
  public func config(base: ModelConfig) throws -> ModelConfig {
    try base.withJetBlock(layers: attentionLayers(layers, of: base))
  }

  func write(
    _ tensor: TensorSpec, _ role: MixerRole, layer: Int, of config: ModelConfig, from teacher: TeacherRows,
    to destination: UnsafeMutablePointer<Float>
  ) throws {
    tensor.writeUntrained(seed: seed, to: destination)
    guard start != .random, let jet = config.jet else { return }
    let head = teacher.base.headDim
    /// The first `count` rows of every head of `width`, from the teacher's head of the same number.
    func blocks(_ width: Int, _ count: Int) -> [TeacherBlock] {
      (0..<jet.heads).map { TeacherBlock(rows: $0 * width..<$0 * width + count, teacher: $0 * head) }
    }
    switch role {
    case .tapsOutput: destination.update(repeating: 0, count: tensor.count)
    case .query, .key: try teacher.copyRows(role, layer, blocks(jet.keyDim, jet.keyDim), to: destination)
    case .value: try teacher.copyRows(role, layer, blocks(jet.valueDim, head), to: destination)
    case .output:
      try teacher.copyColumns(
        layer, blocks(jet.valueDim, head), stride: tensor.shape[1], isSilent: true, to: destination)
    default: break
    }
  }
}
