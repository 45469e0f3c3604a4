import Autograd
import Foundation
import Groundwork
import TensorCore
import TestKit
import XCTest

@testable import ModelCore
@testable import Upcycling

/// PALU and MHA2MLA against their equations as an independent script computes them.
final class BaselineTests: XCTestCase {
  // MARK: PALU

  func testPALUIsTheWhitenedSVDOfItsPaper() throws {
    let layer = try GoldenLayer()
    let covariances = inputCovariances(of: layer.model, layers: [0], windows: [layer.ids], regularisation: 0)
    assertClose(
      covariances[0]!.tensor().toArray(), try GoldenLayer.floats(layer.goldens["covariance"]), "E x x^T",
      tolerance: 1e-5)
    for golden in try XCTUnwrap(layer.goldens["palu"]?.array) {
      let (keys, values) = (try GoldenLayer.ints(golden["key_ranks"]), try GoldenLayer.ints(golden["value_ranks"]))
      let name = "\(keys.count) groups"
      let conversion = LowRankConversion(
        share: Double((keys + values).reduce(0, +)) / 24, headsPerGroup: keys.count == 1 ? nil : 2 / keys.count)
      // Information in the ratio of the golden ranks gives these.
      let (model, lost) = try convert(
        base: layer.model, conversion, covariances: covariances,
        information: [0: FisherInformation(key: keys.map(Double.init), value: values.map(Double.init))])
      XCTAssertEqual(model.config.lowRank?.layerRanks[0], LowRankConfig.Ranks(key: keys, value: values), name)
      XCTAssertEqual(model.config.kvNumbersPerToken, (keys + values).reduce(0, +), name)
      XCTAssertTrue((0.001...0.9).contains(lost[0]!), name)
      let mixer = try XCTUnwrap(model.layers[0].mixer as? LowRankAttention)
      for (what, down, ups) in [("key", mixer.keyDown, mixer.keyUp), ("value", mixer.valueDown, mixer.valueUp)] {
        var (product, row) = ([Float](), 0)
        for up in ups {
          let rank = up.shape[1]
          product +=
            Matrix(up.value).product(Matrix(down.value).selecting(rows: Array(row..<row + rank))).tensor().toArray()
          row += rank
        }
        assertClose(product, try GoldenLayer.floats(golden[what]), "\(name), \(what)", tolerance: 2e-5)
      }
      let expected = try GoldenLayer.floats(golden["output"])
      assertClose(layer.forward(model), expected, name, tolerance: 2e-5)
      for pieces in [[23], [7, 1, 15]] {
        assertClose(layer.extend(model, model.makeCache(), pieces), expected, "\(name), \(pieces)", tolerance: 2e-5)
      }
    }
  }

  func testWithFullRanksPALUIsItsBase() throws {
    let base = try tinyBase()
    let baseline = Baseline.palu(LowRankConversion(share: 1, headsPerGroup: 1))
    let (model, lost) = try baseline.convert(base, calibration: [tinyIds])
    assertClose(logits(model), logits(base), "full ranks", tolerance: 1e-4)
    XCTAssertLessThan(lost.values.max() ?? 1, 1e-9)
    XCTAssertEqual(model.config.kvPercent, 100)
  }

  func testRanksFollowFisherInformation() throws {
    for golden in try XCTUnwrap(GoldenLayer().goldens["fisher_ranks"]?.array) {
      let information = try XCTUnwrap(golden["information"]?.array).map { try XCTUnwrap($0.double) }
      let (full, total) = (try XCTUnwrap(golden["full"]?.int), try XCTUnwrap(golden["total"]?.int))
      XCTAssertEqual(
        fisherRanks(information, full: full, total: total), try GoldenLayer.ints(golden["ranks"]), "\(information)")
    }
    XCTAssertEqual(fisherRanks([0, 0, 0], full: 4, total: 7), [3, 2, 2])
    // A rank for everyone costs the largest.
    XCTAssertEqual(fisherRanks([100, 1, 1, 1], full: 9, total: 6), [3, 1, 1, 1])
    XCTAssertEqual(fisherRanks([1, 1], full: 3, total: 6), [3, 3])
  }

  /// One window: F is the mean magnitude of the slope, here by finite differences of the loss.
  func testFisherInformationIsTheSlopeOfTheLoss() throws {
    let base = try tinyBase(layers: 2)
    try checkFisherInformation(of: base)
    // Capped logits have other slopes.
    var config = base.config
    config.block.logitCap = 3
    try checkFisherInformation(of: LanguageModel(config, weights: ModelWeights(base)))
  }

