import Groundwork

/// The ranks that execute a schedule together.
struct SimulatedRanks: Sendable {
  /// Per rank the tokens that its experts receive, relative to balanced routing. Experts take so many times as long
  /// there; a collective takes as long as the most loaded rank needs.
  var load: [Double]
  /// kappa while a collective is in flight.
  var slowdownInFlight: Double

  init(load: [Double], slowdownInFlight: Double = 1) {
    self.load = load
    self.slowdownInFlight = slowdownInFlight
  }

  /// `count` ranks with balanced routing.
  init(count: Int, slowdownInFlight: Double = 1) {
    self.init(load: Array(repeating: 1, count: count), slowdownInFlight: slowdownInFlight)
  }

  /// `count` ranks of which one receives `skew` times the balanced share and the others divide the rest.
  init(count: Int, skew: Double, slowdownInFlight: Double = 1) {
    var load = Array(repeating: count > 1 ? (Double(count) - skew) / Double(count - 1) : 1, count: count)
    if count > 1 { load[count - 1] = skew }
    self.init(load: load, slowdownInFlight: slowdownInFlight)
  }
}

/// What a simulated pass took.
public struct SimulatedRun: Sendable {
  /// A stretch of one operation on one stream or link of the first rank.
  public struct Span: Equatable, Sendable {
    /// Two streams and two kinds of link.
    public enum Track: String, CaseIterable, Sendable {
      /// The stream of computing sub-operations.
      case computation
      /// The stream of collectives.
      case communication
      /// Busy for `CollectiveTime.intra`.
      case intraLink = "link inside the node"
      /// Busy for `CollectiveTime.inter`.
      case interLink = "link between nodes"
    }
    /// Where.
    public var track: Track
    /// Index into the schedule's operations.
    public var operation: Int
    /// Milliseconds.
    public var start: Double
    /// Milliseconds.
    public var end: Double
  }

  /// Milliseconds from the first start to the last end.
  public var milliseconds: Double
  /// Milliseconds that compute streams stood still, mean over ranks.
  public var exposed: Double
  /// Milliseconds of all collectives, each alone.
  public var isolated: Double
  /// Of the first rank.
  public var spans: [Span]

  /// `1 - exposed / isolated`; 1 where nothing is communicated.
  public var overlap: Double { isolated > 0 ? 1 - exposed / isolated : 1 }
}

/// A discrete-event simulation: every rank has a compute stream; a collective starts when all ranks have posted it and
/// the one before it is over, keeps both kinds of link busy and ends on all ranks together.
///
/// Time O(n R log R) for n operations and R ranks: 512 ranks and 61 blocks take well below a second.
struct Simulation {
  private let schedule: Schedule
  private let operations: [SubOperation]
  private let ranks: SimulatedRanks
  private let count: Int
  // Of each operation; apart, so that nothing is copied in the event loop.
  private let isCollective: [Bool]
  private let urgency: [Int]
  /// Operations that wait for an operation.
  private var dependents: [[Int]]
  /// Compute and collective operations in issue order.
  private let computeOrder: [Int]
  private let collectiveOrder: [Int]

  // State of rank r: slots [r * operations + i].
  private var waiting: [Int32]
  private var remaining: [Double]
  private var nextCompute: [Int]
  private var ready: [[Int]]
  private var running: [Int]
  private var since: [Double]
  private var version: [Int32]
  private var busy: [Double]

  private var posted: [Int]
  private var nextCollective = 0
  private var flight: (operation: Int, end: Double)?
  private var rate = 1.0
  private var queue = MinHeap<End>()
  private var spans: [SimulatedRun.Span] = []

  /// The end of a compute operation to come, earliest first. One whose version is no longer its rank's is void.
  private struct End: Comparable {
    var time: Double
    var rank: Int
    var version: Int32

    static func < (a: End, b: End) -> Bool { (a.time, a.rank) < (b.time, b.rank) }
  }

  init(_ schedule: Schedule, on ranks: SimulatedRanks) {
    self.schedule = schedule
    self.ranks = ranks
    operations = schedule.operations
    count = ranks.load.count
    let n = operations.count
    isCollective = operations.map(\.kind.isCollective)
    urgency = operations.map(\.urgency)
    dependents = Array(repeating: [], count: n)
    for (index, operation) in operations.enumerated() {
      for before in operation.dependencies { dependents[before].append(index) }
    }
    computeOrder = operations.indices.filter { !schedule.operations[$0].kind.isCollective }
    collectiveOrder = operations.indices.filter { schedule.operations[$0].kind.isCollective }
    waiting = (0..<count).flatMap { _ in schedule.operations.map { Int32($0.dependencies.count) } }
    remaining = ranks.load.flatMap { load in
      schedule.operations.map { $0.duration * ($0.kind.followsLoad ? load : 1) }
    }
    nextCompute = Array(repeating: 0, count: count)
    ready = Array(repeating: [], count: count)
    running = Array(repeating: -1, count: count)
    since = Array(repeating: 0, count: count)
    version = Array(repeating: 0, count: count)
    busy = Array(repeating: 0, count: count)
    posted = Array(repeating: 0, count: n)
  }

