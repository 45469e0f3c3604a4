import Autograd
import Foundation
import Groundwork
import ModelCore
import Published
import TestKit
import XCTest

/// HyLo's Gated DeltaNet layers: the published sizes, where they start, and what weight decay leaves alone.
final class GatedDeltaNetAccountingTests: XCTestCase {
  /// Table 7's dims, and the parameters that the released totals leave a layer.
  func testMixersHaveThePublishedParameters() throws {
    for (preset, heads, parameters, state) in [
      ("llama-3.2-1b", 6, 25_215_500, 786_432), ("llama-3.2-3b", 9, 56_715_794, 1_179_648),
    ] {
      let config = try ModelConfig.preset(preset).withGatedDeltaNet()
      let delta = try XCTUnwrap(config.delta)
      XCTAssertEqual([delta.heads, delta.keyDim, delta.valueDim], [heads, 256, 512], preset)
      XCTAssertEqual(config.mixerParameterCount(layer: 0), parameters, preset)
      XCTAssertEqual(delta.recurrentNumbers, state, preset)
      XCTAssertEqual(config.stateNumbers(layer: 0), state + 3 * delta.convWidth, preset)
      XCTAssertEqual(config.kvNumbersPerToken, 0)
    }
  }

  /// The released checkpoints' parameters, which count embedding and head apart, and Table 7's KV percent.
  func testPublishedHybridsHaveThePublishedTotals() throws {
    let even = Array(stride(from: 0, to: 28, by: 2))
    for (preset, layers, q, dim, parameters, percent) in [
      ("llama-3.2-1b", [1, 5, 10, 14], 1344, 32, 1_673_797_776, 3.90625),
      ("llama-3.2-1b", Array(even.prefix(8)), 1344, 32, 1_613_437_024, 7.8125),
      ("llama-3.2-3b", [0, 5, 10, 16, 21, 26], 1536, 64, 4_267_821_452, 2.0089),
      ("llama-3.2-3b", even, 1536, 64, 3_971_381_500, 4.6875),
    ] as [(String, [Int], Int, Int, Int, Double)] {
      var base = try ModelConfig.preset(preset)
      base.tieWordEmbeddings = false
      let config = try base.withLatentAttention(
        LatentConfig(
          qRank: q, kvRank: 128, nopeHeadDim: dim, ropeHeadDim: dim, valueHeadDim: base.headDim,
          upProjectionHeads: base.keyValueHeads), layers: layers
      ).withGatedDeltaNet(layers: (0..<base.layerCount).filter { !layers.contains($0) })
      let name = "\(preset) \(layers.count)"
      XCTAssertEqual(config.parameterCount, parameters, name)
      XCTAssertEqual(config.kvPercent, percent, accuracy: 0.00005, name)
    }
  }

  /// Percent of the base's bytes with states, against an independent derivation (8k and 64k tokens).
  func testCachesCountTheirStates() throws {
    for (name, short, long) in [
      ("hylo-llama-4mla12m2", 6.33, 4.21), ("hylo-llama-4mla12gdn", 18.13, 5.68), ("hylo-llama-8mla8gdn", 17.30, 9.00),
      ("hylo-llama-6mla22m2", 5.76, 2.48), ("hylo-llama-6mla22gdn", 13.19, 3.41),
      ("hylo-llama-14mla14gdn", 11.80, 5.58),
      ("hylo-qwen-7mla21gdn", 11.02, 4.80), ("hylo-qwen-14mla14m2", 9.41, 8.01),
    ] {
      let config = try ModelConfig.preset(name)
      XCTAssertEqual(config.cachePercent(context: 8192), short, accuracy: 0.005, name)
      XCTAssertEqual(config.cachePercent(context: 65_536), long, accuracy: 0.005001, name)
    }
    let base = try ModelConfig.preset("llama-3.2-1b")
    XCTAssertEqual(base.cachePercent(context: 100), 100)
    XCTAssertEqual(base.cacheBytes(context: 65_536), 2 << 30)
  }

