import Foundation
import Groundwork
import XCTest

@testable import LabKit

/// The laws and estimates under the claims, beside scipy's values (Scripts/goldens/make_statistics.py) and beside data whose
/// truth is known.
final class StatisticsTests: XCTestCase {
  private func goldens() throws -> JSONValue {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return try JSONValue(contentsOf: tests.appendingPathComponent("Goldens/statistics.json"))
  }

  private func rows(_ name: String) throws -> [[Double]] {
    try XCTUnwrap(goldens()[name]?.array?.map { $0.array!.map { $0.double! } })
  }

  private func numbers(_ value: JSONValue?) -> [Double] { value?.array?.map { $0.double! } ?? [] }

  // MARK: Beside scipy

  func testFishersLawIsStudentsSquared() {
    for (t, freedom) in [(0.3, 2.0), (1.7, 5), (4.1, 11), (9, 40)] {
      XCTAssertEqual(
        fisherTail(t * t, numerator: 1, denominator: freedom), 2 * studentProbability(-t, freedom: freedom),
        accuracy: 1e-12)
    }
    // Two and two degrees of freedom: 1 / (1 + x).
    for x in [0.2, 1, 7] { XCTAssertEqual(fisherTail(x, numerator: 2, denominator: 2), 1 / (1 + x), accuracy: 1e-12) }
  }

  func testLawsAgreeWithScipy() throws {
    for row in try rows("normal_quantile") { XCTAssertEqual(normalQuantile(row[0]), row[1], accuracy: 1e-10) }
    for row in try rows("student_quantile") {
      let ours = studentQuantile(row[0], freedom: row[1])
      XCTAssertEqual(ours, row[2], accuracy: 1e-8 * max(1, row[2].magnitude), "\(row)")
    }
    for row in try rows("student_probability") {
      XCTAssertEqual(studentProbability(row[0], freedom: row[1]), row[2], accuracy: 1e-12, "\(row)")
    }
    for row in try rows("chi_square_tail") {
      XCTAssertEqual(chiSquareTail(row[0], freedom: row[1]), row[2], accuracy: 1e-12, "\(row)")
    }
    // scipy.stats.nct.sf(12.706204736, 1, 3): the law of one degree of freedom begins at its peak.
    XCTAssertEqual(noncentralStudentTail(12.706204736, freedom: 1, shift: 3), 0.1861080743, accuracy: 1e-4)
    for row in try rows("noncentral_student_tail") {
      XCTAssertEqual(noncentralStudentTail(row[0], freedom: row[1], shift: row[2]), row[3], accuracy: 1e-6, "\(row)")
    }
    XCTAssertEqual(studentQuantile(0.975, freedom: .infinity), normalQuantile(0.975), accuracy: 1e-12)
    // Seeds that agree but for rounding leave Satterthwaite's freedom without bound.
    for freedom in [1e7, 1e9, 1e12, 1e30, 1e57] {
      XCTAssertEqual(studentQuantile(0.975, freedom: freedom), normalQuantile(0.975), accuracy: 3 / freedom + 1e-12)
    }
    for x in [-3.0, -1.96, 0.5, 4] {
      XCTAssertEqual(studentProbability(x, freedom: 1e6), studentProbability(x, freedom: 1.000001e6), accuracy: 1e-9)
    }
  }

  func testPooledVarianceAndBartlettAgreeWithScipy() throws {
    let cases = try XCTUnwrap(goldens()["bartlett"]?.array)
    for item in cases {
      let pool = try XCTUnwrap(PooledVariance(item["groups"]!.array!.map(numbers)))
      XCTAssertEqual(pool.variance, item["variance"]!.double!, accuracy: 1e-12)
      XCTAssertEqual(pool.bartlett, item["p"]!.double!, accuracy: 1e-10)
      XCTAssertEqual(pool.isShared, item["p"]!.double! >= 0.01)
    }
    XCTAssertFalse(try XCTUnwrap(PooledVariance(cases.last!["groups"]!.array!.map(numbers))).isShared, "a loud cell")
    XCTAssertNil(PooledVariance([[1], [2]]))
  }

