import Autograd
import Foundation
import Groundwork
import Published
import TensorCore
import TestKit
import XCTest

@testable import ModelCore

/// JetBlock (Jet-Nemotron): values and slopes of an independent script, the released model's shape and spelling, and what is
/// left of it when its taps do not depend on the input: Gated DeltaNet.
final class JetBlockTests: XCTestCase {
  private func small(_ change: (inout JetConfig) -> Void = { _ in }) throws -> ModelConfig {
    var config = ModelConfig(
      hiddenSize: 6, layerCount: 1, attentionHeads: 2, keyValueHeads: 2, headDim: 3, intermediateSize: 5,
      vocabularySize: 7, tieWordEmbeddings: true, maxPosition: 64)
    var jet = JetConfig(heads: 2, keyDim: 3, valueDim: 4, generatorReduction: 4)
    change(&jet)
    config = try config.withJetBlock(jet)
    return config
  }

  func testTheScriptsOutputAndSlopesComeOut() throws {
    let file = repositoryRoot().appendingPathComponent("Tests/Goldens/hylo-baselines.json")
    let golden = try XCTUnwrap(JSONValue(contentsOf: file)["jet_block"])
    func floats(_ value: JSONValue?) throws -> [Float] {
      try XCTUnwrap(value?.array).map { Float(try XCTUnwrap($0.double)) }
    }
    for (key, size) in [
      ("hidden", 6), ("tokens", 9), ("heads", 2), ("key", 3), ("value", 4), ("taps", 4), ("reduction", 4),
    ] { XCTAssertEqual(golden["shape"]?[key]?.int, size, key) }
    for chunk in [1, 4, 64] {
      let model = try LanguageModel(small { $0.chunk = chunk }, weights: RandomWeights(seed: 1, layers: 1))
      let mixers = zip(model.tensors, model.parameters.parameters).filter { $0.0.isMixers }
      for (tensor, parameter) in mixers {
        let name = tensor.name.replacing("model.layers.0.jet.", with: "")
        let values = try floats(golden["weights"]?[name])
        XCTAssertEqual(values.count, parameter.count, name)
        parameter.value.pointer.update(from: values, count: values.count)
      }
      model.parameters.zeroGradients()
      let tape = Tape(recording: true)
      let x = tape.input(Tensor([1, 9, 6], values: try floats(golden["x"])))
      let y = model.layers[0].mixer.forward(tape, x, batch: 1, time: 9, positionIds: (0..<9).map { Int32($0) })
      assertClose(y.value.toArray(), try floats(golden["output"]), "output, chunk \(chunk)", tolerance: 1e-5)
      tape.backward(from: y, seed: Tensor([1, 9, 6], values: try floats(golden["seed"])))
      let slopes = [("x", tape.gradient(of: x))] + mixers.map { ($0.0.name, $0.1.gradient) }
      for (name, gradient) in slopes {
        let wanted = try floats(golden["slopes"]?[name.replacing("model.layers.0.jet.", with: "")])
        assertClose(try XCTUnwrap(gradient).toArray(), wanted, "\(name), chunk \(chunk)", tolerance: 1e-4)
      }
    }
  }

  /// Taps that no input moves are a static convolution; queries and keys then pass through one that keeps the last token.
  func testWithoutAGeneratorItIsGatedDeltaNet() throws {
    let config = try small()
    let jet = try LanguageModel(config, weights: RandomWeights(seed: 4, deviation: 0.4, layers: 1))
    var base = config.baseModel
    base.delta = DeltaConfig(heads: 2, keyDim: 3, valueDim: 4)
    let delta = try LanguageModel(
      base.replacingMixers(nil, with: .gatedDeltaNet), weights: RandomWeights(seed: 5, layers: 1))
    jet.parameter(.tapsOutput, layer: 0)!.value.fill(0)
    for (tensor, parameter) in zip(delta.tensors, delta.parameters.parameters) {
      switch tensor.role {
      case .mixer(.queryConvolution), .mixer(.keyConvolution):
        for index in 0..<tensor.count { parameter.value.pointer[index] = index % 4 == 3 ? 1 : 0 }
      case .mixer(.valueConvolution):
        parameter.value.pointer.update(
          from: jet.parameter(.tapsBias, layer: 0)!.value.pointer, count: tensor.count)
      default:
        let own = try XCTUnwrap(jet.parameter(tensor.role, layer: tensor.layer), tensor.name)
        parameter.value.pointer.update(from: own.value.pointer, count: tensor.count)
      }
    }
    let ids = randomIds(20, vocabulary: 7)
    assertClose(
      jet.logits(ids: ids, batch: 2, time: 10).toArray(), delta.logits(ids: ids, batch: 2, time: 10).toArray(),
      "logits", tolerance: 1e-5)
  }