  func testHeadsKeepTheWidthsOrAreRefused() throws {
    let base = try ModelConfig.preset("nano-1b")
    for (heads, shape) in [(nil, [6, 16, 32]), (3, [3, 32, 64]), (12, [12, 8, 16])] as [(Int?, [Int])] {
      let delta = try DeltaConfig(replacing: base, heads: heads)
      XCTAssertEqual([delta.heads, delta.keyDim, delta.valueDim], shape)
    }
    var odd = base
    odd.hiddenSize = 126
    for (config, heads) in [(base, 7), (base, 0), (odd, 3)] {
      XCTAssertThrowsError(try DeltaConfig(replacing: config, heads: heads)) {
        XCTAssert("\($0)".contains("heads"), "\($0)")
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage)
      }
    }
  }

  /// Qwen3-Next's norm weights are differences from one, but for Gated DeltaNet's own.
  func testNormsOfQwen3NextStartAtZero() throws {
    var config = ModelConfig(
      architecture: .qwen3Next, hiddenSize: 24, layerCount: 2, attentionHeads: 4, keyValueHeads: 2, headDim: 8,
      intermediateSize: 8, vocabularySize: 8, normOffset: 1,
      attention: AttentionConfig(qkNorm: true, outputGate: true), mixers: [.gatedDeltaNet, .attention],
      shapes: [DeltaConfig(heads: 4, keyHeads: 2, keyDim: 4, valueDim: 4, isFused: true)])
    config.rope.rotatedShare = 0.5
    let model = try LanguageModel(config, seed: 1)
    func values(_ name: String) -> Set<Float> { Set(model.parameters[name]!.value.toArray()) }
    for name in ["norm", "layers.0.input_layernorm", "layers.1.post_attention_layernorm", "layers.1.self_attn.q_norm"] {
      XCTAssertEqual(values("model.\(name).weight"), [0], name)
    }
    XCTAssertEqual(values("model.layers.0.linear_attn.norm.weight"), [1])
  }

  /// Keys three quarters of the width and values twice that, on the ladder too.
  func testTheLadderKeepsTheFractions() throws {
    for width in [24, 64, 128, 256, 1024, 2048, 3072] {
      let base = ModelConfig(
        hiddenSize: width, layerCount: 1, attentionHeads: 4, keyValueHeads: 2, intermediateSize: 8, vocabularySize: 8)
      let layout = try DeltaConfig(replacing: base).layout
      XCTAssertEqual([layout.keyWidth, layout.valueWidth], [3 * width / 4, 3 * width / 2])
    }
  }

  func testFreshParametersLieInTheirRanges() throws {
    let config = try ModelConfig(
      hiddenSize: 64, layerCount: 2, attentionHeads: 4, keyValueHeads: 2, intermediateSize: 8, vocabularySize: 8
    ).withGatedDeltaNet()
    let model = try LanguageModel(config, seed: 4)
    func values(_ name: String) -> [Double] {
      model.parameters["model.layers.1.gdn.\(name)"]!.value.toArray().map(Double.init)
    }
    for bias in values("dt_bias") { XCTAssertTrue((0.99e-3...0.101).contains(log1p(exp(bias))), "\(bias)") }
    for rate in values("A_log") { XCTAssertTrue(rate > -9.3 && exp(rate) <= 16.0001, "\(rate)") }
    for weight in values("q_conv1d.weight") { XCTAssertLessThanOrEqual(abs(weight), 0.5) }
    XCTAssertEqual(Set(values("o_norm.weight")), [1])
    for parameter in model.parameters.parameters where parameter.name.contains(".gdn.") {
      let isLeftAlone = ["A_log", "dt_bias", "o_norm.weight"].contains { parameter.name.hasSuffix($0) }
      XCTAssertEqual(parameter.decays, !isLeftAlone, parameter.name)
    }
  }
}