  private func checkFisherInformation(of model: LanguageModel) throws {
    let window = Array(tinyIds[..<12])
    let information = fisherInformation(of: model, layers: [1], groups: 2, windows: [window])
    XCTAssertTrue(model.parameters.parameters.allSatisfy { $0.isTrainable && $0.gradient == nil })
    func loss() -> Double {
      let tape = Tape(recording: false)
      let hidden = model.hidden(tape, ids: window, batch: 1, time: 12)
      return tape.headLoss(
        hidden, head: model.head, targets: window.dropFirst() + [-1], scale: 1, cap: model.logitCap
      ).sums.crossEntropy / 11
    }
    for (role, measured) in [(MixerRole.key, information[1]!.key), (.value, information[1]!.value)] {
      let weight = try XCTUnwrap(model.parameter(role, layer: 1)).value
      var sums = [0.0, 0.0]
      for i in 0..<weight.count {
        let (before, step) = (weight.pointer[i], Float(0.02))
        weight.pointer[i] = before + step
        let above = loss()
        weight.pointer[i] = before - step
        sums[2 * i / weight.count] += abs(above - loss()) / Double(2 * step)
        weight.pointer[i] = before
      }
      for group in 0..<2 {
        XCTAssertEqual(
          measured[group], sums[group] / Double(weight.count / 2), accuracy: 0.02 * measured[group], role.rawValue)
      }
    }
  }

  // MARK: MHA2MLA

  func testMHA2MLAKeepsThePairsAndTheJointSVDOfItsPaper() throws {
    let layer = try GoldenLayer()
    let norms = rotaryPairNorms(of: layer.model, layers: [0], windows: [layer.ids])
    assertClose(
      norms[0]!.joined().map { Float($0) }, try GoldenLayer.floats(layer.goldens["pair_norms"]), "norms",
      tolerance: 1e-5)
    for golden in try XCTUnwrap(layer.goldens["mha2mla"]?.array) {
      let keep = try XCTUnwrap(PartialRopeConversion.Keep(rawValue: golden["keep"]?.string ?? ""))
      let (rope, rank) = (try XCTUnwrap(golden["rope"]?.int), try XCTUnwrap(golden["rank"]?.int))
      let name = "\(keep.rawValue), rope \(rope), rank \(rank)"
      let (model, _) = try convert(
        base: layer.model, PartialRopeConversion(kvRank: rank, ropeHeadDim: rope, keep: keep), norms: norms)
      XCTAssertEqual(
        model.config.partialRope?.pairs[0], try XCTUnwrap(golden["pairs"]?.array).map(GoldenLayer.ints), name)
      XCTAssertEqual(model.config.kvNumbersPerToken, rank + 2 * rope, name)
      let expected = try GoldenLayer.floats(golden["output"])
      assertClose(layer.forward(model), expected, name, tolerance: 2e-5)
      for pieces in [[23], [7, 1, 15]] {
        assertClose(layer.extend(model, model.makeCache(), pieces), expected, "\(name), \(pieces)", tolerance: 2e-5)
      }
    }
  }

  /// A factor on the embedding (Granite's) is part of what the first layer reads too: it does what weights multiplied
  /// by it do. A power of two, so that both round alike; eps is large, since a norm takes most of a factor away.
  func testPairNormsSeeWhatTheFirstLayerReads() throws {
    var config = try tinyBase().config
    config.rmsNormEps = 0.1
    let weights = RandomWeights(seed: 5, deviation: 0.25, layers: 3)
    let multiplied = try LanguageModel(config, weights: weights)
    for i in 0..<multiplied.embedding.value.count { multiplied.embedding.value.pointer[i] *= 8 }
    config.block.embeddingMultiplier = 8
    let scaling = try LanguageModel(config, weights: weights)
    let layers = [0, 1, 2]
    XCTAssertEqual(
      rotaryPairNorms(of: scaling, layers: layers, windows: [tinyIds]),
      rotaryPairNorms(of: multiplied, layers: layers, windows: [tinyIds]))
    let covariances = [scaling, multiplied].map { inputCovariances(of: $0, layers: layers, windows: [tinyIds]) }
    for layer in layers { XCTAssertEqual(covariances[0][layer]!.values, covariances[1][layer]!.values, "\(layer)") }
  }

  func testWithAllPairsAndTheFullRankMHA2MLAIsItsBase() throws {
    let base = try tinyBase()
    let baseline = Baseline.mha2mla(PartialRopeConversion(kvRank: 16, ropeHeadDim: 8))
    let (model, lost) = try baseline.convert(base, calibration: [tinyIds])
    assertClose(logits(model), logits(base), "all pairs", tolerance: 1e-4)
    XCTAssertLessThan(lost.values.max() ?? 1, 1e-9)
    XCTAssertEqual(model.config.kvPercent, 100)
  }

