import Autograd
import Foundation
import Groundwork
import Published
import TensorCore
import TestKit
import XCTest

@testable import ModelCore
@testable import Upcycling

/// Minitron against its equations as an independent script computes them (Scripts/goldens/zebra_baselines.py).
final class WidthPruningTests: XCTestCase {
  /// The script's model, windows and answers.
  private struct Golden {
    let value: JSONValue
    let model: LanguageModel
    let windows: [[Int32]]

    init() throws {
      let file = repositoryRoot().appendingPathComponent("Tests/Goldens/zebra-baselines.json")
      value = try XCTUnwrap(JSONValue(contentsOf: file)["minitron"])
      let shape = try XCTUnwrap(value["shape"])
      func size(_ name: String) throws -> Int { try XCTUnwrap(shape[name]?.double.map { Int($0) }, name) }
      let config = ModelConfig(
        hiddenSize: try size("hidden"), layerCount: try size("layers"), attentionHeads: try size("heads"),
        keyValueHeads: try size("groups"), headDim: try size("width"), intermediateSize: try size("inner"),
        vocabularySize: try size("vocabulary"), rope: RopeConfig(theta: Double(try size("theta"))), maxPosition: 64)
      model = try LanguageModel(config, seed: 1)
      for parameter in model.parameters.parameters {
        let name = parameter.name.split(separator: ".").filter {
          !["model", "layers", "weight", "self_attn", "mlp"].contains($0)
        }
        let values = try GoldenLayer.floats(value["weights"]?[name.joined(separator: ".")])
        XCTAssertEqual(values.count, parameter.value.count, parameter.name)
        parameter.value.pointer.update(from: values, count: values.count)
      }
      windows = try XCTUnwrap(value["windows"]?.array).map { try GoldenLayer.ints($0).map(Int32.init) }
    }

    func logits(_ model: LanguageModel) -> [Float] {
      model.logits(ids: windows[0], batch: 1, time: windows[0].count).toArray()
    }
  }

  func testImportanceIsWhatActivationsSay() throws {
    let golden = try Golden()
    assertClose(golden.logits(golden.model), try GoldenLayer.floats(golden.value["logits"]), "parent", tolerance: 1e-5)
    for batch in [1, 2, 8] {
      let importance = activationImportance(of: golden.model, windows: golden.windows, batch: batch)
      func close(_ values: [Double], _ wanted: JSONValue?, _ name: String) throws {
        assertClose(values.map { Float($0) }, try GoldenLayer.floats(wanted), name, tolerance: 1e-5)
      }
      let wanted = golden.value["importance"]
      try close(importance.hidden, wanted?["hidden"], "hidden")
      for layer in 0..<2 {
        try close(importance.layers[layer].groups, wanted?["groups"]?.array?[layer], "groups \(layer)")
        try close(importance.layers[layer].channels, wanted?["channels"]?.array?[layer], "channels \(layer)")
      }
    }
  }

  func testThePrunedModelIsTheScripts() throws {
    let golden = try Golden()
    for wanted in try XCTUnwrap(golden.value["pruned"]?.array) {
      func size(_ name: String) -> Int? { wanted[name]?.int }
      let pruning = WidthPruning(
        hiddenSize: size("hidden"), intermediateSize: size("inner"), keyValueHeads: size("groups"))
      let (model, lost) = try Baseline.minitron(pruning).convert(golden.model, calibration: golden.windows)
      assertClose(golden.logits(model), try GoldenLayer.floats(wanted["logits"]), "\(pruning)", tolerance: 1e-5)
      XCTAssertEqual(model.config.attentionHeads, 2 * model.config.keyValueHeads)
      XCTAssertEqual(model.config.headDim, 6)
      XCTAssertEqual(model.parameters.count, model.config.parameterCount)
      XCTAssertTrue(lost.values.allSatisfy { (0.001..<0.7).contains($0) }, "\(lost)")
    }
  }

  func testWithNothingRemovedItIsItsParent() throws {
    for base in [try tinyBase(), try tinyBase(qkNorm: true), try tinyBase(qkvBias: true)] {
      let config = base.config
      for pruning in [
        WidthPruning(),
        WidthPruning(
          hiddenSize: config.hiddenSize, intermediateSize: config.intermediateSize, keyValueHeads: config.keyValueHeads),
      ] {
        let (model, lost) = try Baseline.minitron(pruning).convert(base, calibration: [tinyIds])
        XCTAssertEqual(model.config, config)
        XCTAssertEqual(model.parameters.values.toArray(), base.parameters.values.toArray())
        XCTAssertEqual(Set(lost.values), [0])
      }
    }
  }

