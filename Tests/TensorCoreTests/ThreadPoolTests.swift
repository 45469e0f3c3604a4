import Synchronization
import TensorCore
import XCTest

final class ThreadPoolTests: XCTestCase {
  private let before = Threads.count

  override func tearDown() { Threads.set(before) }

  func testEveryChunkRunsOnce() {
    // More threads than processors: late workers must neither lose nor repeat a chunk.
    for threads in [1, 2, 5] {
      Threads.set(threads)
      let marks = UnsafeMutablePointer<Int32>.allocate(capacity: 301)
      defer { marks.deallocate() }
      for region in 0..<3000 {
        let chunks = region % 100 == 0 ? 300 : region % 7
        marks.update(repeating: 0, count: 301)
        Threads.parallel(chunks) { marks[$0] += 1 }
        for chunk in 0..<301 where marks[chunk] != (chunk < chunks ? 1 : 0) {
          return XCTFail("\(threads) threads, region \(region): chunk \(chunk) ran \(marks[chunk]) times")
        }
      }
    }
  }

  func testCallsFromInsideAChunkRunThereInOrder() {
    Threads.set(3)
    let sums = Mutex([Int](repeating: 0, count: 8))
    Threads.parallel(8) { outer in
      var order: [Int] = []
      Threads.parallel(50) { order.append($0) }
      XCTAssertEqual(order, Array(0..<50))
      sums.withLock { $0[outer] = order.reduce(0, +) }
    }
    XCTAssertEqual(sums.withLock { $0 }, [Int](repeating: 1225, count: 8))
  }

  func testRowsAreCoveredWithoutOverlap() {
    Threads.set(4)
    for rows in [0, 1, 15, 16, 17, 1000] {
      let seen = Mutex([Range<Int>]())
      Threads.parallelRows(rows, grain: 16) { range in seen.withLock { $0.append(range) } }
      let sorted = seen.withLock { $0 }.sorted { $0.lowerBound < $1.lowerBound }
      XCTAssertEqual(sorted.flatMap { Array($0) }, Array(0..<rows))
    }
  }
}
