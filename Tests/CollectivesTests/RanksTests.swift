import Foundation
import Groundwork
import XCTest

@testable import Collectives

/// Communicators: ranks on threads, the ordered all-reduce, the link model, ends with errors.
final class RanksTests: XCTestCase {
  /// Rank r sends `rows(r, to)` rows to rank `to`, each row (r, to, number), and checks what it gets.
  private func exchange(ranks count: Int, rows: @escaping (Int, Int) -> Int) throws {
    try ThreadRanks.run(count) { ranks in
      for round in 0..<3 {
        let sent = (0..<count).flatMap { to in
          (0..<rows(ranks.rank, to)).flatMap { [Int32(ranks.rank), Int32(to), Int32($0 + round)] }
        }
        let expected = (0..<count).flatMap { from in
          (0..<rows(from, ranks.rank)).flatMap { [Int32(from), Int32(ranks.rank), Int32($0 + round)] }
        }
        let send = UnsafeMutablePointer<Int32>.allocate(capacity: max(1, sent.count))
        let receive = UnsafeMutablePointer<Int32>.allocate(capacity: max(1, expected.count))
        defer {
          send.deallocate()
          receive.deallocate()
        }
        for (index, value) in sent.enumerated() { send[index] = value }
        try ranks.start(
          AllToAll(
            rowBytes: 12, send: send, sendRows: (0..<count).map { rows(ranks.rank, $0) }, receive: receive,
            receiveRows: (0..<count).map { rows($0, ranks.rank) }), on: .dispatch
        ).wait()
        XCTAssertEqual(Array(UnsafeBufferPointer(start: receive, count: expected.count)), expected)
      }
    }
  }

  func testAllToAllDeliversRaggedCounts() throws {
    try exchange(ranks: 1) { _, _ in 3 }
    try exchange(ranks: 2) { _, _ in 5 }
    try exchange(ranks: 4) { from, to in (from * 7 + to * 3) % 5 }
    try exchange(ranks: 3) { _, _ in 0 }
  }

  func testAllToAllDeliversFromSkewedRanks() throws {
    // Everything goes to the last rank; nothing comes back.
    try exchange(ranks: 4) { _, to in to == 3 ? 1000 : 0 }
    try exchange(ranks: 4) { from, _ in from == 0 ? 17 : 0 }
  }

  func testBlockingExchangesDeliverInRankOrder() throws {
    try ThreadRanks.run(3) { ranks in
      let turned = try ranks.allToAll((0..<6).map { Int32(10 * ranks.rank + $0) }, filler: 0)
      var expected: [Int32] = []
      for from in 0..<3 { for index in 0..<2 { expected.append(Int32(10 * from + 2 * ranks.rank + index)) } }
      XCTAssertEqual(turned, expected)
      XCTAssertEqual(try ranks.allGather(String(repeating: "x", count: ranks.rank)), ["", "x", "xx"])
      XCTAssertEqual(try ranks.broadcast([Double(ranks.rank + 7)], filler: 0), [7])
      XCTAssertEqual(try ranks.mean([Double(ranks.rank)]), [1])
    }
  }

  /// Sums in order of ranks: ((x_0 + x_1) + x_2) + x_3 exactly, whatever share a number belongs to.
  func testAllReduceAddsInRankOrder() throws {
    let count = 37
    let random = RandomStream(seed: 4, "all-reduce")
    func term(_ rank: Int, _ index: Int) -> Float {
      Float(random.normal(at: UInt64(rank * 1000 + index))) * Float(rank == 1 ? 1e6 : 1)
    }
    var changed = false
    try ThreadRanks.run(4) { ranks in
      let reducer = AllReducer(ranks)
      let buffers = (0..<3).map { _ in UnsafeMutablePointer<Float>.allocate(capacity: count) }
      defer { buffers.forEach { $0.deallocate() } }
      for buffer in buffers { for index in 0..<count { buffer[index] = term(ranks.rank, index) } }
      // Three in flight; the last one is waited for first.
      let requests = try buffers.map { try reducer.start($0, count: count) }
      for request in requests.reversed() { try request.wait() }
      for buffer in buffers {
        for index in 0..<count {
          XCTAssertEqual(buffer[index], ((term(0, index) + term(1, index)) + term(2, index)) + term(3, index))
        }
      }
      if ranks.rank == 0 {
        changed = (0..<count).contains { buffers[0][$0] != ((term(3, $0) + term(2, $0)) + term(1, $0)) + term(0, $0) }
      }
    }
    XCTAssertTrue(changed, "another order would give other bits")
  }

  // MARK: Link model