  func testADifferenceAgreesWithScipysPooledTTest() throws {
    for item in try XCTUnwrap(goldens()["difference"]?.array) {
      let (a, b) = (Sample(values: numbers(item["a"])), Sample(values: numbers(item["b"])))
      let pool = try XCTUnwrap(PooledVariance([a.values, b.values]))
      let ours = Uncertainty(
        value: a.mean - b.mean,
        seeds: [.init(variance: pool.variance * (1 / Double(a.count) + 1 / Double(b.count)), freedom: pool.freedom)],
        items: 0)
      XCTAssertEqual(ours.interval().lowerBound, item["low"]!.double!, accuracy: 1e-9)
      XCTAssertEqual(ours.interval().upperBound, item["high"]!.double!, accuracy: 1e-9)
      XCTAssertEqual(ours.probability(of: 0), item["p"]!.double!, accuracy: 1e-10)
    }
  }

  func testASlopeIsTheLineThroughALadder() throws {
    let golden = try XCTUnwrap(goldens()["slope"])
    let (x, y) = (numbers(golden["x"]), numbers(golden["y"]))
    let slope = zip(slopeWeights([x])[0], y).reduce(0) { $0 + $1.0 * $1.1 }
    XCTAssertEqual(slope, golden["slope"]!.double!, accuracy: 1e-12)
    // A second ladder of another level has the same slope, and both together too.
    let both = slopeWeights([x, x])
    let lifted = zip(both[0], y).reduce(0) { $0 + $1.0 * $1.1 } + zip(both[1], y).reduce(0) { $0 + $1.0 * ($1.1 + 7) }
    XCTAssertEqual(lifted, slope, accuracy: 1e-12)
  }

  func testSatterthwaiteLiesBetweenItsParts() {
    let parts = [Uncertainty.Part(variance: 1, freedom: 2), .init(variance: 1, freedom: 8)]
    XCTAssertEqual(Uncertainty(value: 0, seeds: parts, items: 0).freedom, 4 / (0.5 + 0.125), accuracy: 1e-12)
    XCTAssertGreaterThan(Uncertainty(value: 0, seeds: parts, items: 1).freedom, 6.4, "items are many")
    XCTAssertEqual(Uncertainty(value: 3, seeds: [], items: 0).interval(), 3...3)
  }

  func testHolmStepsDown() {
    XCTAssertEqual(holmRejections([0.01, 0.04, 0.03], level: 0.05), [true, false, false])
    XCTAssertEqual(holmRejections([0.01, 0.02, 0.03], level: 0.06), [true, true, true])
    XCTAssertEqual(holmRejections([], level: 0.05), [])
  }

  // MARK: Simulated experiments

  /// Scores [cell][seed][item] of models with known means: an effect of the seed, of the item (shared by all models), of
  /// the item for one model, and of their coincidence.
  private struct World {
    var cells = 2
    var seeds = 3
    var items = 60
    var seed = 0.6
    var item = 3.0
    var taste = 4.0
    var noise = 5.0
    var means = [50.0, 52.0]

    func scores(_ random: inout RandomStream) -> [[[Double]]] {
      func normal() -> Double {
        defer { random.counter += 2 }
        return random.normal(at: random.counter / 2)
      }
      let hard = (0..<items).map { _ in item * normal() }
      return (0..<cells).map { cell in
        let taste = (0..<items).map { _ in self.taste * normal() }
        return (0..<seeds).map { _ in
          let level = means[cell] + seed * normal()
          return (0..<items).map { level + hard[$0] + taste[$0] + noise * normal() }
        }
      }
    }
  }

  /// The difference of the last two cells, with the seeds' variance pooled over all.
  private func difference(_ scores: [[[Double]]]) -> Uncertainty {
    let levels = scores.map { $0.map { Sample(values: $0).mean } }
    let pool = PooledVariance(levels)!
    let pair = levels.suffix(2).map { Sample(values: $0) }
    return Uncertainty(
      value: pair[0].mean - pair[1].mean,
      seeds: [
        .init(variance: pool.variance * (1 / Double(pair[0].count) + 1 / Double(pair[1].count)), freedom: pool.freedom)
      ], items: itemVariance(inDifference(scores[scores.count - 2], scores[scores.count - 1])))
  }

  func testIntervalsOverSeedsAndItemsCoverAsOftenAsTheySay() {
    for (name, world) in [
      ("two cells", World()),
      ("ten cells pooled", World(cells: 10, means: [Double](repeating: 51, count: 8) + [50, 52])),
      ("seeds only", World(cells: 6, item: 0, taste: 0, noise: 0, means: [1, 2, 3, 4, 50, 52])),
      ("items mostly", World(cells: 4, seed: 0.05, taste: 6, noise: 1, means: [50, 50, 50, 52])),
    ] {
      var random = RandomStream(seed: 1, "coverage/\(name)")
      let covered = (0..<2000).count { _ in difference(world.scores(&random)).interval().contains(-2) }
      XCTAssert((1880...1920).contains(covered), "\(name): \(covered) of 2000")
    }
  }

