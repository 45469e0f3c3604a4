import Foundation
import Synchronization
import TensorCore
import XCTest

final class ThreadsTests: XCTestCase {
  private var before = 0
  override func setUp() { before = Threads.count }
  override func tearDown() { Threads.set(before) }

  private final class Tally: Sendable {
    let counts: Mutex<[Int]>
    init(_ size: Int) { counts = Mutex([Int](repeating: 0, count: size)) }
    func add(_ index: Int) { counts.withLock { $0[index] += 1 } }
    var values: [Int] { counts.withLock { $0 } }
  }

  func testEveryChunkRunsOnce() {
    for threads in [1, 2, 4] {
      Threads.set(threads)
      for chunks in [0, 1, 2, 7, 100] {
        let tally = Tally(chunks)
        for _ in 0..<20 { Threads.parallel(chunks) { tally.add($0) } }
        XCTAssertEqual(tally.values, [Int](repeating: 20, count: chunks), "\(chunks) chunks on \(threads) threads")
      }
    }
  }

  func testEveryRowIsCoveredOnce() {
    for threads in [1, 2, 3] {
      Threads.set(threads)
      for (rows, grain) in [(0, 4), (1, 4), (10, 100), (103, 10), (64, 1), (5, 0)] {
        let tally = Tally(rows)
        Threads.parallelRows(rows, grain: grain) { for row in $0 { tally.add(row) } }
        XCTAssertEqual(tally.values, [Int](repeating: 1, count: rows), "\(rows) rows by \(grain), \(threads) threads")
      }
    }
  }

  /// Pieces depend on the rows and the thread count, never on timing.
  func testPiecesAreFixed() {
    Threads.set(3)
    let pieces = Mutex<Set<Range<Int>>>([])
    for _ in 0..<30 { Threads.parallelRows(1000, grain: 10) { range in pieces.withLock { _ = $0.insert(range) } } }
    XCTAssertEqual(pieces.withLock { $0.count }, 6)
  }

  func testNestedCallsRunSerially() {
    Threads.set(2)
    let mixed = Mutex(false)
    let tally = Tally(80)
    Threads.parallel(8) { outer in
      let thread = Thread.current
      Threads.parallel(10) { inner in
        if Thread.current !== thread { mixed.withLock { $0 = true } }
        tally.add(outer * 10 + inner)
      }
    }
    XCTAssertEqual(tally.values, [Int](repeating: 1, count: 80))
    XCTAssertFalse(mixed.withLock { $0 }, "an inner chunk ran on another thread than its outer one")
  }

  func testWorkersTakePart() {
    Threads.set(2)
    let seen = Mutex<Set<ObjectIdentifier>>([])
    Threads.parallel(2) { _ in
      seen.withLock { _ = $0.insert(ObjectIdentifier(Thread.current)) }
      // Waits until the other chunk has a thread of its own, but not for ever.
      for _ in 0..<20_000 where seen.withLock({ $0.count }) < 2 { usleep(1000) }
    }
    XCTAssertEqual(seen.withLock { $0.count }, 2)
  }

  /// Workers that join a pool with a history wait for the next job; the pool shrinks and grows again.
  func testTheThreadCountMayChange() {
    for threads in [2, 3, 1, 4, 2] {
      Threads.set(threads)
      XCTAssertEqual(Threads.count, threads)
      usleep(20_000)  // time for new workers to look around
      let tally = Tally(50)
      for _ in 0..<10 { Threads.parallel(50) { tally.add($0) } }
      XCTAssertEqual(tally.values, [Int](repeating: 10, count: 50))
    }
    Threads.set(0)
    XCTAssertEqual(Threads.count, 1)
  }

  /// Callers on different threads: one gets the pool, the others run their chunks themselves.
  func testSeveralCallersAllFinish() {
    Threads.set(2)
    let tally = Tally(40)
    DispatchQueue.concurrentPerform(iterations: 4) { _ in
      for _ in 0..<50 { Threads.parallel(40) { tally.add($0) } }
    }
    XCTAssertEqual(tally.values, [Int](repeating: 200, count: 40))
  }
}
