import Groundwork
import ModelCore

/// How attention layers become Gated DeltaNet (HyLo, section 3.3): q, k, v and output projections start from the
/// attention's, cut or padded to the new widths; gate, decay, beta and convolutions start as flash-linear-attention's.
///
/// Keys and values are first repeated from n_kv to n_h heads (repeat_interleave), so that the teacher has n_h heads
/// of d_h everywhere; its rows are numbered 0 ..< n_h d_h. Biases go as their rows do. Norms on queries and keys, and
/// rotary positions, have no counterpart and are dropped.
public struct DeltaConversion: Codable, Equatable, Sendable {
  /// What becomes of the teacher's projections.
  public enum Start: String, Codable, CaseIterable, Sendable {
    /// The paper's: W_Q and W_K take the teacher's first H K rows, W_V its first min(n_h d_h, H V) rows, W_O as many
    /// columns; the rest starts at random, so a third of the values is noise. Values are twice as wide as keys: head j
    /// reads with teacher heads from j K / d_h on and writes those from j V / d_h on, other ones.
    case corner
    /// Every head's first K values, and the columns of W_O that read them, are those of the teacher heads that its
    /// queries and keys are from; the other V - K start at random. Teacher heads beyond row H K are dropped.
    case aligned
    /// `corner` whose padding is silent: the columns of W_O that the teacher does not fill are zero. The rows of W_V
    /// that feed them stay random: were both zero, neither would ever get a gradient.
    case zero
    /// The baseline: the whole mixer starts as an untrained one.
    case random
  }

  /// Which attention layers are converted.
  public var layers: LayerSelection
  /// Where the new projections come from.
  public var start: Start
  /// H; nil: the published shape's (see `DeltaConfig.init(replacing:heads:)`).
  public var heads: Int?
  /// Seed of everything that starts at random.
  public var seed: UInt64

  /// - Parameter heads: H; nil: the published shape's
  public init(layers: LayerSelection = .all, start: Start = .corner, heads: Int? = nil, seed: UInt64 = 0) {
    self.layers = layers
    self.start = start
    self.heads = heads
    self.seed = seed
  }

  /// Where the rows of W_Q and W_K start from, among `width` = n_h d_h teacher rows.
  func keyBlocks(_ delta: DeltaConfig, width: Int) -> [TeacherBlock] {
    start == .random ? [] : [TeacherBlock(rows: 0..<min(delta.layout.keyWidth, width), teacher: 0)]
  }

  /// The same for the rows of W_V and the columns of W_O.
  func valueBlocks(_ delta: DeltaConfig, width: Int) -> [TeacherBlock] {
    switch start {
    case .random: return []
    case .corner, .zero: return [TeacherBlock(rows: 0..<min(delta.layout.valueWidth, width), teacher: 0)]
    case .aligned:
      return (0..<delta.heads).compactMap { head in
        let teacher = head * delta.keyDim
        let count = min(delta.keyDim, width - teacher)
        return count > 0
          ? TeacherBlock(rows: head * delta.valueDim..<head * delta.valueDim + count, teacher: teacher) : nil
      }
    }
  }
}

extension DeltaConversion: TensorwiseReplacement {
  public static var kind: MixerKind { .gatedDeltaNet }

  /// - Throws: usage errors for layers without attention, attention with gates, heads that do not divide 0.75 d, and an
  ///   aligned start where a key head is no whole number of teacher heads
  public func config(base: ModelConfig) throws -> ModelConfig {
    let layers = try attentionLayers(self.layers, of: base)
    let delta = try DeltaConfig(replacing: base, heads: heads)
    if start == .aligned, delta.keyDim % base.headDim != 0 {
      throw UpcycleError.usage(
        "Gated DeltaNet's heads do not hold whole teacher heads", at: "`gdn_init`",
        expected: "key heads of a multiple of \(base.headDim)", found: "\(delta.heads) heads of \(delta.keyDim)",
        hint: "choose `gdn_heads`, or another start")
    }
    return try base.withGatedDeltaNet(delta, layers: layers)
  }

  func write(
    _ tensor: TensorSpec, _ role: MixerRole, layer: Int, of config: ModelConfig, from teacher: TeacherRows,
    to destination: UnsafeMutablePointer<Float>
  ) throws {
    tensor.writeUntrained(seed: seed, to: destination)
    guard let delta = config.delta else { return }
    let width = teacher.base.attentionHeads * teacher.base.headDim
    switch role {
    case .query, .key, .queryBias, .keyBias:
      try teacher.copyRows(role, layer, keyBlocks(delta, width: width), to: destination)
    case .value, .valueBias: try teacher.copyRows(role, layer, valueBlocks(delta, width: width), to: destination)
    case .output:
      try teacher.copyColumns(
        layer, valueBlocks(delta, width: width), stride: tensor.shape[1], isSilent: start == .zero, to: destination)
    default: break
    }
  }
}
