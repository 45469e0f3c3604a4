import Groundwork
import ModelCore
import XCTest

@testable import Upcycling

final class RankTests: XCTestCase {
  /// A synthetic example by hand: .85 gives 29 (paper) and 32 (code), .90 gives 33 and 32, .95 gives 40 and 40.
  func testPaperAndCodeRulesGiveTheirRanks() {
    let knots = [(0.0, 0.0), (28.5, 0.85), (32.5, 0.90), (39.5, 0.95), (64.0, 1.0)]
    func cumulative(_ x: Double) -> Double {
      for (low, high) in zip(knots, knots.dropFirst()) where x <= high.0 {
        return low.1 + (high.1 - low.1) * (x - low.0) / (high.0 - low.0)
      }
      return 1
    }
    let values = (1...64).map { (cumulative(Double($0)) - cumulative(Double($0 - 1))).squareRoot() }
    func rank(_ rule: RankRule, _ share: Double, _ granule: Int) -> Int {
      rule.rank(singularValues: values, energy: 1, share: share, fixed: 7, granule: granule)
    }
    XCTAssertEqual([0.85, 0.90, 0.95].map { rank(.dynamic, $0, 1) }, [29, 33, 40])
    XCTAssertEqual([0.85, 0.90, 0.95].map { rank(.code, $0, 8) }, [32, 32, 40])
    XCTAssertEqual(rank(.fixed, 0.9, 8), 8)
    XCTAssertEqual(rank(.fixed, 0.9, 1), 7)
    XCTAssertEqual(rank(.code, 0.001, 1), 1)
    XCTAssertEqual(rank(.dynamic, 1, 1), 64)
    XCTAssertEqual(rank(.dynamic, 1, 100), 64)
  }

  func testDynamicConversionChoosesRanksPerLayer() throws {
    let base = try tinyBase(layers: 4)
    var conversion = LatentConversion(
      kvRank: 6, queryRank: .fixed(10), nopeHeadDim: 4, ropeHeadDim: 4, rankRule: .dynamic)
    conversion.queryEnergy = 0.8
    conversion.keyValueEnergy = 0.8
    conversion.fixedEnds = true
    let (model, report) = try convert(base: base, conversion)
    XCTAssertEqual(report.layers.map(\.layer), [0, 1, 2, 3])
    XCTAssertEqual([report.layers[0], report.layers[3]].map { [$0.queryRank, $0.kvRank] }, [[10, 6], [10, 6]])
    for layer in report.layers[1...2] {
      XCTAssertLessThanOrEqual(layer.queryLoss, 0.2)
      XCTAssertLessThanOrEqual(layer.keyValueLoss, 0.2)
      XCTAssertGreaterThan(layer.kvRank, 6)
      XCTAssertEqual(
        model.config.latent?.ranks(layer: layer.layer), LatentConfig.Ranks(q: layer.queryRank, kv: layer.kvRank))
    }
    XCTAssertEqual(report.kvNumbersPerToken, report.layers.reduce(0) { $0 + $1.kvRank + 4 })
    conversion.fixedEnds = false
    conversion.kvRank = nil
    XCTAssertGreaterThan(try convert(base: base, conversion).report.layers[0].kvRank, 6)
  }

  func testParityIsCutToTheRankOfTheQueryMatrix() throws {
    let base = try tinyBase()
    let report = try convert(base: base, LatentConversion(kvRank: 1, nopeHeadDim: 2, ropeHeadDim: 2)).report
    XCTAssertEqual(report.layers.map(\.queryRank), [32, 32, 32])
    XCTAssertNotNil(report.queryRankClampedFrom)
  }

  func testLayerSelectionsSpreadEvenly() throws {
    XCTAssertEqual(try LayerSelection("50%").resolve(layerCount: 16), [1, 3, 5, 7, 8, 10, 12, 14])
    XCTAssertEqual(try LayerSelection("100%").resolve(layerCount: 5), [0, 1, 2, 3, 4])
    XCTAssertEqual(try LayerSelection("3,1,0-1").resolve(layerCount: 4), [0, 1, 3])
    XCTAssertEqual(try LayerSelection("all").resolve(layerCount: 2), [0, 1])
    for count in 1...33 {
      for percent in stride(from: 5.0, through: 100, by: 5) {
        let layers = try LayerSelection.percent(percent).resolve(layerCount: count)
        XCTAssertEqual(Set(layers).count, max(1, Int((Double(count) * percent / 100).rounded())))
        XCTAssertTrue(layers.allSatisfy { (0..<count).contains($0) })
      }
    }
    for bad in ["", "1,,2", "x", "5-2", "0%", "101%", "-1"] { XCTAssertThrowsError(try LayerSelection(bad), bad) }
    XCTAssertThrowsError(try LayerSelection("4").resolve(layerCount: 4))
  }

  func testImpossibleRequestsAreUsageErrors() throws {
    let base = try tinyBase().config
    func refuse(_ word: String, _ change: (inout LatentConversion) -> Void) {
      var conversion = tinyConversion()
      change(&conversion)
      XCTAssertThrowsError(try conversion.validate(base: base), word) { error in
        let error = error as? UpcycleError
        XCTAssertEqual(error?.exitCode, 2)
        XCTAssertTrue(error?.description.contains(word) ?? false, "\(error?.description ?? "") names \(word)")
        XCTAssertFalse(error?.description.contains("\n") ?? true)
      }
    }
    refuse("`kv_rank`") { $0.kvRank = 33 }
    refuse("`kv_rank`") { $0.kvRank = 0 }
    refuse("`kv_rank`") { $0.kvRank = nil }
    refuse("`q_rank`") { $0.queryRank = .fixed(33) }
    refuse("`rope_dim`") { $0.ropeHeadDim = 3 }
    refuse("`rope_dim`") { $0.ropeHeadDim = 10 }
    refuse("`nope_dim`") { $0.nopeHeadDim = 9 }
    refuse("`nope_dim`") {
      $0.nopeHeadDim = 6
      $0.rope = .aligned
    }
    refuse("`layers`") { $0.layers = .list([3]) }
    refuse("`granule`") { $0.granule = 0 }
    refuse("`delta_q`") { $0.queryEnergy = 1.5 }
    refuse("`rank_rule`") {
      $0.start = .random
      $0.rankRule = .dynamic
    }
    XCTAssertThrowsError(try QueryRank.paper.resolve(base: base, kvRank: 6, nopeHeadDim: 4, ropeHeadDim: 4)) {
      XCTAssertTrue("\($0)".contains("prints no query rank"), "\($0)")
    }
    var covariance = tinyConversion()
    covariance.weighting = .covariance
    XCTAssertThrowsError(try convert(base: tinyBase(), covariance)) {
      XCTAssertTrue("\($0)".contains("no covariance of layer 0"), "\($0)")
    }
  }
}
