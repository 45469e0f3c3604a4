import Autograd
import Collectives
import TensorCore

/// The way of a layer's tokens to the ranks of their experts and back (FarSkip-Collective's training). Rank p has the experts
/// p E/P ..< (p + 1) E/P. No token is dropped; a rank may get no row at all.
///
/// Rows leave sorted by expert, so those for a rank lie together. They come sorted by sender, then expert, and are put
/// in order of experts, within an expert of senders: as if one rank had all tokens.
final class ExpertRoute {
  private let context: RankContext
  private let layer: Int
  /// [P]: rows to every rank, and from every rank.
  private let sent: [Int]
  private let received: [Int]
  /// Stretches of rows of one sender and one expert.
  private let stretches: [Stretch]
  /// [E/P + 1]: the rows of this rank's experts.
  let starts: [Int]

  private struct Stretch {
    var bySender: Int
    var byExpert: Int
    var rows: Int
  }

  /// Tells the other ranks how many rows they will get; blocks.
  init(_ context: RankContext, _ choice: ExpertChoice, layer: Int) {
    self.context = context
    self.layer = layer
    let size = context.ranks.size
    let own = choice.experts / size
    let loads = choice.loads
    sent = (0..<size).map { rank in loads[rank * own..<(rank + 1) * own].reduce(0, +) }
    // [P, E/P]
    let counts =
      context.attempt { try context.ranks.allToAll(loads.map(Int32.init), filler: 0).map(Int.init) }
      ?? Array(repeating: 0, count: size * own)
    received = (0..<size).map { counts[$0 * own..<($0 + 1) * own].reduce(0, +) }
    let totals = (0..<own).map { expert in (0..<size).reduce(0) { $0 + counts[$1 * own + expert] } }
    starts = totals.reduce(into: [0]) { $0.append($0.last! + $1) }
    var next = starts
    var stretches: [Stretch] = []
    var row = 0
    for (index, rows) in counts.enumerated() {
      if rows > 0 { stretches.append(Stretch(bySender: row, byExpert: next[index % own], rows: rows)) }
      row += rows
      next[index % own] += rows
    }
    self.stretches = stretches
  }

  /// One of the layer's two exchanges, forward and backward.
  func exchange(_ kind: SubOperation.Kind) -> any RowExchange { Exchange(self, kind) }

  // MARK: One message

  private func send(_ rows: Tensor, toExperts: Bool, _ kind: SubOperation.Kind, _ pass: Pass) -> (
    RankContext.Flight, Tensor
  ) {
    let outgoing = toExperts ? rows : bySender(rows)
    let incoming = Tensor([(toExperts ? received : sent).reduce(0, +), rows.width])
    let flight = context.start(kind.rawValue, layer: layer, pass, keeping: [outgoing, incoming]) {
      try context.ranks.start(
        AllToAll(
          rowBytes: rows.width * MemoryLayout<Float>.stride, send: outgoing.pointer,
          sendRows: toExperts ? sent : received,
          receive: incoming.pointer, receiveRows: toExperts ? received : sent),
        on: kind == .dispatch ? .dispatch : .combine)
    }
    return (flight, incoming)
  }

  private func receive(_ flight: RankContext.Flight, _ incoming: Tensor, toExperts: Bool) -> Tensor {
    context.land(flight)
    return toExperts ? byExpert(incoming) : incoming
  }

  private func byExpert(_ rows: Tensor) -> Tensor {
    moved(rows) { (from: $0.bySender, to: $0.byExpert) }
  }

  private func bySender(_ rows: Tensor) -> Tensor {
    moved(rows) { (from: $0.byExpert, to: $0.bySender) }
  }

  private func moved(_ rows: Tensor, _ places: (Stretch) -> (from: Int, to: Int)) -> Tensor {
    let (width, result) = (rows.width, Tensor(rows.shape))
    for stretch in stretches {
      let (from, to) = places(stretch)
      (result.pointer + to * width).update(from: rows.pointer + from * width, count: stretch.rows * width)
    }
    return result
  }

  private final class Exchange: RowExchange {
    private let route: ExpertRoute
    private let kind: SubOperation.Kind
    /// Rows on their way, and where they arrive.
    private var underWay: (flight: RankContext.Flight, incoming: Tensor)?

    init(_ route: ExpertRoute, _ kind: SubOperation.Kind) {
      self.route = route
      self.kind = kind
    }

    private var goesToExperts: Bool { kind == .dispatch }

    func depart(_ rows: Tensor) { underWay = route.send(rows, toExperts: goesToExperts, kind, .forward) }
    func arrived() -> Tensor { take(toExperts: goesToExperts) }
    func departBack(_ gradient: Tensor) { underWay = route.send(gradient, toExperts: !goesToExperts, kind, .backward) }
    func arrivedBack() -> Tensor { take(toExperts: !goesToExperts) }

    private func take(toExperts: Bool) -> Tensor {
      let (flight, incoming) = underWay!
      underWay = nil
      return route.receive(flight, incoming, toExperts: toExperts)
    }
  }
}
