import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Upcycling

final class RopeSliceTests: XCTestCase {
  private func fullRank(nope: Int, rope: Int, aligned: Bool, groups: Int, headDim: Int = 8) -> LatentConversion {
    LatentConversion(
      kvRank: min(32, groups * (nope + headDim)), queryRank: .fixed(32), nopeHeadDim: nope, ropeHeadDim: rope,
      rope: aligned ? .aligned : .paper)
  }

  /// One KV head, every pair rotating: nothing is approximated.
  func testAlignedFullRankWithOneKVHeadIsTheBaseModel() throws {
    let base = try tinyBase(groups: 1)
    let model = try convert(base: base, fullRank(nope: 0, rope: 8, aligned: true, groups: 1)).model
    assertClose(logits(model), logits(base), "logits", tolerance: 1e-4)
  }

  /// Qwen2: biases are carried whole, with every way to make the start, and cost the cache nothing.
  func testBiasesGoIntoTheUpProjectionsAndTheRotaryKey() throws {
    let base = try tinyBase(groups: 1, qkvBias: true)
    let conversion = fullRank(nope: 0, rope: 8, aligned: true, groups: 1)
    let model = try convert(base: base, conversion).model
    assertClose(logits(model), logits(base), "logits", tolerance: 1e-4)
    XCTAssertEqual(
      model.config.kvNumbersPerToken,
      try convert(base: tinyBase(groups: 1), conversion).model.config.kvNumbersPerToken)
    // One token is at distance 0 from itself: the paper's slice agrees there.
    let paper = try convert(base: base, fullRank(nope: 4, rope: 4, aligned: false, groups: 1, headDim: 12)).model
    assertClose(
      paper.logits(ids: [7], batch: 1, time: 1).toArray(), base.logits(ids: [7], batch: 1, time: 1).toArray(),
      "one token", tolerance: 1e-4)
    // KV heads that share up-projections, and keys that are multiples of one another in weights alone.
    for shares in [true, false] {
      var hylo = fullRank(nope: 4, rope: 4, aligned: false, groups: 2)
      hylo.sharesUpProjection = shares
      let two = try tinyBase(groups: 2, qkvBias: true)
      let converted = try convert(base: two, hylo).model
      for split in [1, 6, 11] {
        let cache = converted.makeCache()
        var states = try converted.extend(cache, Array(tinyIds[..<split])).toArray()
        states += try converted.extend(cache, Array(tinyIds[split..<12])).toArray()
        assertClose(
          converted.logits(Tensor([12, 32], values: states)).toArray(),
          converted.logits(ids: Array(tinyIds[..<12]), batch: 1, time: 12).toArray(), "split", tolerance: 1e-4)
      }
    }
    var normed = conversion
    normed.latentNorm = true
    XCTAssertTrue(try convert(base: base, normed).model.config.latent?.qkvBias ?? false)
  }

  /// Values are carried into Mamba2's x, keys into B, queries into C, and so are their biases.
  func testBiasesGoIntoMamba2sInput() throws {
    let base = try tinyBase(qkvBias: true)
    let model = try MambaConversion().converted(base)
    let bias = try XCTUnwrap(model.parameter(.inputBias, layer: 1)).value.toArray()
    func own(_ role: MixerRole) throws -> [Float] { try XCTUnwrap(base.parameter(role, layer: 1)).value.toArray() }
    let carried = try own(.valueBias) + own(.keyBias) + own(.queryBias)
    XCTAssertEqual(Array(bias[32..<32 + carried.count]), carried)
    XCTAssertNil(try MambaConversion().converted(tinyBase()).parameter(.inputBias, layer: 1))
    // The first 24 of 32 rows, as HyLo's corner takes them.
    let delta = try DeltaConversion(heads: 3).converted(base)
    XCTAssertEqual(
      try XCTUnwrap(delta.parameter(.queryBias, layer: 1)).value.toArray(), Array(try own(.queryBias)[..<24]))
  }

  /// Pairs that hardly turn may as well be position-free.
  func testAlignedFullRankWithSlowPairsIsTheBaseModel() throws {
    let base = try tinyBase(groups: 1, rope: RopeConfig(theta: 1e16))
    let model = try convert(base: base, fullRank(nope: 4, rope: 4, aligned: true, groups: 1)).model
    assertClose(logits(model), logits(base), "logits", tolerance: 1e-4)
  }

  func testAlignedKeepsYarnsFactorOnPositionFreePairs() throws {
    let yarn = RopeConfig(theta: 1e16, scaling: .yarn(.init(factor: 4, originalMaxPosition: 64, attentionFactor: 1.3)))
    let base = try tinyBase(groups: 1, rope: yarn)
    let model = try convert(base: base, fullRank(nope: 4, rope: 4, aligned: true, groups: 1)).model
    assertClose(logits(model), logits(base), "logits", tolerance: 1e-4)
  }

