import Groundwork
import TestKit
import XCTest

@testable import Upcycling

final class LayerPlacementTests: XCTestCase {
  /// The scores of the paper's Table 10.
  private func published() throws -> [Double] {
    try LayerScores(contentsOf: repositoryRoot().appendingPathComponent("experiments/zebra/published/table10.csv"))
      .values
  }

  private func evens(_ last: Int) -> [Int] { Array(stride(from: 0, through: last, by: 2)) }

  func testPublishedPlacementsOfThe1BModel() throws {
    let scores = try published()
    XCTAssertEqual(scores.count, 16)
    for (count, layers, total) in [
      (4, [0, 5, 10, 14], 2500.14), (6, [0, 2, 5, 8, 11, 14], 0), (8, evens(14), 0),
    ] {
      let placement = try LayerPlacement(.smart, count: count, scores: scores)
      XCTAssertEqual(placement.layers, layers)
      XCTAssertEqual(placement.violations, [])
      if total > 0 { XCTAssertEqual(placement.total, total, accuracy: 1e-9) }
    }
    let candidates = enumerated(count: 4, scores: scores)
    XCTAssertEqual(candidates, [[0, 4, 9, 14], [0, 5, 9, 14], [0, 5, 10, 14]])
    XCTAssertEqual(
      candidates.map { 100 * (scores[$0[1]] + scores[$0[2]]) }.map { $0.rounded() }, [31659, 48838, 69105])
    XCTAssertEqual(enumerated(count: 6, scores: scores).count, 5)
    XCTAssertEqual(enumerated(count: 8, scores: scores).count, 1)
    let six = try LayerPlacement(.smart, count: 6, scores: scores)
    XCTAssertEqual(six.total - scores[0] - scores[14], 1315.5, accuracy: 1e-9, "the four middle layers")
  }

  /// Table 4: lists and totals, the latter to the one printed digit; SMART's own 2500.2 is a slip for 2500.1.
  func testRivalsPlaceAndTotalAsInTable4() throws {
    let scores = try published()
    for (strategy, layers, total) in [
      (LayerPlacement.Strategy.uniformFirst, [0, 4, 8, 12], 1787.9), (.uniformLast, [3, 7, 11, 15], 1055.8),
      (.smartLeast, [0, 4, 9, 14], 2125.7),
      (.maxScore, [0, 1, 2, 14], 2672.5), (.greedy, [0, 1, 2, 14], 2672.5), (.smart, [0, 5, 10, 14], 2500.1),
    ] {
      let placement = try LayerPlacement(strategy, count: 4, scores: scores)
      XCTAssertEqual(placement.layers, layers, strategy.rawValue)
      XCTAssertEqual((placement.total * 10).rounded() / 10, total, strategy.rawValue)
      XCTAssertEqual(placement.violations.isEmpty, [.smart, .smartLeast].contains(strategy), strategy.rawValue)
    }
  }

  /// Table 8 and the released configurations: two printed lists break the rule.
  func testPublishedListsAgainstTheRule() throws {
    let scores = try published()
    func broken(_ layers: [Int], of count: Int, _ layerCount: Int, _ scores: [Double]? = nil) -> [String] {
      PlacementRule(layerCount: layerCount, count: count).violations(of: layers, scores: scores)
    }
    XCTAssertEqual(broken([0, 2, 4, 8, 10, 12, 14], of: 8, 16, scores), ["holds 7 layers instead of 8"])
    XCTAssertEqual(
      broken([0, 2, 4, 8, 10, 12, 14], of: 7, 16, scores), ["the gap between 4 and 8 holds 3 layers instead of 1 or 2"])
    XCTAssertEqual(
      broken([0, 4, 8, 12, 16, 20, 24, 26], of: 8, 28), ["the gap between 24 and 26 holds 1 layers instead of 2 or 3"])
    for (layers, count, layerCount) in [
      (evens(26), 14, 28), ([0, 3, 7, 10, 14, 18, 22, 26], 8, 28), ([0, 5, 10, 16, 21, 26], 6, 28), (evens(30), 16, 32),
      ([0, 4, 8, 12, 16, 20, 25, 30], 8, 32),
    ] { XCTAssertEqual(broken(layers, of: count, layerCount), []) }
    for layers in [evens(14), [0, 2, 5, 8, 11, 14], [0, 5, 10, 14], [0, 4, 9, 14], [0, 5, 9, 14]] {
      XCTAssertEqual(broken(layers, of: layers.count, 16, scores), [])
    }
    XCTAssertEqual(
      broken([0, 4, 8, 12], of: 4, 16, scores), ["the last layer is 12, but 14 scores highest in 12...15"])
    XCTAssertEqual(broken([0, 4, 8, 12], of: 4, 16), [], "without scores the ends only need their windows")
    XCTAssertEqual(broken([5, 7, 9, 12], of: 4, 16)[0], "the first layer 5 lies outside 0...3")
    XCTAssertEqual(broken([0, 5, 5, 14], of: 4, 16), ["is not an ascending list of layers in 0...15"])
  }

  /// Every placement that the rule allows, as the paper enumerates them: all subsets, tried one by one.
  private func enumerated(count: Int, scores: [Double]) -> [[Int]] {
    let rule = PlacementRule(layerCount: scores.count, count: count)
    func subsets(_ start: Int, _ left: Int) -> [[Int]] {
      if left == 0 { return [[]] }
      if start + left > scores.count { return [] }
      return subsets(start + 1, left - 1).map { [start] + $0 } + subsets(start + 1, left)
    }
    return subsets(0, count).filter { rule.violations(of: $0, scores: scores).isEmpty }
  }