  /// Pairs that hardly turn may lose their rotation; what YaRN multiplied their logits by must stay.
  func testWhatIsRotatedNoMoreKeepsYarnsFactor() throws {
    let rope = RopeConfig(
      theta: 1e30, scaling: .yarn(.init(factor: 1, originalMaxPosition: 128, attentionFactor: 1.5)))
    let base = try tinyBase(rope: rope)
    let (model, _) = try convert(base: base, PartialRopeConversion(kvRank: 28, ropeHeadDim: 2, keep: .high))
    assertClose(logits(model), logits(base), "first pair alone", tolerance: 1e-4)
  }

  // MARK: What methods cannot take

  func testWhatABaselineCannotTakeIsRefused() throws {
    let base = try tinyBase().config
    let refused: [(Baseline, String)] = [
      (.palu(LowRankConversion(share: 0)), "kv_share"), (.palu(LowRankConversion(share: 1.01)), "kv_share"),
      (.palu(LowRankConversion(share: .nan)), "kv_share"), (.palu(LowRankConversion(share: 0.01)), "kv_share"),
      (.palu(LowRankConversion(share: 0.5, headsPerGroup: 3)), "group_heads"),
      (.palu(LowRankConversion(share: 0.5, headsPerGroup: 0)), "group_heads"),
      (.palu(LowRankConversion(share: 0.5, layers: .list([3]))), "layers"),
      (.mha2mla(PartialRopeConversion(kvRank: 0, ropeHeadDim: 4)), "kv_rank"),
      (.mha2mla(PartialRopeConversion(kvRank: 25, ropeHeadDim: 4)), "kv_rank"),
      (.mha2mla(PartialRopeConversion(kvRank: 4, ropeHeadDim: 3)), "rope_dim"),
      (.mha2mla(PartialRopeConversion(kvRank: 4, ropeHeadDim: 0)), "rope_dim"),
      (.mha2mla(PartialRopeConversion(kvRank: 4, ropeHeadDim: 10)), "rope_dim"),
    ]
    for (baseline, field) in refused {
      XCTAssertThrowsError(try baseline.validate(base: base), "\(baseline)") {
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage, "\(baseline)")
        XCTAssertTrue("\($0)".contains("`\(field)`"), "\($0)")
      }
    }
    let sound = [
      Baseline.palu(LowRankConversion(share: 0.5)), .mha2mla(PartialRopeConversion(kvRank: 4, ropeHeadDim: 4)),
    ]
    for baseline in sound {
      XCTAssertEqual(try baseline.validate(base: base), [0, 1, 2])
      XCTAssertThrowsError(try baseline.validate(base: tinyBase(qkNorm: true).config)) {
        XCTAssertTrue("\($0)".contains("has no place for all of this attention"), "\($0)")
      }
      XCTAssertThrowsError(try baseline.validate(base: base.withMamba2(layers: [1]))) {
        XCTAssertTrue("\($0)".contains("layer 1: mamba2"), "\($0)")
      }
      XCTAssertThrowsError(try baseline.convert(tinyBase(), calibration: [])) {
        XCTAssertTrue("\($0)".contains("needs calibration text"), "\($0)")
      }
    }
  }

  func testAConfigurationOfImpossibleRanksIsRefused() throws {
    let base = try tinyBase().config
    for ranks in [
      LowRankConfig.Ranks(key: [], value: []), .init(key: [3], value: [3, 3]), .init(key: [0], value: [3]),
      .init(key: [17], value: [3]), .init(key: [1, 1, 1], value: [1, 1, 1]),
    ] {
      XCTAssertThrowsError(try base.withLowRankAttention(LowRankConfig(layerRanks: [1: ranks])), "\(ranks)") {
        XCTAssertTrue("\($0)".contains("low_rank_list") && "\($0)".contains("layer 1"), "\($0)")
      }
    }
    for pairs in [[[0]], [[0], [4]], [[0], [0, 1]], [[1, 0], [0, 1]], [[0, 0], [0, 1]], [[], []]] {
      XCTAssertThrowsError(
        try base.withPartialRopeAttention(PartialRopeConfig(kvRank: 4, pairs: [1: pairs])), "\(pairs)"
      ) { XCTAssertTrue("\($0)".contains("partial_rope_pairs"), "\($0)") }
    }
  }
}
