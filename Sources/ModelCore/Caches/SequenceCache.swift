/// The caches of all layers for one sequence.
public final class SequenceCache {
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
  public var bytes: Int { layers.reduce(0) { $0 + $1.bytes } }
  /// Bytes of the states alone, which do not grow.
  public var stateBytes: Int { layers.reduce(0) { $0 + $1.stateNumbers * MemoryLayout<Float>.stride } }
  /// Tokens it has memory for; `Int.max` when it takes more as they come.
  var capacity: Int { layers.reduce(Int.max) { min($0, $1.capacity) } }

  public func reserve(_ capacity: Int) { for layer in layers { layer.reserve(capacity) } }
  public func truncate(_ length: Int) { for layer in layers { layer.truncate(length) } }
  public func snapshot() -> SequenceCache {
    SequenceCache(layers: layers.map { $0.snapshot() }, positions: positions)
  }
}
