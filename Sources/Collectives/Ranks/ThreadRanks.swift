import Foundation
import Groundwork

/// Ranks that are threads of this process: no MPI needed. A message is copied when it is sent.
public final class ThreadRanks: Communicator {
  public let rank: Int
  public var size: Int { post.size }
  public let transport = "threads"
  private let post: PostOffice
  private var started: [Channel: Int] = [:]

  private init(_ rank: Int, _ post: PostOffice) {
    self.rank = rank
    self.post = post
  }

  /// Runs `body` on so many threads and waits for them.
  /// - Throws: the error of the rank that failed first, with its name; the others end at their next test
  public static func run(_ count: Int, _ body: @escaping (any Communicator) throws -> Void) throws {
    let post = PostOffice(size: count)
    let ended = DispatchSemaphore(value: 0)
    nonisolated(unsafe) let body = body
    for rank in 0..<count {
      let thread = Thread {
        do {
          try body(ThreadRanks(rank, post))
          post.end(rank, nil)
        } catch { post.end(rank, error) }
        ended.signal()
      }
      thread.stackSize = 16 << 20
      thread.start()
    }
    for _ in 0..<count { ended.wait() }
    if let failure = post.failure { throw failure }
  }

  /// Sends copies of all messages at once; receiving waits for `test`.
  public func start(_ exchange: AllToAll, on channel: Channel) throws -> any Request {
    precondition(exchange.sendRows.count == size && exchange.receiveRows.count == size)
    let number = started[channel, default: 0]
    started[channel] = number + 1
    let starts = offsets(exchange.sendRows)
    for to in 0..<size where exchange.sendRows[to] > 0 {
      let bytes = exchange.sendRows[to] * exchange.rowBytes
      let copy = Data(bytes: exchange.send + starts[to] * exchange.rowBytes, count: bytes)
      post.send(copy, .init(channel: channel, number: number, from: rank, to: to))
    }
    return ThreadRequest(exchange, channel, number, rank, post)
  }
}

private final class ThreadRequest: Request {
  private let exchange: AllToAll
  private let key: PostOffice.Key
  private let post: PostOffice
  private let starts: [Int]
  private var missing: [Int]

  init(_ exchange: AllToAll, _ channel: Channel, _ number: Int, _ rank: Int, _ post: PostOffice) {
    self.exchange = exchange
    self.post = post
    key = .init(channel: channel, number: number, from: 0, to: rank)
    starts = offsets(exchange.receiveRows)
    missing = exchange.receiveRows.indices.filter { exchange.receiveRows[$0] > 0 }
  }

  func test() throws -> Bool {
    var still: [Int] = []
    for from in missing {
      var key = key
      key.from = from
      guard let message = try post.take(key) else {
        still.append(from)
        continue
      }
      let expected = exchange.receiveRows[from] * exchange.rowBytes
      if message.count != expected {
        throw UpcycleError(
          "a message from rank \(from) has another length", at: "rank \(key.to)", expected: "\(expected) bytes",
          found: "\(message.count)")
      }
      message.copyBytes(
        to: (exchange.receive + starts[from] * exchange.rowBytes).assumingMemoryBound(to: UInt8.self), count: expected)
    }
    missing = still
    return missing.isEmpty
  }
}

/// Messages under way between threads, and which ranks have ended.
private final class PostOffice: @unchecked Sendable {
  struct Key: Hashable {
    var channel: Channel
    var number: Int
    var from: Int
    var to: Int
  }

  let size: Int
  private let lock = NSLock()
  private var messages: [Key: Data] = [:]
  private var ended: Set<Int> = []
  private var first: (any Error)?

  init(size: Int) { self.size = size }

  func send(_ message: Data, _ key: Key) { lock.withLock { messages[key] = message } }

  /// nil while the message is under way.
  func take(_ key: Key) throws -> Data? {
    try lock.withLock {
      if let first { throw first }
      if let message = messages.removeValue(forKey: key) { return message }
      if ended.contains(key.from) {
        throw UpcycleError("ended before it sent what rank \(key.to) waits for", at: "rank \(key.from)")
      }
      return nil
    }
  }

  func end(_ rank: Int, _ error: (any Error)?) {
    lock.withLock {
      ended.insert(rank)
      if let error, first == nil { first = error is AgreedError ? error : Self.naming(rank, error) }
    }
  }

  var failure: (any Error)? { lock.withLock { (first as? AgreedError)?.error ?? first } }

  private static func naming(_ rank: Int, _ error: any Error) -> UpcycleError {
    let kind = (error as? UpcycleError)?.kind ?? .failure
    return UpcycleError(
      "rank \(rank): \((error as? UpcycleError)?.description ?? error.localizedDescription)", kind: kind)
  }
}
