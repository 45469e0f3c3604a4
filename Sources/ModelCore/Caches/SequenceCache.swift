/// The caches of all layers for one sequence.
public final class SequenceCache {
  /// One for every layer, bottom to top.
  public let layers: [LayerCache]
  /// The most tokens it may hold; nil when nothing limits them (a model without attention).
  public let positions: Int?
  /// What it holds of a `CachePool`.
  let lease: Lease?

  /// Places in the two pools.
  struct Lease {
    var pages: [Int]
    var slot: Int
  }

  /// - Parameters:
  ///   - layers: one for every layer, bottom to top
  ///   - positions: the most tokens it may hold; nil: no limit
  public init(layers: [LayerCache], positions: Int?) {
    self.layers = layers
    self.positions = positions
    lease = nil
  }

  init(layers: [LayerCache], positions: Int?, lease: Lease) {
    self.layers = layers
    self.positions = positions
    self.lease = lease
  }

  /// Tokens seen.
  public var length: Int { layers.first?.length ?? 0 }
  /// Bytes of rows in use and states, all layers.
  public var bytes: Int { layers.reduce(0) { $0 + $1.bytes } }
  /// Bytes of the states alone, which do not grow.
  public var stateBytes: Int { layers.reduce(0) { $0 + $1.stateNumbers * MemoryLayout<Float>.stride } }
  /// Tokens it has memory for; `Int.max` when it takes more as they come.
  var capacity: Int { layers.reduce(Int.max) { min($0, $1.capacity) } }

  /// Memory for `capacity` tokens in all; what is there stays.
  public func reserve(_ capacity: Int) { for layer in layers { layer.reserve(capacity) } }
  /// Forgets all but the first `length` tokens; a state can only be emptied (`LayerCache.truncate`).
  public func truncate(_ length: Int) { for layer in layers { layer.truncate(length) } }
  /// An independent copy with memory of its own.
  public func snapshot() -> SequenceCache {
    SequenceCache(layers: layers.map { $0.snapshot() }, positions: positions)
  }
}
