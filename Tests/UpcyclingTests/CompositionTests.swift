import Autograd
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Upcycling

/// Mamba2 from attention, hybrids of two models, and the scores that choose their layers.
final class CompositionTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  // MARK: Mamba2 from attention

  /// V -> x, K -> B, Q -> C, O -> out_proj; everything outside the mixers is the base's.
  func testTheStructuredStartTakesAttentionsWeights() throws {
    let base = try tinyBase()
    let model = try MambaConversion(seed: 3).converted(base)
    func values(_ model: LanguageModel, _ name: String) -> [Float] { model.parameters[name]!.value.toArray() }
    let width = 32
    for layer in 0..<3 {
      let prefix = "model.layers.\(layer)."
      let input = values(model, prefix + "mamba.in_proj.weight")
      func rows(_ range: Range<Int>) -> [Float] { Array(input[range.lowerBound * width..<range.upperBound * width]) }
      XCTAssertEqual(rows(32..<48), values(base, prefix + "self_attn.v_proj.weight"))
      XCTAssertEqual(rows(48..<64), values(base, prefix + "self_attn.k_proj.weight"))
      XCTAssertEqual(rows(64..<96), values(base, prefix + "self_attn.q_proj.weight"))
      XCTAssertEqual(values(model, prefix + "mamba.out_proj.weight"), values(base, prefix + "self_attn.o_proj.weight"))
      for rest in [rows(0..<32), rows(96..<100)] {
        XCTAssertLessThanOrEqual(rest.map(abs).max()!, 1 / Float(width).squareRoot())
        XCTAssertGreaterThan(Set(rest).count, 100)
      }
      for name in ["mlp.gate_proj.weight", "input_layernorm.weight"] {
        XCTAssertEqual(values(model, prefix + name), values(base, prefix + name))
      }
      // softplus(dt_bias) in [1e-3, 1e-1], A in [1, 16].
      for bias in values(model, prefix + "mamba.dt_bias") {
        XCTAssertTrue((0.00099...0.101).contains(log1p(exp(Double(bias)))), "\(bias)")
      }
      for rate in values(model, prefix + "mamba.A_log") { XCTAssertTrue((0...log(16)).contains(Double(rate))) }
      XCTAssertEqual(Set(values(model, prefix + "mamba.D")), [1])
    }
    XCTAssertTrue(logits(model).allSatisfy(\.isFinite))
  }

  func testRandomStartSharesNothingWithAttention() throws {
    let base = try tinyBase()
    let model = try MambaConversion(layers: .list([1]), start: .random).converted(base)
    XCTAssertEqual(model.config.mixers, [.attention, .mamba2, .attention])
    XCTAssertNotEqual(
      model.parameters["model.layers.1.mamba.out_proj.weight"]!.value.toArray(),
      base.parameters["model.layers.1.self_attn.o_proj.weight"]!.value.toArray())
    XCTAssertEqual(
      model.parameters["model.layers.0.self_attn.q_proj.weight"]!.value.toArray(),
      base.parameters["model.layers.0.self_attn.q_proj.weight"]!.value.toArray())
  }

  func testAConvertedModelSurvivesItsFolder() throws {
    let model = try MambaConversion().converted(tinyBase())
    try model.save(to: folder.appendingPathComponent("m"))
    let again = try LanguageModel(folder: folder.appendingPathComponent("m"))
    XCTAssertEqual(again.config, model.config)
    XCTAssertEqual(logits(again), logits(model))
  }

  // MARK: Hybrids

  private func parts(_ base: LanguageModel) throws -> (latent: LanguageModel, linear: LanguageModel) {
    (try convert(base: base, tinyConversion()).model, try MambaConversion().converted(base))
  }

  private func write(_ base: LanguageModel, _ latent: LanguageModel, _ linear: LanguageModel) throws -> [URL] {
    try zip(["base", "mla", "m2"], [base, latent, linear]).map { name, model in
      let url = folder.appendingPathComponent(name)
      try model.save(to: url)
      return url
    }
  }

  func testLayersComeFromWhereTheyShould() throws {
    let base = try tinyBase()
    let (latent, linear) = try parts(base)
    // ILD has changed feed-forwards and final norms.
    for model in [latent, linear] {
      model.finalNorm.value.pointer[0] = 9
      model.layers[0].transform!.feedForward!.down.value.pointer[0] = model === latent ? 1 : 2
      model.layers[1].transform!.feedForward!.down.value.pointer[0] = model === latent ? 1 : 2
    }
    let urls = try write(base, latent, linear)
    let out = folder.appendingPathComponent("hybrid")
    let config = try Composition(latentLayers: [1]).write(base: urls[0], latent: urls[1], linear: urls[2], to: out)
    XCTAssertEqual(config.mixers, [.mamba2, .latentAttention, .mamba2])
    let hybrid = try LanguageModel(folder: out)
    XCTAssertEqual(hybrid.config, config)
    XCTAssertEqual(hybrid.finalNorm.value.toArray(), base.finalNorm.value.toArray())
    XCTAssertEqual(hybrid.embedding.value.toArray(), base.embedding.value.toArray())
    XCTAssertEqual((0..<2).map { hybrid.layers[$0].transform!.feedForward!.down.value.pointer[0] }, [2, 1])
  }

  func testBadCompositionsAreRefused() throws {
    let base = try tinyBase()
    let (latent, linear) = try parts(base)
    let urls = try write(base, latent, linear)
    let other = try MambaConversion().converted(tinyBase(seed: 6))
    try other.save(to: folder.appendingPathComponent("other"))
    let deeper = try MambaConversion().converted(tinyBase(layers: 4))
    try deeper.save(to: folder.appendingPathComponent("deeper"))
    let out = folder.appendingPathComponent("hybrid")
    func refuse(_ layers: [Int], mla: URL? = nil, linear: URL? = nil, _ words: String, line: UInt = #line) {
      XCTAssertThrowsError(
        try Composition(latentLayers: layers).write(
          base: urls[0], latent: mla ?? urls[1], linear: linear ?? urls[2], to: out),
        line: line
      ) {
        XCTAssert("\($0)".contains(words), "\($0)", line: line)
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage, line: line)
      }
      XCTAssertFalse(FileManager.default.fileExists(atPath: out.path), line: line)
    }
    refuse([], "names no layer")
    refuse([3], "layer out of range")
    refuse([1, 1], "names a layer twice")
    refuse([0], mla: urls[2], "wrong mixer")
    refuse([0], linear: urls[0], "wrong mixer")
    refuse([0], linear: folder.appendingPathComponent("other"), "another base")
    refuse([0], linear: folder.appendingPathComponent("deeper"), "another shape")
  }

  // MARK: Scores

  /// The scores are differences of divergences of hybrids put together whole.
  func testScoresAreThoseOfComposedHybrids() throws {
    let base = try tinyBase()
    let (latent, linear) = try parts(base)
    let windows: [[Int32]] = (0..<3).map { row in
      let first: Int = row * 7 + 1
      return (0..<12).map { (column: Int) -> Int32 in Int32((column * 29 + first) % 64) }
    }
    let (divergence, scores) = try layerSensitivities(
      base: base, latent: latent, linear: linear, windows: windows, batch: 2)
    XCTAssertEqual(divergence, try StartingFit(linear, base: base, windows: windows).divergence, accuracy: 1e-5)
    let urls = try write(base, latent, linear)
    for layer in 0..<3 {
      let out = folder.appendingPathComponent("hybrid\(layer)")
      _ = try Composition(latentLayers: [layer]).write(base: urls[0], latent: urls[1], linear: urls[2], to: out)
      let hybrid = try LanguageModel(folder: out)
      XCTAssertEqual(
        scores[layer], divergence - (try StartingFit(hybrid, base: base, windows: windows).divergence), accuracy: 1e-5)
    }
    XCTAssertGreaterThan(Set(scores).count, 1)
  }

  /// Every round's gain is the fall of the divergence of the hybrid with one more layer, and no other layer gains more.
  func testGreedyMeasuresAnewAfterEveryChoice() throws {
    let base = try tinyBase()
    let (latent, linear) = try parts(base)
    let windows: [[Int32]] = [1, 8].map { first in
      (0..<12).map { (column: Int) -> Int32 in Int32((column * 29 + first) % 64) }
    }
    let urls = try write(base, latent, linear)
    func divergence(_ layers: [Int]) throws -> Double {
      if layers.isEmpty { return try StartingFit(linear, base: base, windows: windows).divergence }
      let out = folder.appendingPathComponent("greedy" + layers.map(String.init).joined())
      if !FileManager.default.fileExists(atPath: out.path) {
        _ = try Composition(latentLayers: layers.sorted()).write(
          base: urls[0], latent: urls[1], linear: urls[2], to: out)
      }
      return try StartingFit(try LanguageModel(folder: out), base: base, windows: windows).divergence
    }
    let choices = try greedyLayers(base: base, latent: latent, linear: linear, windows: windows, count: 2)
    var chosen: [Int] = []
    for choice in choices {
      let before = try divergence(chosen)
      XCTAssertEqual(choice.gain, before - (try divergence(chosen + [choice.layer])), accuracy: 1e-5)
      for other in 0..<3 where !chosen.contains(other) {
        XCTAssertGreaterThan(choice.gain, before - (try divergence(chosen + [other])) - 1e-6)
      }
      chosen.append(choice.layer)
    }
    XCTAssertEqual(Set(chosen).count, 2)
  }
}
