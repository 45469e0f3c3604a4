import Groundwork
import TensorCore

/// What one layer remembers of one sequence: a growing table of rows, one per token, or a state of one size.
///
/// Attention stores [keys (G * K) | values (G * V)] per row; latent attention stores
/// [latent (kv_lora_rank) | rotated rope key (qk_rope_head_dim)]: the true compressed cache. Mamba2 and Gated
/// DeltaNet have no rows but a state: the last inputs of the convolution, then S [heads, N, P] or [heads, K, V].
public final class LayerCache {
  /// The mixer whose rows or state these are.
  public let kind: MixerKind
  public let width: Int
  public let stateNumbers: Int
  public private(set) var length = 0
  private var rows: Tensor
  private let stateValues: Tensor

  public init(_ kind: MixerKind, width: Int, stateNumbers: Int = 0, capacity: Int = 0) {
    self.kind = kind
    self.width = width
    self.stateNumbers = stateNumbers
    rows = Tensor([width == 0 ? 0 : max(capacity, 16), width])
    stateValues = Tensor.zeros([stateNumbers])
  }

  /// Bytes of the rows in use (`length * width * 4`), what tokens cost, and of the state.
  public var bytes: Int { (length * width + stateNumbers) * MemoryLayout<Float>.stride }
  /// Bytes reserved.
  public var reservedBytes: Int { (rows.count + stateNumbers) * MemoryLayout<Float>.stride }
  /// Row 0; valid until the next `append` or `reserve`.
  public var pointer: UnsafeMutablePointer<Float> { rows.pointer }

  /// The state, all zeros before the first token.
  public var state: UnsafeMutablePointer<Float> { stateValues.pointer }

  /// Room for `capacity` rows without another copy.
  public func reserve(_ capacity: Int) {
    if width == 0 || capacity <= rows.shape[0] { return }
    let grown = Tensor([capacity, width])
    grown.pointer.update(from: rows.pointer, count: length * width)
    rows = grown
  }

  /// Appends `count` uninitialised rows and returns the first.
  @discardableResult
  public func append(_ count: Int) -> UnsafeMutablePointer<Float> {
    if length + count > rows.shape[0] { reserve(max(length + count, 2 * rows.shape[0])) }
    defer { length += count }
    return rows.pointer + length * width
  }

  /// Forgets all but the first `length` tokens. A state can only be emptied; to go back to a point in between,
  /// take a `snapshot` there.
  public func truncate(_ length: Int) {
    if length >= self.length { return }
    precondition(stateNumbers == 0 || length <= 0, "a recurrent state cannot be truncated to \(length) tokens")
    self.length = max(0, length)
    if stateNumbers > 0 { stateValues.fill(0) }
  }

  /// Appends `count` tokens of random numbers, and fills the state with such: for measuring speed without a prefill.
  public func fillAtRandom(_ count: Int, seed: UInt64) {
    let stream = RandomStream(seed: seed, "cache")
    let numbers = (0..<4096).map { Float(stream.uniform(at: UInt64($0)) - 0.5) }
    func fill(_ target: UnsafeMutablePointer<Float>, _ count: Int) {
      for start in stride(from: 0, to: count, by: numbers.count) {
        (target + start).update(from: numbers, count: min(numbers.count, count - start))
      }
    }
    fill(append(count), count * width)
    fill(state, stateNumbers)
  }

  /// An independent copy.
  public func snapshot() -> LayerCache {
    let copy = LayerCache(kind, width: width, stateNumbers: stateNumbers, capacity: length)
    copy.append(length).update(from: rows.pointer, count: length * width)
    copy.state.update(from: state, count: stateNumbers)
    return copy
  }
}

/// The caches of all layers for one sequence.
public final class SequenceCache {
  public let layers: [LayerCache]
  /// The most tokens it may hold; nil when nothing limits them (a model without attention).
  public let positions: Int?

  public init(layers: [LayerCache], positions: Int?) {
    self.layers = layers
    self.positions = positions
  }

  /// Tokens seen.
  public var length: Int { layers.first?.length ?? 0 }
  public var bytes: Int { layers.reduce(0) { $0 + $1.bytes } }

  public func reserve(_ capacity: Int) { for layer in layers { layer.reserve(capacity) } }
  public func truncate(_ length: Int) { for layer in layers { layer.truncate(length) } }
  public func snapshot() -> SequenceCache { SequenceCache(layers: layers.map { $0.snapshot() }, positions: positions) }
}

/// New tokens of one sequence inside a batch of rows.
struct CacheSegment {
  /// Rows of the batch that belong to this sequence.
  var rows: Range<Int>
  var cache: LayerCache
}