  /// 12 heads of 96 and 256 in Jet-Nemotron-2B, whose base is Qwen2.5-1.5B; 2.1 % of Qwen3-1.7B's cache in HyLo's Table 4.
  func testTheShapeIsTheReleasedModels() throws {
    let config = try ModelConfig.preset("qwen2.5-1.5b").withJetBlock(
      layers: Array(0..<28).filter { ![14, 19].contains($0) })
    let jet = try XCTUnwrap(config.jet)
    XCTAssertEqual([jet.heads, jet.keyDim, jet.valueDim, jet.convTaps, jet.generatorReduction], [12, 96, 256, 4, 8])
    XCTAssertEqual(jet.generatorWidth, 384)
    // q, k: 1,152; v, z and the columns of W_O: 3,072; a, b: 12; the taps' network 384 and 12,288 with a bias.
    XCTAssertEqual(
      config.mixerParameterCount(layer: 0),
      1536 * (2 * 1152 + 3 * 3072 + 24 + 384) + 12_288 * 385 + 24 + 256)
    XCTAssertEqual(config.stateNumbers(layer: 0), 12 * 96 * 256 + 3 * 3072)
    XCTAssertEqual(config.kvNumbersPerToken, 2 * 2 * 2 * 128)
  }

  func testTheReleasedSpellingIsRead() throws {
    func read(_ change: (inout [String: JSONValue]) -> Void = { _ in }) throws -> JetConfig? {
      var object = try XCTUnwrap(small().json.object)
      var jet: [String: JSONValue] = [
        "num_heads": .int(12), "head_dim": .int(96), "expand_v": .double(2.6666666667), "conv_size": .int(4),
        "dconv_generator_reduction": .int(8), "norm_eps": .string("1e-5"), "mode": .string("chunk"),
      ]
      change(&jet)
      object["efficient_attention_config"] = .object(["jet": .object(jet)])
      return try ModelConfig(json: .object(object), file: "config.json").jet
    }
    XCTAssertEqual(try read(), JetConfig(heads: 12, keyDim: 96, valueDim: 256))
    for (key, value, words) in [
      ("num_heads", nil, "efficient_attention_config.jet.num_heads"), ("num_heads", .int(0), "num_heads"),
      ("expand_v", .double(2.67), "expand_v"), ("expand_v", .double(-1), "expand_v"),
      ("norm_eps", .string("x"), "norm_eps"),
      ("norm_eps", .int(0), "norm_eps"), ("dconv_generator_reduction", .int(4096), "dconv_generator_reduction"),
    ] as [(String, JSONValue?, String)] {
      XCTAssertThrowsError(try read { $0[key] = value }) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
    }
    var object = try XCTUnwrap(small().json.object)
    object["efficient_attention_config"] = nil
    XCTAssertThrowsError(try ModelConfig(json: .object(object), file: "config.json")) {
      XCTAssertTrue("\($0)".contains("efficient_attention_config.jet"), "\($0)")
    }
  }

  /// As the released code reads `expand_v`: products with it are cut to whole numbers.
  func testTheExpansionGivesBackTheValues() throws {
    for heads in [1, 3, 7, 12] {
      for (key, value) in [(96, 256), (6, 16), (3, 8), (49, 7), (7, 49), (11, 13), (1, 1), (97, 96)] {
        let config = JetConfig(heads: heads, keyDim: key, valueDim: value, generatorReduction: 1)
        let expansion = try XCTUnwrap(config.json["efficient_attention_config"]?["jet"]?["expand_v"]?.double)
        XCTAssertEqual(Int(Double(key) * expansion), value, "\(key) and \(value)")
        XCTAssertEqual(Int(Double(heads * key) * expansion), heads * value, "\(heads) of \(key) and \(value)")
      }
    }
  }
}
