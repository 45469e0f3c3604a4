/// One sub-operation of one block, as every rank executes it.
public struct SubOperation: Equatable, Sendable {
  /// The letters of `LayerDurations`.
  public enum Kind: String, CaseIterable, Sendable {
    /// LN1, and the projections of queries, keys and values.
    case projections = "A"
    /// Core attention, output projection, residual sum.
    case core = "B"
    /// LN2, router, permutation by destination.
    case gate = "G"
    /// The collective before the experts.
    case dispatch = "D"
    /// The routed experts.
    case experts = "E"
    /// The collective behind the experts.
    case combine = "C"
    /// The shared expert.
    case shared = "S"

    /// Whether it runs on the communication stream.
    public var isCollective: Bool { self == .dispatch || self == .combine }
    /// Whether a rank's share of it grows with the tokens routed to its experts.
    var followsLoad: Bool { isCollective || self == .experts }
  }

  /// Which of the seven.
  public var kind: Kind
  /// From 0.
  public var layer: Int
  /// Which half batch; 0 where the batch is whole.
  public var batch: Int
  /// Milliseconds alone on the stream; of a collective the longer of its links.
  public var duration: Double
  /// What a collective does to the links.
  public var links: CollectiveTime?
  /// Indices of operations that must be over before it starts.
  public var dependencies: [Int]
  /// The smaller, the sooner, where the order is free.
  public var urgency: Int
}

/// The operations of a pass over a stack of blocks. Each stream (computation, communication) issues its operations in
/// list order and waits for the dependencies of the next one; in a free schedule the compute stream takes
/// the most urgent operation that is ready, and interrupts a less urgent one for it.
public struct Schedule: Sendable {
  /// The block's wiring.
  public let method: OverlapMethod
  /// Forward, backward or prefill.
  public let pass: Pass
  /// In the order in which each stream issues them.
  public let operations: [SubOperation]
  /// Whether the compute stream chooses by urgency instead of by list order.
  var isFree: Bool { method == .farskipFree }
}

/// Collects operations in issue order.
struct ScheduleBuilder {
  private(set) var operations: [SubOperation] = []

  /// - Returns: the operation's index, for `after` of later ones
  mutating func add(
    _ kind: SubOperation.Kind, _ layer: Int, of durations: LayerDurations, batch: Int = 0, urgency: Int = 0,
    after dependencies: [Int?] = []
  ) -> Int {
    let links: CollectiveTime? =
      kind == .dispatch ? durations.dispatch : kind == .combine ? durations.combine : nil
    let duration =
      switch kind {
      case .projections: durations.projections
      case .core: durations.core
      case .gate: durations.gate
      case .experts: durations.experts
      case .shared: durations.shared
      case .dispatch, .combine: links!.milliseconds
      }
    operations.append(
      SubOperation(
        kind: kind, layer: layer, batch: batch, duration: duration, links: links,
        dependencies: Array(Set(dependencies.compactMap { $0 })).sorted(), urgency: urgency))
    return operations.count - 1
  }
}
