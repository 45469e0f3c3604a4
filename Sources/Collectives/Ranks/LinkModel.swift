import Foundation
import Groundwork

/// What a message costs: alpha + bytes / beta.
public struct LinkRate: Equatable, Sendable {
  /// Seconds.
  public var alpha: Double
  /// Bytes per second, each way.
  public var beta: Double

  /// - Parameters:
  ///   - alpha: seconds
  ///   - beta: bytes per second, each way
  public init(alpha: Double, beta: Double) {
    self.alpha = alpha
    self.beta = beta
  }

  /// Reads `ALPHA,BETA` such as `50us,100MB/s`; without units seconds and bytes per second.
  public init(parsing text: String) throws {
    let form = "ALPHA,BETA such as 50us,100MB/s"
    let parts = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    guard parts.count == 2 else { throw UpcycleError.usage("is no link", field: "link", expected: form, found: text) }
    guard let alpha = Self.seconds(parts[0]), alpha >= 0, alpha.isFinite else {
      throw UpcycleError.usage("has no such latency", field: "link", expected: form, found: parts[0])
    }
    let rate = parts[1].hasSuffix("/s") ? String(parts[1].dropLast(2)) : parts[1]
    guard let beta = Double(rate) ?? parseBytes(rate).map(Double.init), beta > 0, beta.isFinite else {
      throw UpcycleError.usage("has no bandwidth", field: "link", expected: form, found: parts[1])
    }
    self.init(alpha: alpha, beta: beta)
  }

  private static func seconds(_ text: String) -> Double? {
    for (unit, perSecond) in [("us", 1e6), ("ms", 1e3), ("s", 1)] where text.hasSuffix(unit) {
      return Double(text.dropLast(unit.count)).map { $0 / perSecond }
    }
    return Double(text)
  }
}

/// Slows messages down to a link of every rank, full duplex. What two messages of a rank share is served one after the
/// other: message m to a rank leaves when the link is free, arrives alpha + bytes / beta later, and then the receiver's
/// link must have been free for bytes / beta too. An all-to-all is done when its messages have really arrived and the
/// modelled times have passed; nothing else is made up. A rank's messages to itself, empty ones and those of the
/// control channel cost nothing.
///
/// Ranks tell each other times of one clock, so they must be on one machine.
public final class LinkModel: Communicator {
  public var rank: Int { ranks.rank }
  public var size: Int { ranks.size }
  public var transport: String { ranks.transport }
  /// Latency and bandwidth of every rank's link.
  public let rate: LinkRate
  private let ranks: any Communicator
  private let lock = NSLock()
  /// When the link of this rank will have sent, and received, what it was given.
  private var sent = 0.0
  private var received = 0.0

  /// - Parameter ranks: on one machine; they carry the messages
  public init(_ ranks: any Communicator, _ rate: LinkRate) {
    self.ranks = ranks
    self.rate = rate
  }

  /// Starts the exchange at once; its request is done no sooner than the modelled link would have it.
  public func start(_ exchange: AllToAll, on channel: Channel) throws -> any Request {
    if channel == .control { return try ranks.start(exchange, on: channel) }
    let request = ModelledRequest(self, exchange)
    lock.withLock {
      sent = max(sent, monotonicSeconds())
      // The next rank first, so that no receiver gets all messages at once.
      for step in 1..<max(1, size) {
        let to = (rank + step) % size
        let bytes = exchange.sendRows[to] * exchange.rowBytes
        if bytes == 0 { continue }
        sent += Double(bytes) / rate.beta
        request.arrivals[to] = sent + rate.alpha
      }
    }
    try request.start(exchange, on: channel, over: ranks)
    return request
  }

  /// When all messages have come in: each with its arrival by the sender's link (0: none) and its bytes.
  fileprivate func delivered(_ messages: [(arrival: Double, bytes: Int)]) -> Double {
    lock.withLock {
      var last = 0.0
      for message in messages.sorted(by: { $0.arrival < $1.arrival }) where message.arrival > 0 {
        let duration = Double(message.bytes) / rate.beta
        received = max(received, message.arrival - duration - rate.alpha) + duration
        last = max(last, received + rate.alpha)
      }
      return last
    }
  }
}

private final class ModelledRequest: Request {
  /// [size]: when this rank's messages arrive, then when the other ranks' arrive here.
  let arrivals: UnsafeMutablePointer<Double>
  private let told: UnsafeMutablePointer<Double>
  private let link: LinkModel
  private let bytes: [Int]
  private var parts: [any Request] = []
  private var done: Double?

  init(_ link: LinkModel, _ exchange: AllToAll) {
    self.link = link
    bytes = exchange.receiveRows.map { $0 * exchange.rowBytes }
    arrivals = .allocate(capacity: link.size)
    arrivals.initialize(repeating: 0, count: link.size)
    told = .allocate(capacity: link.size)
    told.initialize(repeating: 0, count: link.size)
  }

  deinit {
    arrivals.deallocate()
    told.deallocate()
  }

  func start(_ exchange: AllToAll, on channel: Channel, over ranks: any Communicator) throws {
    let rows = Array(repeating: 1, count: link.size)
    let times = AllToAll(
      rowBytes: MemoryLayout<Double>.stride, send: arrivals, sendRows: rows, receive: told, receiveRows: rows)
    parts = [try ranks.start(exchange, on: channel), try ranks.start(times, on: channel.stamps)]
  }

  func test() throws -> Bool {
    if done == nil {
      parts = try parts.filter { try !$0.test() }
      if !parts.isEmpty { return false }
      let own = (0..<link.size).map { arrivals[$0] }.max()!
      done = max(own, link.delivered((0..<link.size).map { (told[$0], bytes[$0]) }))
    }
    return monotonicSeconds() >= done!
  }
}
