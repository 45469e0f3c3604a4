import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore
import XCTest

/// The layer of Tests/Goldens/baselines.json (Scripts/goldens/baselines.py): attention whose inputs are the token
/// embeddings, so that what methods measure on text is what the script measured.
struct GoldenLayer {
  let goldens: JSONValue
  let model: LanguageModel
  let x: [Float]
  let tokens: Int

  init() throws {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    goldens = try JSONValue(contentsOf: tests.appendingPathComponent("Goldens/baselines.json"))
    let shape = try XCTUnwrap(goldens["shape"])
    func size(_ name: String) throws -> Int { try XCTUnwrap(shape[name]?.int, name) }
    tokens = try size("tokens")
    let config = ModelConfig(
      hiddenSize: try size("hidden"), layerCount: 1, attentionHeads: try size("heads"),
      keyValueHeads: try size("groups"), headDim: try size("width"), intermediateSize: 4, vocabularySize: tokens,
      tieWordEmbeddings: true, rmsNormEps: 1e-9, rope: RopeConfig(theta: Double(try size("theta"))), maxPosition: 64)
    model = try LanguageModel(config, seed: 1)
    x = try Self.floats(goldens["x"])
    func set(_ parameter: Parameter?, _ values: [Float]) throws {
      try XCTUnwrap(parameter).value.pointer.update(from: values, count: values.count)
    }
    try set(model.embedding, x)
    for (role, name) in [
      (MixerRole.query, "query"), (.key, "key"), (.value, "value"), (.output, "output"),
    ] { try set(model.parameter(role, layer: 0), Self.floats(goldens[name])) }
  }

  static func floats(_ value: JSONValue?) throws -> [Float] {
    try XCTUnwrap(value?.array).map { Float(try XCTUnwrap($0.double)) }
  }

  static func ints(_ value: JSONValue?) throws -> [Int] {
    try XCTUnwrap(value?.array).map { try XCTUnwrap($0.int) }
  }

  var ids: [Int32] { (0..<Int32(tokens)).map { $0 } }

  /// The mixer's output of a whole sequence.
  func forward(_ model: LanguageModel) -> [Float] {
    let tape = Tape(recording: false)
    let input = tape.constant(Tensor([1, tokens, model.config.hiddenSize], values: x))
    return model.layers[0].mixer.forward(tape, input, batch: 1, time: tokens, positionIds: ids).value.toArray()
  }

  /// The same from a cache, in pieces.
  func extend(_ model: LanguageModel, _ cache: SequenceCache, _ pieces: [Int]) -> [Float] {
    var (start, out) = (0, [Float]())
    let width = model.config.hiddenSize
    for count in pieces {
      let tape = Tape(recording: false)
      let rows = Tensor([count, width], values: Array(x[start * width..<(start + count) * width]))
      out += model.layers[0].extend(
        tape, mixing: tape.constant(rows), cache, layer: 0, positionIds: Array(ids[start..<start + count])
      ).value.toArray()
      start += count
    }
    return out
  }
}