  /// Whole scores with many ties: sums are exact, so the search must find the very list that enumeration finds first.
  func testSearchAgreesWithEnumeration() throws {
    var random = RandomStream(seed: 5, "placement")
    for layerCount in 1...11 {
      for count in 1...layerCount {
        for spread in [2.0, 40] {
          let scores = (0..<layerCount).map { _ in (random.nextUniform() * spread).rounded(.down) - 1 }
          let placement = try LayerPlacement(.smart, count: count, scores: scores)
          XCTAssertEqual(placement.violations, [], "\(scores)")
          let rule = PlacementRule(layerCount: layerCount, count: count)
          let first = PlacementRule.highest(in: rule.firstWindow, scores)
          let last = PlacementRule.highest(in: rule.lastWindow, scores)
          let candidates = enumerated(count: count, scores: scores)
            .filter { $0[0] == first && (count == 1 || $0[count - 1] == last) }
          let sums = candidates.map { $0.reduce(0) { $0 + scores[$1] } }
          XCTAssertEqual(placement.total, sums.max(), "\(count) of \(scores)")
          XCTAssertEqual(placement.layers, candidates[sums.firstIndex(of: sums.max()!)!], "\(count) of \(scores)")
          let least = try LayerPlacement(.smartLeast, count: count, scores: scores)
          XCTAssertEqual(least.layers, candidates[sums.firstIndex(of: sums.min()!)!], "\(count) of \(scores)")
          XCTAssertEqual(least.total, sums.min())
        }
      }
    }
  }

  /// C(42, 21) placements stand behind the middle counts: enumeration would take days.
  func testDeepModelsArePlacedWithoutEnumeration() throws {
    var random = RandomStream(seed: 6, "deep")
    let scores = (0..<64).map { _ in random.nextUniform() }
    for count in 1...64 {
      let placement = try LayerPlacement(.smart, count: count, scores: scores)
      XCTAssertEqual(placement.layers.count, count)
      XCTAssertEqual(placement.violations, [])
    }
    XCTAssertEqual(try LayerPlacement(.smart, count: 64, scores: scores).layers, Array(0..<64))
    XCTAssertEqual(
      try LayerPlacement(.smart, count: 1, scores: scores).layers, [scores.indices.max { scores[$0] < scores[$1] }!])
  }

  func testEveryStrategyGivesDistinctLayersInOrder() throws {
    let scores = try published()
    for strategy in LayerPlacement.Strategy.allCases {
      for count in 1...16 {
        let layers = try LayerPlacement(strategy, count: count, scores: scores).layers
        XCTAssertEqual(layers, Set(layers).sorted(), strategy.rawValue)
        XCTAssertEqual(layers.count, count, strategy.rawValue)
        XCTAssertTrue(layers.allSatisfy(scores.indices.contains), strategy.rawValue)
      }
    }
  }

  func testImpossibleRequestsAreRefused() throws {
    for (count, scores) in [(-1, [1, 2, 3]), (0, [1, 2, 3]), (4, [1, 2, 3]), (0, []), (1, [])] as [(Int, [Double])] {
      XCTAssertThrowsError(try LayerPlacement(.smart, count: count, scores: scores)) {
        XCTAssertTrue("\($0)".contains("impossible number of latent layers"), "\($0)")
      }
    }
    XCTAssertThrowsError(try LayerPlacement(.maxScore, count: 1, scores: [1, .nan])) {
      XCTAssertTrue("\($0)".contains("layer 1: a score is not a number"), "\($0)")
    }
    XCTAssertEqual(
      try LayerPlacement(.smart, count: 2, scores: [-3, -1, -2]).layers, [0, 2], "scores may be negative")
  }

  // MARK: Score files

  private func refusal(_ text: String) -> UpcycleError? {
    do {
      _ = try LayerScores(parsing: Data(text.utf8), file: "s.csv")
      return nil
    } catch { return error as? UpcycleError }
  }

  func testScoreFilesAreReadInAnyOrder() throws {
    let text = "# source\n\nlayer, sensitivity ,note\r\n1,2.5,a\n# between\n0,-1e2,b\n"
    XCTAssertEqual(try LayerScores(parsing: Data(text.utf8), file: "s.csv").values, [-100, 2.5])
    XCTAssertEqual(try LayerScores(parsing: Data("sensitivity,layer\n3,0".utf8), file: "s.csv").values, [3])
  }

  func testBrokenScoreFilesAreRefusedWithTheLine() throws {
    for (text, place, word) in [
      ("layer,score\n0,1\n", "s.csv, line 1", "\"sensitivity\" is missing"),
      ("# x\n0,1\n", "s.csv, line 2", "\"layer\" is missing"),
      ("layer,sensitivity\n0,nan\n", "s.csv, line 2", "\"nan\""),
      ("layer,sensitivity\n0,1e999\n", "s.csv, line 2", "1e999"),
      ("layer,sensitivity\n0,\n", "s.csv, line 2", "\"\""), ("layer,sensitivity\n0,1,2\n", "s.csv, line 2", "found 3"),
      ("layer,sensitivity\n-1,1\n", "s.csv, line 2", "\"-1\""),
      ("layer,sensitivity\n0,1\n\n0,2\n", "s.csv, line 4", "line 2"),
      ("layer,sensitivity\n0,1\n2,2\n", "s.csv", "layer 1 is missing"), ("layer,sensitivity\n", "s.csv", "no scores"),
      ("", "s.csv", "no header line"), ("layer,sensitivity\n99999999999,1\n", "s.csv", "layer 0 is missing"),
    ] {
      let error = try XCTUnwrap(refusal(text), text)
      XCTAssertEqual(error.location, place, text)
      XCTAssertEqual(error.exitCode, 1, text)
      XCTAssertTrue(error.description.contains(word), error.description)
    }
  }
}