  /// Seconds of `messages` all-to-alls of `bytes` between two ranks, all started at once.
  private func seconds(messages: Int, bytes: Int, _ rate: LinkRate, mode: MessageProgress.Mode = .poll) throws -> Double
  {
    var longest = 0.0
    try ThreadRanks.run(2) { ranks in
      let link = LinkModel(ranks, rate)
      let progress = MessageProgress(mode)
      defer { progress.stop() }
      let space = UnsafeMutableRawPointer.allocate(byteCount: 2 * messages * bytes, alignment: 64)
      defer { space.deallocate() }
      let rows = ranks.rank == 0 ? [0, bytes] : [bytes, 0]
      try link.barrier()
      let start = monotonicSeconds()
      let tickets = try (0..<messages).map { message in
        let at = space + 2 * message * bytes
        return try progress.start {
          try link.start(
            AllToAll(rowBytes: 1, send: at, sendRows: rows, receive: at + bytes, receiveRows: rows), on: .dispatch)
        }
      }
      for ticket in tickets { try progress.wait(ticket) }
      if ranks.rank == 0 { longest = monotonicSeconds() - start }
    }
    return longest
  }

  func testLinkTakesItsTime() throws {
    let rate = LinkRate(alpha: 0.002, beta: 1e6)
    for mode in MessageProgress.Mode.allCases {
      let one = try seconds(messages: 1, bytes: 20_000, rate, mode: mode)
      XCTAssertGreaterThanOrEqual(one, 0.022)
      let two = try seconds(messages: 2, bytes: 20_000, rate, mode: mode)
      XCTAssertGreaterThanOrEqual(two, 0.042, "the second message waits for the link")
    }
    // Not a bound that noise can break: nothing is delayed by a link that is fast.
    XCTAssertLessThan(try seconds(messages: 1, bytes: 20_000, LinkRate(alpha: 0, beta: 1e12)), 1)
  }

  /// Three ranks send to rank 0, whose link receives one message after the other.
  func testReceiversLinkIsSharedToo() throws {
    let (bytes, size) = (10_000, 4)
    try ThreadRanks.run(size) { ranks in
      let link = LinkModel(ranks, LinkRate(alpha: 0, beta: 1e6))
      let space = UnsafeMutableRawPointer.allocate(byteCount: size * bytes, alignment: 64)
      defer { space.deallocate() }
      try link.barrier()
      let start = monotonicSeconds()
      try link.start(
        AllToAll(
          rowBytes: bytes, send: space, sendRows: (0..<size).map { $0 == 0 && ranks.rank != 0 ? 1 : 0 }, receive: space,
          receiveRows: (0..<size).map { $0 != 0 && ranks.rank == 0 ? 1 : 0 }), on: .combine
      ).wait()
      // Each takes 10 ms; the others may have left the barrier a little earlier.
      if ranks.rank == 0 { XCTAssertGreaterThan(monotonicSeconds() - start, 0.025) }
    }
  }

  func testLinksAreRead() throws {
    XCTAssertEqual(try LinkRate(parsing: "50us,100MB/s"), LinkRate(alpha: 50e-6, beta: 1e8))
    XCTAssertEqual(try LinkRate(parsing: "0.001, 2e9"), LinkRate(alpha: 0.001, beta: 2e9))
    for text in ["50us,0", "50us,0GB/s", "50us", "-1us,1GB/s", "x,1GB/s", "1us,1GB/s,2", "1us,inf"] {
      XCTAssertThrowsError(try LinkRate(parsing: text), text) { error in
        XCTAssertEqual((error as? UpcycleError)?.exitCode, 2)
        XCTAssertTrue("\(error)".contains("`link`"), "\(error)")
      }
    }
  }

  // MARK: Failures

  func testARankThatThrowsEndsAll() throws {
    let start = monotonicSeconds()
    XCTAssertThrowsError(
      try ThreadRanks.run(3) { ranks in
        if ranks.rank == 1 { throw UpcycleError("out of luck", at: "step 4") }
        try ranks.barrier()
      }
    ) { XCTAssertEqual("\($0)", "rank 1: step 4: out of luck") }
    XCTAssertLessThan(monotonicSeconds() - start, 5)
  }

  func testARankThatEndsTooEarly() throws {
    XCTAssertThrowsError(
      try ThreadRanks.run(2) { ranks in if ranks.rank == 0 { try ranks.barrier() } }
    ) { XCTAssertTrue("\($0)".contains("rank 1: ended before it sent"), "\($0)") }
  }

  func testMessagesOfAnotherLengthAreRefused() throws {
    XCTAssertThrowsError(
      try ThreadRanks.run(2) { ranks in
        _ = try ranks.allToAll([UInt8](repeating: 0, count: 2 * (1 + ranks.rank)), filler: 0)
      }
    ) { XCTAssertTrue("\($0)".contains("another length"), "\($0)") }
  }

  func testAnErrorOfOneRankEndsAllWithItsName() throws {
    for everywhere in [false, true] {
      XCTAssertThrowsError(
        try ThreadRanks.run(3) { ranks in
          _ = try ranks.agreeing {
            if everywhere || ranks.rank == 2 { throw UpcycleError.usage("is wrong", at: "--layers") }
            return 5
          }
        }
      ) { error in
        XCTAssertEqual("\(error)", everywhere ? "--layers: is wrong" : "rank 2: --layers: is wrong")
        XCTAssertEqual((error as? UpcycleError)?.exitCode, 2)
      }
    }
  }
}
