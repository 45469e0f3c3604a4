import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Upcycling

/// HypeNet: Lightning Attention from attention, and hybrids whose attention has gates and no positions.
final class HypeNetTests: XCTestCase {
  private func values(_ model: LanguageModel, _ name: String, _ layer: Int = 1) throws -> [Float] {
    try XCTUnwrap(model.parameters["model.layers.\(layer).\(name)"], name).value.toArray()
  }

  /// Keys and values of two heads are repeated to four; norms go along where there are any.
  func testTheStartIsTheAttentions() throws {
    for qkNorm in [true, false] {
      let base = try tinyBase(qkNorm: qkNorm)
      if qkNorm { base.parameters["model.layers.1.self_attn.k_norm.weight"]!.value.pointer[2] = 3 }
      let model = try LightningConversion(layers: .list([1, 2]), seed: 3).converted(base)
      XCTAssertEqual(model.config.mixers, [.attention, .lightningAttention, .lightningAttention])
      XCTAssertEqual(model.config.lightning, LightningConfig(heads: 4, headDim: 8))
      for name in ["q_proj.weight", "o_proj.weight"] {
        XCTAssertEqual(try values(model, "lightning.\(name)"), try values(base, "self_attn.\(name)"), name)
      }
      for name in ["k_proj.weight", "v_proj.weight"] {
        let (own, theirs) = (try values(model, "lightning.\(name)"), try values(base, "self_attn.\(name)"))
        let head = 8 * 32
        for (index, from) in [0, 0, 1, 1].enumerated() {
          XCTAssertEqual(
            own[index * head..<(index + 1) * head], theirs[from * head..<(from + 1) * head], "\(name), \(index)")
        }
      }
      XCTAssertEqual(
        try values(model, "lightning.k_norm.weight"),
        qkNorm ? try values(base, "self_attn.k_norm.weight") : [Float](repeating: 1, count: 8))
      XCTAssertEqual(Set(try values(model, "lightning.o_norm.weight")), [1])
      XCTAssertTrue(logits(model).allSatisfy(\.isFinite))
    }
  }

  /// At first a hybrid computes what attention without positions and without gates does.
  func testGatesChangeNothingAtFirst() throws {
    for (qkNorm, qkvBias) in [(true, false), (false, true)] {
      let base = try tinyBase(qkNorm: qkNorm, qkvBias: qkvBias)
      let linear = try LightningConversion(seed: 2).converted(base)
      let hybrid = try PositionFreeHybrid(attentionLayers: [1]).model(base: base, linear: linear)
      XCTAssertEqual(hybrid.config.mixers, [.lightningAttention, .attention, .lightningAttention])
      XCTAssertEqual(hybrid.config.attention.unrotatedLayers, [1])
      XCTAssertEqual(hybrid.config.baseModel, base.config.baseModel, "the gates are the method's")
      let plain = try LightningConversion(layers: .list([0, 2]), seed: 2).converted(base)
      var config = plain.config
      config.attention.unrotatedLayers = [1]
      let unrotated = try LanguageModel(config, weights: ModelWeights(plain))
      assertClose(logits(hybrid), logits(unrotated), "norms \(qkNorm), biases \(qkvBias)", tolerance: 1e-5)
      XCTAssertNotEqual(logits(plain), logits(unrotated))
    }
  }

  /// A base's YaRN multiplies logits; attention that turns no more has the same factor in its queries or their norms.
  func testYarnsFactorStaysWithoutPositions() throws {
    let rope = RopeConfig(scaling: .yarn(.init(factor: 1, originalMaxPosition: 128, attentionFactor: 1.5)))
    for (qkNorm, qkvBias) in [(true, false), (false, true)] {
      let base = try tinyBase(rope: rope, qkNorm: qkNorm, qkvBias: qkvBias)
      let linear = try LightningConversion(seed: 2).converted(base)
      let hybrid = try PositionFreeHybrid(attentionLayers: [1]).model(base: base, linear: linear)
      let plain = try LightningConversion(layers: .list([0, 2]), seed: 2).converted(base)
      var config = plain.config
      config.attention.unrotatedLayers = [1]
      config.attention.scale = 2.25 * config.attentionScale
      let scaled = try LanguageModel(config, weights: ModelWeights(plain))
      assertClose(logits(hybrid), logits(scaled), "norms \(qkNorm), biases \(qkvBias)", tolerance: 1e-4)
    }
  }

  func testAHybridSurvivesItsFolderAndDecodes() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let base = try tinyBase(qkNorm: true)
    let hybrid = try PositionFreeHybrid(attentionLayers: [0]).model(
      base: base, linear: LightningConversion().converted(base))
    try hybrid.save(to: folder)
    let again = try LanguageModel(folder: folder)
    XCTAssertEqual(again.config, hybrid.config)
    XCTAssertEqual(logits(again), logits(hybrid))
    XCTAssertEqual(again.config.kvPercent, 100 / 3, accuracy: 1e-9)
    let whole = hybrid.logits(ids: tinyIds, batch: 1, time: tinyIds.count).toArray()
    let cache = hybrid.makeCache()
    var rows: [Float] = []
    for range in [0..<9, 9..<10, 10..<11, 11..<tinyIds.count] {
      rows += try hybrid.extend(cache, Array(tinyIds[range])).toArray()
    }
    assertClose(hybrid.logits(Tensor([tinyIds.count, 32], values: rows)).toArray(), whole, "pieces", tolerance: 1e-4)
  }

  func testWhatCannotBeDoneIsRefused() throws {
    let base = try tinyBase()
    let linear = try LightningConversion().converted(base)
    func refuse(_ words: String, line: UInt = #line, _ body: () throws -> Any) {
      XCTAssertThrowsError(try body(), line: line) {
        XCTAssertTrue("\($0)".contains(words), "\($0)", line: line)
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage, line: line)
      }
    }
    refuse("layer 0: lightning-attn") { try LightningConversion().converted(linear) }
    refuse("out of range") { try LightningConversion(layers: .list([3])).converted(base) }
    refuse("layer out of range") {
      try PositionFreeHybrid(attentionLayers: [3]).config(base: base.config, linear: linear.config)
    }
    refuse("names no layer") {
      try PositionFreeHybrid(attentionLayers: []).config(base: base.config, linear: linear.config)
    }
    var gated = base.config
    gated.attention.outputGate = true
    // The rows of its queries stand between those of the gates: no method may take them for queries.
    let replacements: [any MixerReplacement] = [
      LightningConversion(), MambaConversion(), DeltaConversion(), JetConversion(),
      LatentConversion(kvRank: 4, nopeHeadDim: 2, ropeHeadDim: 2),
    ]
    for replacement in replacements { refuse("attn_output_gate") { try replacement.config(base: gated) } }
    refuse("attn_output_gate") {
      try PositionFreeHybrid(attentionLayers: [0]).config(base: gated, linear: linear.config)
    }
    var spanning = base.config
    spanning.attention.qkNormSpansHeads = true
    refuse("norms over all heads") { try LightningConversion().config(base: spanning) }
  }
}
