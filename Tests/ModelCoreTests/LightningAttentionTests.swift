import Autograd
import Foundation
import Groundwork
import Published
import TensorCore
import TestKit
import XCTest

@testable import ModelCore

/// Lightning Attention (HypeNet): values and slopes of an independent script, the released model's shape, and its rates.
final class LightningAttentionTests: XCTestCase {
  private func small(chunk: Int = 64) throws -> ModelConfig {
    var config = ModelConfig(
      hiddenSize: 6, layerCount: 1, attentionHeads: 2, keyValueHeads: 1, headDim: 4, intermediateSize: 5,
      vocabularySize: 7, tieWordEmbeddings: true, rope: RopeConfig(theta: 10_000), maxPosition: 64)
    config = try config.withLightningAttention(LightningConfig(heads: 2, headDim: 4, chunk: chunk))
    return config
  }

  func testTheScriptsOutputAndSlopesComeOut() throws {
    let file = repositoryRoot().appendingPathComponent("Tests/Goldens/hylo-baselines.json")
    let golden = try XCTUnwrap(JSONValue(contentsOf: file)["lightning"])
    func floats(_ value: JSONValue?) throws -> [Float] {
      try XCTUnwrap(value?.array).map { Float(try XCTUnwrap($0.double)) }
    }
    for chunk in [1, 4, 64] {
      let model = try LanguageModel(small(chunk: chunk), weights: RandomWeights(seed: 1, layers: 1))
      let mixers = zip(model.tensors, model.parameters.parameters).filter { $0.0.isMixers }
      func name(_ tensor: TensorSpec) -> String { tensor.name.replacing("model.layers.0.lightning.", with: "") }
      for (tensor, parameter) in mixers {
        let values = try floats(golden["weights"]?[name(tensor)])
        XCTAssertEqual(values.count, parameter.count, tensor.name)
        parameter.value.pointer.update(from: values, count: values.count)
      }
      model.parameters.zeroGradients()
      let tape = Tape(recording: true)
      let x = tape.input(Tensor([1, 9, 6], values: try floats(golden["x"])))
      let y = model.layers[0].mixer.forward(tape, x, batch: 1, time: 9, positionIds: (0..<9).map { Int32($0) })
      assertClose(y.value.toArray(), try floats(golden["output"]), "output, chunk \(chunk)", tolerance: 1e-5)
      tape.backward(from: y, seed: Tensor([1, 9, 6], values: try floats(golden["seed"])))
      assertClose(
        try XCTUnwrap(tape.gradient(of: x)).toArray(), try floats(golden["slopes"]?["x"]), "x, chunk \(chunk)",
        tolerance: 1e-4)
      for (tensor, parameter) in mixers {
        assertClose(
          try XCTUnwrap(parameter.gradient).toArray(), try floats(golden["slopes"]?[name(tensor)]),
          "\(tensor.name), chunk \(chunk)", tolerance: 1e-4)
      }
    }
  }

  /// A state of 16 x 16 numbers and less is scanned, larger ones go through matrix products.
  func testLargeHeadsDecodeAsTheyTrain() throws {
    var config = ModelConfig(
      hiddenSize: 12, layerCount: 1, attentionHeads: 2, keyValueHeads: 2, headDim: 20, intermediateSize: 5,
      vocabularySize: 7, tieWordEmbeddings: true, maxPosition: 64)
    config = try config.withLightningAttention(LightningConfig(heads: 2, headDim: 20, chunk: 8))
    let model = try LanguageModel(config, weights: RandomWeights(seed: 2, deviation: 0.3, layers: 1))
    let ids = randomIds(30, vocabulary: 7)
    let whole = model.logits(ids: ids, batch: 1, time: 30).toArray()
    let cache = model.makeCache()
    var rows: [Float] = []
    for range in [0..<17, 17..<18, 18..<30] { rows += try model.extend(cache, Array(ids[range])).toArray() }
    assertClose(model.logits(Tensor([30, 12], values: rows)).toArray(), whole, "pieces", tolerance: 1e-4)
  }

  /// Where the base's windowed layers have a rope of their own (Gemma 3), what stands in their place turns by it.
  func testALayerTurnsAsTheAttentionInItsPlace() throws {
    let ids = randomIds(9, vocabulary: 7)
    func logits(_ config: ModelConfig) throws -> [Float] {
      try LanguageModel(config, weights: RandomWeights(seed: 3, deviation: 0.3, layers: 1)).logits(
        ids: ids, batch: 1, time: 9
      ).toArray()
    }
    var (windowed, turning) = (try small(), try small())
    windowed.attention.windows = AttentionConfig.Windows(layers: [0], size: 8, rope: RopeConfig(theta: 10))
    turning.rope = RopeConfig(theta: 10)
    XCTAssertEqual(try logits(windowed), try logits(turning))
    XCTAssertNotEqual(try logits(windowed), try logits(small()))
  }

  /// Heads, widths and rates of HypeNet-2B, whose base is Qwen3-1.7B: seven of 28 layers keep 25 % of the cache.
  func testTheShapeIsTheReleasedModels() throws {
    let kept = [2, 3, 6, 8, 9, 21, 25]
    let config = try ModelConfig.preset("qwen3-1.7b").withLightningAttention(
      layers: (0..<28).filter { !kept.contains($0) })
    XCTAssertEqual(config.lightning, LightningConfig(heads: 16, headDim: 128))
    XCTAssertEqual(config.kvPercent, 25)
    XCTAssertEqual(config.mixerParameterCount(layer: 0), 5 * 2048 * 2048 + 2 * 128 + 2048)
    XCTAssertEqual(config.stateNumbers(layer: 0), 16 * 128 * 128)
    let rates = try XCTUnwrap(config.lightning).rates
    XCTAssertEqual(rates.first, pow(2, -0.5))
    XCTAssertEqual(rates.last, pow(2, -8))
    // As ALiBi has them for six heads: four of four, then two of eight.
    XCTAssertEqual(
      LightningConfig(heads: 6, headDim: 4).rates, [2, 4, 6, 8, 1, 3].map { pow(2, -Double($0)) })
  }

  func testWhatItDoesNotComputeIsRefused() throws {
    func read(_ changes: [String: JSONValue]) throws -> LightningConfig? {
      var object = try XCTUnwrap(small().json.object)
      for (key, value) in changes { object[key] = value }
      return try ModelConfig(json: .object(object), file: "config.json").lightning
    }
    XCTAssertEqual(try read(["lightning_nkv": .null]), LightningConfig(heads: 2, headDim: 4))
    for (key, value) in [
      ("lightning_nkv", .int(1)), ("lightning_nh", .int(0)), ("lightning_head_dim", .int(3)), ("lightning_nh", .null),
    ] as [(String, JSONValue)] {
      XCTAssertThrowsError(try read([key: value])) { XCTAssertTrue("\($0)".contains(key), "\($0)") }
    }
  }
}
