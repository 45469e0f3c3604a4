import Groundwork

/// The ranks of a job, each a thread or a process, that exchange rows of bytes.
///
/// Everything is made of one primitive, the non-blocking all-to-all-v: blocking exchanges of small data
/// (`Communicator+Blocking`) and the all-reduce in the order of ranks (`AllReducer`). It makes progress only while some
/// request of the process is tested (Open MPI has no progress thread of its own), which `MessageProgress` sees to.
///
/// All ranks start their operations on a channel in the same order.
public protocol Communicator: AnyObject {
  /// From 0.
  var rank: Int { get }
  /// How many there are, at least 1.
  var size: Int { get }
  /// What carries the messages: "threads" or "mpi".
  var transport: String { get }
  /// Starts an exchange. The buffers must stay in place until the request is done.
  func start(_ exchange: AllToAll, on channel: Channel) throws -> any Request
}

/// A started operation.
public protocol Request: AnyObject {
  /// Lets messages proceed; true when this operation is done on this rank.
  /// - Throws: when a rank has failed
  func test() throws -> Bool
}

extension Request {
  /// Blocks until the operation is done.
  public func wait() throws {
    while try !test() { nap() }
  }
}

/// Rows of bytes from every rank to every rank. The rows for (from) a rank lie one after another, ranks in order.
public struct AllToAll {
  /// Bytes of a row.
  public var rowBytes: Int
  /// [sum of sendRows, rowBytes].
  public var send: UnsafeRawPointer
  /// [size]: rows for every rank.
  public var sendRows: [Int]
  /// [sum of receiveRows, rowBytes]; must not overlap `send`.
  public var receive: UnsafeMutableRawPointer
  /// [size]: rows from every rank, as many as that rank sends.
  public var receiveRows: [Int]

  /// Takes the buffers as they are: the caller keeps them alive.
  public init(
    rowBytes: Int, send: UnsafeRawPointer, sendRows: [Int], receive: UnsafeMutableRawPointer, receiveRows: [Int]
  ) {
    self.rowBytes = rowBytes
    self.send = send
    self.sendRows = sendRows
    self.receive = receive
    self.receiveRows = receiveRows
  }
}

/// A sequence of operations of its own, so that ranks need not agree on the order across channels.
public struct Channel: Hashable, Sendable {
  let index: Int

  /// Measurements and agreement between ranks; link models let it pass.
  public static let control = Channel(index: 0)
  /// How many rows an all-to-all will carry.
  public static let counts = Channel(index: 1)
  /// Tokens on their way to experts, or the first of two all-reduces.
  public static let dispatch = Channel(index: 2)
  /// What experts made, on its way back, or the second all-reduce.
  public static let combine = Channel(index: 3)
  /// The two halves of all-reduces: sums to their owners, then from them.
  static let scatter = Channel(index: 4)
  static let gather = Channel(index: 5)

  private static let named = 6
  static let count = 2 * named
  /// Beside the channel, what a link model tells about its messages.
  var stamps: Channel { Channel(index: index + Channel.named) }
}

/// Starts of consecutive parts of these lengths, and their sum at the end.
func offsets(_ counts: [Int]) -> [Int] { counts.reduce(into: [0]) { $0.append($0.last! + $1) } }
