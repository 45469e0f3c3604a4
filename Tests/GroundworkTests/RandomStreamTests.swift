import Groundwork
import XCTest

/// The generator decides every initialisation, batch and corpus: its values are frozen. They were computed
/// by an independent implementation of SplitMix64 over the FNV-1a key.
final class RandomStreamTests: XCTestCase {
  private let stream = RandomStream(seed: 1, "weights")

  func testBitsAreFrozen() {
    XCTAssertEqual(
      [0, 1, 2, 1 << 40].map { stream.bits(at: $0) },
      [0x18ea_b333_896c_cf75, 0xbb23_ba0f_c25b_661c, 0x0bfd_3068_c5e4_6dc6, 0xe992_7855_9bc0_b1ec])
    XCTAssertEqual(stream.substream(3).bits(at: 0), 0xbf3c_343a_61e6_5032)
    XCTAssertEqual(RandomStream(seed: .max, "é").bits(at: 5), 0xe5cf_b0b6_6bfa_9f14)
  }

  func testNumbersAreFrozen() {
    XCTAssertEqual(stream.uniform(at: 0), 0.09733123787138986)
    XCTAssertEqual(stream.uniform(at: 1), 0.731013897750342)
    for (index, value) in [(0, -0.25688816511248636), (1, -1.9523027633298593), (1000, -0.33329720624839043)] {
      XCTAssertEqual(stream.normal(at: UInt64(index)), value, accuracy: 1e-14)
    }
    XCTAssertEqual((0..<8).map { stream.below(1000, at: $0) }, [97, 731, 46, 394, 650, 583, 731, 791])
    XCTAssertEqual((0..<8).map { RandomStream(seed: 0, "").below(6, at: $0) }, [0, 2, 5, 5, 5, 5, 5, 0])
    var items = Array(0..<10)
    var sequential = stream
    sequential.shuffle(&items)
    XCTAssertEqual(items, [7, 1, 5, 4, 8, 3, 2, 9, 6, 0])
  }

  func testSequentialIsRandomAccess() {
    var sequential = stream
    XCTAssertEqual((0..<5).map { _ in sequential.nextBits() }, (0..<5).map { stream.bits(at: $0) })
    XCTAssertEqual(sequential.nextUniform(), stream.uniform(at: 5))
    XCTAssertEqual(sequential.next(below: 1000), stream.below(1000, at: 6))
    XCTAssertEqual(sequential.counter, 7)
    sequential.counter = 2
    XCTAssertEqual(sequential.nextBits(), stream.bits(at: 2))
  }

  /// Seeds, names and substreams give unrelated sequences.
  func testStreamsDiffer() {
    let streams = [
      stream, RandomStream(seed: 2, "weights"), RandomStream(seed: 1, "weight"), stream.substream(0),
      stream.substream(1), stream.substream(0).substream(0),
    ]
    XCTAssertEqual(Set(streams.flatMap { s in (0..<100).map { s.bits(at: $0) } }).count, 600)
    for other in streams.dropFirst() {
      let product = (0..<4000).reduce(0) { $0 + stream.normal(at: $1) * other.normal(at: $1) } / 4000
      XCTAssertEqual(product, 0, accuracy: 0.08, "correlation")
    }
  }

  func testMomentsAreThoseOfTheDistributions() {
    let count = 40_000
    let uniform = (0..<count).map { stream.uniform(at: UInt64($0)) }
    XCTAssert(uniform.allSatisfy { (0..<1).contains($0) })
    XCTAssertEqual(mean(uniform), 0.5, accuracy: 0.006)
    XCTAssertEqual(mean(uniform.map { ($0 - 0.5) * ($0 - 0.5) }), 1.0 / 12, accuracy: 0.002)
    let normal = (0..<count).map { stream.normal(at: UInt64($0)) }
    for (power, moment, accuracy) in [(1, 0.0, 0.02), (2, 1, 0.03), (3, 0, 0.08), (4, 3, 0.25)] {
      let found = mean(normal.map { value in (0..<power).reduce(1) { product, _ in product * value } })
      XCTAssertEqual(found, moment, accuracy: accuracy, "moment \(power)")
    }
    let neighbours = (1..<count).map { normal[$0] * normal[$0 - 1] }
    XCTAssertEqual(mean(neighbours), 0, accuracy: 0.02, "neighbouring draws are uncorrelated")
  }

  func testBelowCoversItsRange() {
    var counts = [Int](repeating: 0, count: 7)
    for i in 0..<7000 { counts[stream.below(7, at: UInt64(i))] += 1 }
    XCTAssert(counts.allSatisfy { (850...1150).contains($0) }, "\(counts)")
    XCTAssertEqual(stream.below(1, at: 9), 0)
  }

  func testChanceAndPickFollowTheirShares() {
    var draws = stream
    let hits = (0..<4000).reduce(0) { count, _ in count + (draws.chance(0.25) ? 1 : 0) }
    XCTAssertEqual(Double(hits) / 4000, 0.25, accuracy: 0.03)
    XCTAssertFalse(draws.chance(0))
    XCTAssertTrue(draws.chance(1))
    XCTAssertEqual(Set((0..<100).map { _ in draws.pick(["a", "b", "c"]) }), ["a", "b", "c"])
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
}
