import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

final class ShardBatchTests: XCTestCase {
  private func loader(
    _ fixture: ShardFixture, _ order: BatchLoader.Order, seed: UInt64 = 1, prefetch: Int = 2
  ) throws -> BatchLoader {
    let shards = try TokenShards(fixture.folder, cachedFrames: 3)
    return try BatchLoader(
      shards, batchSize: 3, sequenceLength: 10, seed: seed, order: order, prefetch: prefetch)
  }

  func testTargetsFollowInputs() throws {
    let fixture = try ShardFixture()
    defer { fixture.remove() }
    let tokens = fixture.tokens
    for order in BatchLoader.Order.allCases {
      let loader = try loader(fixture, order)
      for step in 0..<20 {
        let batch = try loader.batch(step: step)
        XCTAssertEqual(batch.inputs.count, 30)
        for row in 0..<3 {
          let start = loader.windowStart(step: step, row: row)
          XCTAssertEqual(Array(batch.inputs[row * 10..<row * 10 + 10]), Array(tokens[start..<start + 10]))
          XCTAssertEqual(
            Array(batch.targets[row * 10..<row * 10 + 10]), Array(tokens[start + 1..<start + 11]))
        }
      }
    }
  }

  func testEveryEpochSeesEveryWindowOnce() throws {
    let fixture = try ShardFixture()
    defer { fixture.remove() }
    let loader = try loader(fixture, .shuffled)
    let windows = loader.windowsPerEpoch
    XCTAssertEqual(windows, (fixture.tokens.count - 1) / 10)
    let starts = (0..<2 * windows).map { loader.windowStart(step: $0 / 3, row: $0 % 3) }
    let all = (0..<windows).map { $0 * 10 }
    XCTAssertEqual(starts[..<windows].sorted(), all)
    XCTAssertEqual(starts[windows...].sorted(), all)
    XCTAssertNotEqual(Array(starts[..<windows]), all)
    XCTAssertNotEqual(Array(starts[..<windows]), Array(starts[windows...]))
  }

  func testResumedBatchesAreTheSame() throws {
    let fixture = try ShardFixture()
    defer { fixture.remove() }
    let whole = try loader(fixture, .shuffled)
    let batches = try (0..<30).map { try whole.batch(step: $0) }
    let resumed = try loader(fixture, .shuffled)
    XCTAssertEqual(try (17..<30).map { try resumed.batch(step: $0) }, Array(batches[17...]))
    let unprefetched = try loader(fixture, .shuffled, prefetch: 0)
    XCTAssertEqual(try unprefetched.batch(step: 5), batches[5])
    // Jumping about is allowed.
    XCTAssertEqual(try resumed.batch(step: 3), batches[3])
    XCTAssertEqual(try resumed.batch(step: 28), batches[28])
    let other = try loader(fixture, .shuffled, seed: 2)
    XCTAssertNotEqual(try (0..<5).map { try other.batch(step: $0) }, Array(batches[..<5]))
  }

  func testSequentialWraps() throws {
    let fixture = try ShardFixture()
    defer { fixture.remove() }
    let loader = try loader(fixture, .sequential)
    let first = loader.windowsPerEpoch
    XCTAssertEqual(loader.windowStart(step: 0, row: 2), 20)
    XCTAssertEqual(loader.windowStart(step: first / 3, row: first % 3), 0)
  }

  func testDamageReachesTheCaller() throws {
    let fixture = try ShardFixture(shardTokens: 1 << 20)
    defer { fixture.remove() }
    let shard = fixture.file("shard-00000.zst")
    var data = try readFile(shard)
    data[data.count / 4] ^= 1
    try writeFile(data, to: shard)
    let loader = try loader(fixture, .sequential)
    XCTAssertThrowsError(try (0...loader.windowsPerEpoch / 3).map { try loader.batch(step: $0) })
  }

  func testTooFewTokensAreRefused() throws {
    let fixture = try ShardFixture()
    defer { fixture.remove() }
    let shards = try TokenShards(fixture.folder)
    XCTAssertThrowsError(
      try BatchLoader(shards, batchSize: 1, sequenceLength: shards.count, seed: 0)
    ) { XCTAssertTrue("\($0)".contains("too few tokens for one window"), "\($0)") }
    XCTAssertThrowsError(try BatchLoader(shards, batchSize: 0, sequenceLength: 4, seed: 0)) {
      XCTAssertTrue("\($0)".contains("must be positive"), "\($0)")
    }
  }

  func testPermutationsVisitEachOnce() {
    for count in [1, 2, 3, 4, 5, 17, 64, 65, 1000] {
      let permutation = Permutation(count: count, stream: RandomStream(seed: 9, "p"))
      XCTAssertEqual((0..<count).map { permutation[$0] }.sorted(), Array(0..<count))
    }
  }
}