  /// What never acts may go without a difference, biases and norms of heads with it.
  func testIdleChannelsAndHeadsCostNothing() throws {
    for base in [try tinyBase(), try tinyBase(qkNorm: true), try tinyBase(qkvBias: true)] {
      for layer in 0..<3 {
        // Values of the second KV group, and ten feed-forward channels.
        let (value, up) = (
          base.parameter(.value, layer: layer)!, base.parameter(.feedForward(.up), layer: layer)!.value
        )
        (value.value.pointer + 8 * 32).update(repeating: 0, count: 8 * 32)
        if let bias = base.parameter(.valueBias, layer: layer) {
          (bias.value.pointer + 8).update(repeating: 0, count: 8)
        }
        (up.pointer + (3 + layer) * 32).update(repeating: 0, count: 10 * 32)
      }
      let (model, _) = try Baseline.minitron(WidthPruning(intermediateSize: 38, keyValueHeads: 1))
        .convert(base, calibration: [tinyIds])
      XCTAssertEqual(model.config.attentionHeads, 2)
      assertClose(logits(model), logits(base), base.config.architecture.rawValue, tolerance: 1e-5)
    }
  }

  func testWhatCannotBePrunedIsRefused() throws {
    let base = try tinyBase().config
    for (pruning, field) in [
      (WidthPruning(hiddenSize: 0), "hidden_size"), (WidthPruning(hiddenSize: 33), "hidden_size"),
      (WidthPruning(intermediateSize: 49), "intermediate_size"),
      (WidthPruning(keyValueHeads: 3), "num_key_value_heads"), (WidthPruning(keyValueHeads: -1), "num_key_value_heads"),
    ] {
      XCTAssertThrowsError(try pruning.validate(base: base), "\(pruning)") {
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage)
        XCTAssertTrue("\($0)".contains("`\(field)`: is not what can be left"), "\($0)")
      }
    }
    let sound = WidthPruning(hiddenSize: 24)
    XCTAssertEqual(try sound.validate(base: base), [0, 1, 2])
    XCTAssertThrowsError(try sound.validate(base: base.withMamba2(layers: [1]))) {
      XCTAssertTrue("\($0)".contains("layer 1: mamba2"), "\($0)")
    }
    XCTAssertThrowsError(try Baseline.minitron(sound).convert(tinyBase(), calibration: [])) {
      XCTAssertTrue("\($0)".contains("needs calibration text"), "\($0)")
    }
    let families = repositoryRoot().appendingPathComponent("Tests/Goldens/families")
    for (config, extra) in [
      (try ModelConfig(contentsOf: families.appendingPathComponent("gpt2")), "no gated feed-forward"),
      (try ModelConfig(contentsOf: families.appendingPathComponent("olmo2")), "norms across heads"),
      (try ModelConfig.preset("nano-qwen-moe"), "experts"),
    ] {
      XCTAssertThrowsError(try WidthPruning(hiddenSize: config.hiddenSize - 2).validate(base: config), extra) {
        XCTAssertTrue("\($0)".contains("cannot be pruned in width") && "\($0)".contains(extra), "\($0)")
      }
    }
  }

  /// Every family that can be pruned computes the same where nothing is removed, and goes out and in again as its own.
  func testFamiliesThatCanBePrunedKeepTheirSpelling() throws {
    let families = repositoryRoot().appendingPathComponent("Tests/Goldens/families")
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    var pruned: [String] = []
    for family in try FileManager.default.contentsOfDirectory(atPath: families.path).sorted() {
      let base = try LanguageModel(folder: families.appendingPathComponent(family))
      let pruning = WidthPruning(
        hiddenSize: base.config.hiddenSize - 4, intermediateSize: base.config.intermediateSize - 3)
      guard (try? pruning.validate(base: base.config)) != nil else { continue }
      let ids = (0..<24).map { Int32($0 * 7 % base.config.vocabularySize) }
      let (model, _) = try Baseline.minitron(pruning).convert(base, calibration: [ids])
      let out = folder.appendingPathComponent(family)
      try model.save(to: out)
      let again = try LanguageModel(folder: out)
      XCTAssertEqual(again.config, model.config, family)
      XCTAssertEqual(again.parameters.values.toArray(), model.parameters.values.toArray(), family)
      let same = try Baseline.minitron(WidthPruning()).convert(base, calibration: [ids]).model
      XCTAssertEqual(same.parameters.values.toArray(), base.parameters.values.toArray(), family)
      pruned.append(family)
    }
    XCTAssertEqual(pruned, ["granite", "llama", "mistral", "phi3", "qwen2", "qwen2-windows", "qwen3", "smollm3"])
  }
}
