import Groundwork

/// All-reduces (sums of float32) whose terms are added in the order of ranks, so that every run gives the same bits on
/// every rank: ((x_0 + x_1) + x_2) + ... A rank sums its share of the numbers and hands the sums out, two all-to-alls
/// that carry 2 (P - 1) / P of the payload, as a ring does.
///
/// Several may be in flight; the second halves start in the order of the first ones, on every rank.
public final class AllReducer {
  private let ranks: any Communicator
  private var last: AllReduce?

  /// One for all reductions of a rank, since it keeps their order.
  public init(_ ranks: any Communicator) { self.ranks = ranks }

  /// Replaces `values` [count] by their sum over ranks. They must stay in place until the request is done.
  public func start(_ values: UnsafeMutablePointer<Float>, count: Int) throws -> any Request {
    let request = try AllReduce(values, count, ranks, after: last)
    last = request
    return request
  }
}

private final class AllReduce: Request {
  private let values: UnsafeMutablePointer<Float>
  private let ranks: any Communicator
  /// Of a rank's share: [size].
  private let shares: [Int]
  /// The terms of this rank's share, [size, share]; nil when they are summed.
  private var terms: UnsafeMutablePointer<Float>?
  /// Their sum, once for every rank; nil before and after it travels.
  private var sum: UnsafeMutablePointer<Float>?
  private var previous: AllReduce?
  private var scatter: (any Request)?
  private var gather: (any Request)?

  init(_ values: UnsafeMutablePointer<Float>, _ count: Int, _ ranks: any Communicator, after previous: AllReduce?)
    throws
  {
    self.values = values
    self.ranks = ranks
    self.previous = previous
    let size = ranks.size
    shares = (0..<size).map { count * ($0 + 1) / size - count * $0 / size }
    let own = shares[ranks.rank]
    let terms = UnsafeMutablePointer<Float>.allocate(capacity: max(1, own * size))
    self.terms = terms
    scatter = try ranks.start(
      AllToAll(
        rowBytes: 4, send: values, sendRows: shares, receive: terms, receiveRows: Array(repeating: own, count: size)),
      on: .scatter)
  }

  deinit {
    terms?.deallocate()
    sum?.deallocate()
  }

  func test() throws -> Bool {
    try advance()
    guard let gather, try gather.test() else { return false }
    sum?.deallocate()
    sum = nil
    return true
  }

  /// Starts the second half when the first one is done and all earlier all-reduces have started theirs.
  private func advance() throws {
    if gather != nil { return }
    if let earlier = previous {
      try earlier.advance()
      if earlier.gather == nil { return }
      previous = nil
    }
    guard try scatter!.test() else { return }
    scatter = nil
    let (own, size) = (shares[ranks.rank], ranks.size)
    let (terms, sum) = (self.terms!, UnsafeMutablePointer<Float>.allocate(capacity: max(1, own * size)))
    for index in 0..<own {
      var total = terms[index]
      for rank in 1..<max(1, size) { total += terms[rank * own + index] }
      for rank in 0..<size { sum[rank * own + index] = total }
    }
    terms.deallocate()
    (self.terms, self.sum) = (nil, sum)
    gather = try ranks.start(
      AllToAll(
        rowBytes: 4, send: sum, sendRows: Array(repeating: own, count: size), receive: values, receiveRows: shares),
      on: .gather)
  }
}