  /// The analytic variance beside a bootstrap that draws seeds of each cell and items for all.
  func testTheAnalyticIntervalAgreesWithABootstrapOverSeedsAndItems() {
    var random = RandomStream(seed: 2, "bootstrap")
    var world = World()
    (world.seeds, world.items) = (12, 200)
    let scores = world.scores(&random)
    let draws = (0..<2000).map { _ -> Double in
      let items = (0..<world.items).map { _ in random.next(below: world.items) }
      let means = scores.map { cell -> Double in
        let seeds = (0..<world.seeds).map { _ in random.next(below: world.seeds) }
        return seeds.reduce(0) { sum, seed in sum + items.reduce(0) { $0 + cell[seed][$1] } }
          / Double(world.seeds * world.items)
      }
      return means[0] - means[1]
    }
    let ours = difference(scores)
    XCTAssertEqual(Sample(values: draws).mean, ours.value, accuracy: 0.05)
    // A bootstrap of a crossed design counts the coincidence of seed and item about thrice (Owen 2007): a little wider.
    let ratio = Sample(values: draws).deviation! / ours.standardError
    XCTAssert((0.95...1.2).contains(ratio), "\(ratio)")
  }

  func testPairingOnItemsRemovesTheirDifficulty() {
    var random = RandomStream(seed: 3, "pairing")
    var world = World()
    (world.item, world.taste, world.noise) = (40, 1, 1)
    let scores = world.scores(&random)
    let alone = itemVariance([scores[0]])
    let paired = itemVariance(inDifference(scores[0], scores[1]))
    XCTAssertLessThan(paired, alone / 100)
  }

  // MARK: Power

  func testPowerFindsTheSeedsThatSimulationsNeed() throws {
    let power = Power(perSeed: 2, items: 0.05, cells: 2, freedom: 20)
    let seeds = try XCTUnwrap(power.seeds(for: (2, .infinity)))
    XCTAssertGreaterThanOrEqual(power.probability(of: (2, .infinity), seeds: seeds), 0.8)
    XCTAssertLessThan(power.probability(of: (2, .infinity), seeds: seeds - 1), 0.8)
    var random = RandomStream(seed: 4, "power")
    func normal() -> Double {
      defer { random.counter += 2 }
      return random.normal(at: random.counter / 2)
    }
    let found = (0..<2000).count { _ in
      let error = (power.perSeed / Double(seeds)).squareRoot()
      let estimated =
        (0..<20).reduce(0.0) { sum, _ in
          let z = normal(); return sum + z * z
        } / 20
      let value = 2 + error * normal() + 0.05.squareRoot() * normal()
      return Uncertainty(
        value: value, seeds: [.init(variance: power.perSeed / Double(seeds) * estimated, freedom: 20)], items: 0.05
      ).interval().lowerBound > 0
    }
    XCTAssertEqual(Double(found) / 2000, power.probability(of: (2, .infinity), seeds: seeds), accuracy: 0.03)
    XCTAssertNil(power.seeds(for: (0.1, .infinity)), "the items alone are too few")
    XCTAssertNil(power.seeds(for: (0, .infinity)))
    XCTAssertEqual(power.seeds(for: (50, .infinity)), 3, "three at least")
  }

  /// An equivalence wants the interval inside both bounds.
  func testPowerOfAnEquivalenceCountsBothBounds() throws {
    let power = Power(perSeed: 1, items: 0, cells: 2, freedom: 30)
    let one = try XCTUnwrap(power.seeds(for: (0.5, .infinity)))
    let both = try XCTUnwrap(power.seeds(for: (0.5, 0.5)))
    XCTAssertGreaterThan(both, one)
    XCTAssertEqual(power.seeds(for: (0.5, .infinity)), power.seeds(for: (.infinity, 0.5)))
    XCTAssertEqual(
      power.probability(of: (0.5, 0.5), seeds: both), 2 * power.probability(of: (0.5, .infinity), seeds: both) - 1,
      accuracy: 1e-12)
  }
}

/// What two models enter with in their difference.
private func inDifference(_ first: [[Double]], _ second: [[Double]]) -> [[[Double]]] {
  [first, second.map { $0.map { -$0 } }]
}