  mutating func run() -> SimulatedRun {
    var now = 0.0
    for rank in 0..<count {
      for index in operations.indices where operations[index].dependencies.isEmpty { release(index, rank) }
    }
    startCollective(at: 0)
    for rank in 0..<count { dispatch(rank, at: 0) }
    while true {
      while let head = queue.first, head.version != version[head.rank] { queue.pop() }
      let compute = queue.first
      if let flight, flight.end <= (compute?.time ?? .infinity) {
        now = flight.end
        endCollective(at: now)
      } else if let compute {
        now = compute.time
        queue.pop()
        endCompute(compute.rank, at: now)
      } else {
        break
      }
    }
    let stalled = busy.reduce(0) { $0 + (now - $1) } / Double(count)
    let heaviest = ranks.load.max() ?? 1
    let isolated = collectiveOrder.reduce(0) { $0 + operations[$1].duration * heaviest }
    return SimulatedRun(milliseconds: now, exposed: max(0, stalled), isolated: isolated, spans: spans)
  }

  // MARK: Events

  private mutating func endCompute(_ rank: Int, at now: Double) {
    let index = running[rank]
    settle(rank, at: now)
    running[rank] = -1
    var posts = false
    for next in dependents[index] { posts = arrive(next, rank) || posts }
    if posts { startCollective(at: now) }
    dispatch(rank, at: now)
  }

  private mutating func endCollective(at now: Double) {
    let index = flight!.operation
    for rank in 0..<count { settle(rank, at: now) }
    flight = nil
    rate = 1
    for rank in 0..<count {
      for next in dependents[index] { _ = arrive(next, rank) }
    }
    startCollective(at: now)
    for rank in 0..<count { dispatch(rank, at: now) }
  }

  /// Starts the next collective where all ranks have posted it.
  private mutating func startCollective(at now: Double) {
    guard flight == nil, nextCollective < collectiveOrder.count else { return }
    let index = collectiveOrder[nextCollective]
    guard posted[index] == count else { return }
    nextCollective += 1
    let heaviest = ranks.load.max() ?? 1
    let end = now + operations[index].duration * heaviest
    flight = (index, end)
    spans.append(.init(track: .communication, operation: index, start: now, end: end))
    if let links = operations[index].links {
      if links.intra > 0 {
        spans.append(.init(track: .intraLink, operation: index, start: now, end: now + links.intra * heaviest))
      }
      if links.inter > 0 {
        spans.append(.init(track: .interLink, operation: index, start: now, end: now + links.inter * heaviest))
      }
    }
    if ranks.slowdownInFlight == 1 { return }
    for rank in 0..<count { settle(rank, at: now) }
    rate = 1 / ranks.slowdownInFlight
    for rank in 0..<count where running[rank] >= 0 { expectEnd(rank, at: now) }
  }

  // MARK: Streams

  /// One dependency of `index` is over on `rank`; true when that posted a collective.
  private mutating func arrive(_ index: Int, _ rank: Int) -> Bool {
    let slot = rank * operations.count + index
    waiting[slot] -= 1
    return waiting[slot] == 0 && release(index, rank)
  }

  /// `index` could start on `rank`; true where it is a collective, which is then posted.
  @discardableResult
  private mutating func release(_ index: Int, _ rank: Int) -> Bool {
    if isCollective[index] {
      posted[index] += 1
      return true
    }
    if schedule.isFree { ready[rank].append(index) }
    return false
  }

  /// Lets the compute stream of `rank` run what it should be running now.
  private mutating func dispatch(_ rank: Int, at now: Double) {
    if schedule.isFree {
      takeMostUrgent(rank, at: now)
    } else if running[rank] < 0, nextCompute[rank] < computeOrder.count {
      let index = computeOrder[nextCompute[rank]]
      guard waiting[rank * operations.count + index] == 0 else { return }
      nextCompute[rank] += 1
      start(index, rank, at: now)
      return
    }
    if running[rank] >= 0 { expectEnd(rank, at: now) }
  }

  private mutating func takeMostUrgent(_ rank: Int, at now: Double) {
    guard let best = ready[rank].min(by: { (urgency[$0], $0) < (urgency[$1], $1) }) else { return }
    let current = running[rank]
    if current >= 0 {
      guard urgency[best] < urgency[current] else { return }
      settle(rank, at: now)
      ready[rank].append(current)
    }
    ready[rank].removeAll { $0 == best }
    start(best, rank, at: now)
  }

  private mutating func start(_ index: Int, _ rank: Int, at now: Double) {
    running[rank] = index
    since[rank] = now
    expectEnd(rank, at: now)
  }

  /// Books the progress of what `rank` runs up to `now`.
  private mutating func settle(_ rank: Int, at now: Double) {
    let index = running[rank]
    guard index >= 0, now > since[rank] else { return }
    remaining[rank * operations.count + index] -= (now - since[rank]) * rate
    busy[rank] += now - since[rank]
    if rank == 0 {
      if let last = spans.lastIndex(where: { $0.track == .computation }), spans[last].operation == index,
        spans[last].end == since[0]
      {
        spans[last].end = now
      } else {
        spans.append(.init(track: .computation, operation: index, start: since[0], end: now))
      }
    }
    since[rank] = now
  }

  private mutating func expectEnd(_ rank: Int, at now: Double) {
    version[rank] += 1
    let left = max(0, remaining[rank * operations.count + running[rank]])
    queue.push(End(time: now + left / rate, rank: rank, version: version[rank]))
  }
}
