import TensorCore

/// What one layer remembers of one sequence: a growing table of rows, one per token.
///
/// Attention stores [keys (G * K) | values (G * V)] per row; latent attention stores
/// [latent (kv_lora_rank) | rotated rope key (qk_rope_head_dim)]: the true compressed cache.
public final class LayerCache {
  public let width: Int
  public private(set) var length = 0
  private var rows: Tensor

  public init(width: Int, capacity: Int = 0) {
    self.width = width
    rows = Tensor([max(capacity, 16), width])
  }

  /// Bytes of the rows in use (`length * width * 4`): what a token costs.
  public var bytes: Int { length * width * MemoryLayout<Float>.stride }
  /// Bytes reserved.
  public var reservedBytes: Int { rows.count * MemoryLayout<Float>.stride }
  /// Row 0; valid until the next `append` or `reserve`.
  public var pointer: UnsafeMutablePointer<Float> { rows.pointer }

  /// Room for `capacity` rows without another copy.
  public func reserve(_ capacity: Int) {
    if capacity <= rows.shape[0] { return }
    let grown = Tensor([capacity, width])
    grown.pointer.update(from: rows.pointer, count: length * width)
    rows = grown
  }

  /// Appends `count` uninitialised rows and returns the first.
  public func append(_ count: Int) -> UnsafeMutablePointer<Float> {
    if length + count > rows.shape[0] { reserve(max(length + count, 2 * rows.shape[0])) }
    defer { length += count }
    return rows.pointer + length * width
  }

  /// Forgets all but the first `length` tokens.
  public func truncate(_ length: Int) { self.length = min(self.length, max(0, length)) }

  /// An independent copy.
  public func snapshot() -> LayerCache {
    let copy = LayerCache(width: width, capacity: length)
    copy.append(length).update(from: rows.pointer, count: length * width)
    return copy
  }
}

/// The caches of all layers for one sequence.
public final class SequenceCache {
  public let layers: [LayerCache]

  public init(layers: [LayerCache]) { self.layers = layers }

  /// Tokens seen.
  public var length: Int { layers.first?.length ?? 0 }
  public var bytes: Int { layers.reduce(0) { $0 + $1.bytes } }

  public func reserve(_ capacity: Int) { for layer in layers { layer.reserve(capacity) } }
  public func truncate(_ length: Int) { for layer in layers { layer.truncate(length) } }
  public func snapshot() -> SequenceCache { SequenceCache(layers: layers.map { $0.snapshot() }) }
}

/// New tokens of one sequence inside a batch of rows.
struct CacheSegment {
  /// Rows of the batch that belong to this sequence.
  var rows: Range<Int>
  var cache: LayerCache
}