  /// KV heads whose rotating rows are complex multiples of one another share a key exactly.
  func testAlignedIsExactWhenKeysOfAllHeadsAreMultiples() throws {
    let base = try tinyBase(heads: 4, groups: 2)
    for layer in 0..<3 {
      let key = base.parameters["model.layers.\(layer).self_attn.k_proj.weight"]!.value
      for pair in 0..<4 {
        let (x, y) = (Float(0.5 + 0.3 * Double(pair)), Float(-0.7 + 0.2 * Double(layer)))
        for column in 0..<32 {
          let (a, b) = (key.pointer[pair * 32 + column], key.pointer[(pair + 4) * 32 + column])
          key.pointer[(8 + pair) * 32 + column] = x * a - y * b
          key.pointer[(8 + pair + 4) * 32 + column] = x * b + y * a
        }
      }
    }
    let conversion = LatentConversion(kvRank: 16, queryRank: .fixed(32), nopeHeadDim: 0, ropeHeadDim: 8, rope: .aligned)
    let model = try convert(base: base, conversion).model
    assertClose(logits(model), logits(base), "logits", tolerance: 1e-4)
  }

  /// The official slice pairs dimensions anew: at full rank its scores are the base's at relative distance 0
  /// and nowhere else, so the model is not the base model.
  func testPaperSliceAgreesAtDistanceZeroOnly() throws {
    let base = try tinyBase(groups: 1)
    let weights = try AttentionWeights(ModelWeights(base), base.config, layer: 0)
    let slice = RopeSlice.paper(weights, base.config, nope: 4, rope: 4)
    let x = Matrix(rows: 1, columns: 32, values: (0..<32).map { RandomStream(seed: 1, "x").normal(at: $0) })
    let query = slice.query.selecting(rows: slice.queryRows).product(x, transposingOther: true).values
    let key = slice.keyValue.prefix(rows: 4).stacked(on: slice.ropeKey).product(x, transposingOther: true).values
    let baseQuery = weights.query.product(x, transposingOther: true).values
    let baseKey = weights.key.product(x, transposingOther: true).values
    for head in 0..<4 {
      let ours = (0..<8).reduce(0) { $0 + query[head * 8 + $1] * key[$1] }
      let theirs = (0..<8).reduce(0) { $0 + baseQuery[head * 8 + $1] * baseKey[$1] }
      XCTAssertEqual(ours, theirs, accuracy: 1e-9 * abs(theirs) + 1e-9)
    }
    let model = try convert(base: base, fullRank(nope: 4, rope: 4, aligned: false, groups: 1, headDim: 12)).model
    XCTAssertGreaterThan(relativeError(logits(model), logits(base)), 0.01)
    // One token is at distance 0 from itself.
    assertClose(
      model.logits(ids: [7], batch: 1, time: 1).toArray(), base.logits(ids: [7], batch: 1, time: 1).toArray(),
      "one token",
      tolerance: 1e-4)
  }

  func testCommonDirectionOfEqualRowsIsTheRow() throws {
    let stream = RandomStream(seed: 2, "row")
    let row = (0..<10).map { stream.normal(at: $0) }
    let pairs = Matrix(rows: 6, columns: 5, values: row + row + row)
    let common = try CommonDirection(pairs: pairs, inputs: 5, covariance: nil)
    for (x, y) in common.coefficients {
      XCTAssertEqual(x, 1, accuracy: 1e-12)
      XCTAssertEqual(y, 0, accuracy: 1e-12)
    }
    for (a, b) in zip(common.shared.values, row) { XCTAssertEqual(a, b, accuracy: 1e-12) }
  }

  /// W C^(1/2) = U S V^T, W_r = U S V^T C^(-1/2): the definition, with both roots.
  func testCovarianceWeightingMatchesTheDefinition() throws {
    let stream = RandomStream(seed: 4, "covariance")
    func normal(_ rows: Int, _ columns: Int, _ from: UInt64) -> Matrix {
      Matrix(rows: rows, columns: columns, values: (0..<rows * columns).map { stream.normal(at: from + UInt64($0)) })
    }
    let covariance = normal(12, 40, 10_000).scalingRows(by: (1...12).map { 1 / Double($0) }).gram()
    let eigen = try LAPACK.symmetricEigen(covariance)
    func power(_ exponent: Double) -> Matrix {
      eigen.vectors.product(
        eigen.vectors.scalingRows(by: eigen.values.map { Foundation.pow($0, exponent) }), transposingSelf: true)
    }
    for (rows, rank) in [(8, 3), (20, 5), (20, 12)] {
      let weights = normal(rows, 12, 0)
      let direct = try TruncatedSVD(weights.product(power(0.5)), rank: rank, method: .gesdd)
      let expected = direct.product().product(power(-0.5)).tensor().toArray()
      let ours = try TruncatedSVD(weights, rank: rank, covariance: covariance)
      assertClose(ours.product().tensor().toArray(), expected, "\(rows) rows, rank \(rank)", tolerance: 1e-5)
      for (a, b) in zip(ours.singularValues, direct.singularValues) {
        XCTAssertEqual(a, b, accuracy: 1e-6 * direct.singularValues[0])
      }
    }
  }
}
