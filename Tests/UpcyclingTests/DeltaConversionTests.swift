import Autograd
import Foundation
import Groundwork
import ModelCore
import Published
import TensorCore
import TestKit
import XCTest

@testable import Upcycling

/// Gated DeltaNet from attention (HyLo). The base has 4 query heads, 2 key/value heads of 8 and width 32, so
/// Gated DeltaNet's keys are 24 wide and its values 48; by default it has 6 heads of 4 and 8.
final class DeltaConversionTests: XCTestCase {
  private let width = 32

  private func values(_ model: LanguageModel, _ name: String, _ layer: Int = 1) -> [Float] {
    model.parameters["model.layers.\(layer).\(name)"]!.value.toArray()
  }

  private func row(_ values: [Float], _ row: Int) -> [Float] { Array(values[row * width..<(row + 1) * width]) }

  private func column(_ values: [Float], _ column: Int) -> [Float] {
    (0..<width).map { values[$0 * values.count / width + column] }
  }

  /// Teacher rows of k_proj or v_proj after the two heads have been repeated to four: 0, 0, 1, 1.
  private let repeated = Array(0..<8) + Array(0..<8) + Array(8..<16) + Array(8..<16)

  func testTheCornerStartPutsTheWeightsIntoTheCorner() throws {
    let base = try tinyBase()
    let model = try DeltaConversion(seed: 3).converted(base)
    XCTAssertEqual(model.config.mixers, [.gatedDeltaNet, .gatedDeltaNet, .gatedDeltaNet])
    XCTAssertEqual(model.config.delta, DeltaConfig(heads: 6, keyDim: 4, valueDim: 8))
    let (q, k, v) = (
      values(model, "gdn.q_proj.weight"), values(model, "gdn.k_proj.weight"), values(model, "gdn.v_proj.weight")
    )
    let theirs = ["q", "k", "v"].map { values(base, "self_attn.\($0)_proj.weight") }
    XCTAssertEqual([q.count, k.count, v.count], [24 * width, 24 * width, 48 * width])
    for i in 0..<24 {
      XCTAssertEqual(row(q, i), row(theirs[0], i), "q \(i)")
      XCTAssertEqual(row(k, i), row(theirs[1], repeated[i]), "k \(i)")
    }
    for i in 0..<32 { XCTAssertEqual(row(v, i), row(theirs[2], repeated[i]), "v \(i)") }
    // Head 1's queries are the second half of teacher head 0, its values all of teacher head 1: the misalignment.
    XCTAssertEqual(row(q, 4), row(theirs[0], 4))
    XCTAssertEqual(row(v, 8), row(theirs[2], repeated[8]))
    let (o, theirOutput) = (values(model, "gdn.o_proj.weight"), values(base, "self_attn.o_proj.weight"))
    for i in 0..<32 { XCTAssertEqual(column(o, i), column(theirOutput, i), "o \(i)") }
    // The padding starts as torch's Linear, not at zero.
    let rows = Array(v[(32 * width)...])
    XCTAssertLessThanOrEqual(rows.map(abs).max()!, 1 / Float(width).squareRoot())
    XCTAssertGreaterThan(Set(rows).count, 500)
    let columns = (32..<48).flatMap { column(o, $0) }
    XCTAssertLessThanOrEqual(columns.map(abs).max()!, 1 / Float(48).squareRoot())
    XCTAssertGreaterThan(Set(columns).count, 500)
    XCTAssertEqual(Set(values(model, "gdn.o_norm.weight")), [1])
    for name in ["g_proj", "a_proj", "b_proj"] {
      XCTAssertLessThanOrEqual(values(model, "gdn.\(name).weight").map(abs).max()!, 1 / Float(width).squareRoot())
    }
    XCTAssertEqual(values(model, "mlp.gate_proj.weight"), values(base, "mlp.gate_proj.weight"))
    XCTAssertTrue(logits(model).allSatisfy(\.isFinite))
  }

  /// With three heads of 8 and 16 each is one teacher head: its first 8 values are that head's, the others random.
  func testTheAlignedStartGivesEachHeadItsTeacherHead() throws {
    let base = try tinyBase()
    let model = try DeltaConversion(start: .aligned, heads: 3, seed: 3).converted(base)
    let corner = try DeltaConversion(heads: 3, seed: 3).converted(base)
    for name in ["q_proj", "k_proj", "g_proj"] {
      XCTAssertEqual(values(model, "gdn.\(name).weight"), values(corner, "gdn.\(name).weight"), name)
    }
    let (v, theirs) = (values(model, "gdn.v_proj.weight"), values(base, "self_attn.v_proj.weight"))
    let (o, theirOutput) = (values(model, "gdn.o_proj.weight"), values(base, "self_attn.o_proj.weight"))
    for (head, start) in [(0, 0), (1, 0), (2, 8)] {
      for i in 0..<8 {
        XCTAssertEqual(row(v, 16 * head + i), row(theirs, start + i), "head \(head), value \(i)")
        XCTAssertEqual(column(o, 16 * head + i), column(theirOutput, 8 * head + i), "head \(head), output \(i)")
        XCTAssertLessThanOrEqual(row(v, 16 * head + 8 + i).map(abs).max()!, 1 / Float(width).squareRoot())
        XCTAssertFalse(column(o, 16 * head + 8 + i).contains(0))
      }
    }
  }

  /// The padding is silent, and its output columns learn; values and columns both zero would never.
  func testTheZeroStartsPaddingIsSilentAndLearns() throws {
    let base = try tinyBase()
    let model = try DeltaConversion(start: .zero, seed: 3).converted(base)
    let corner = try DeltaConversion(seed: 3).converted(base)
    let (o, cornerOutput) = (values(model, "gdn.o_proj.weight"), values(corner, "gdn.o_proj.weight"))
    for i in 0..<32 { XCTAssertEqual(column(o, i), column(cornerOutput, i)) }
    for i in 32..<48 { XCTAssertEqual(Set(column(o, i)), [0]) }
    XCTAssertEqual(values(model, "gdn.v_proj.weight"), values(corner, "gdn.v_proj.weight"))
    // Whatever the padding's values are, nothing changes.
    let before = logits(model)
    for i in 32 * width..<48 * width { model.parameters["model.layers.1.gdn.v_proj.weight"]!.value.pointer[i] *= -2 }
    XCTAssertEqual(logits(model), before)
    let tape = Tape(recording: true)
    let hidden = model.hidden(tape, ids: tinyIds, batch: 2, time: 12)
    tape.backward(
      from: tape.distance(hidden, to: randomTensor([2, 12, width], "wanted"), squared: true, scale: 1).loss)
    let gradient = model.parameters["model.layers.1.gdn.o_proj.weight"]!.gradient!.toArray()
    for i in 32..<48 { XCTAssertGreaterThan(column(gradient, i).map(abs).max()!, 0) }
  }

  func testRandomSharesNothingAndSeedsDecide() throws {
    let base = try tinyBase(qkNorm: true)
    let random = try DeltaConversion(layers: .list([1]), start: .random, seed: 3).converted(base)
    XCTAssertEqual(random.config.mixers, [.attention, .gatedDeltaNet, .attention])
    XCTAssertNotEqual(row(values(random, "gdn.q_proj.weight"), 0), row(values(base, "self_attn.q_proj.weight"), 0))
    XCTAssertEqual(values(random, "self_attn.q_norm.weight", 0), values(base, "self_attn.q_norm.weight", 0))
    func all(_ seed: UInt64) throws -> [String: [Float]] {
      let model = try DeltaConversion(seed: seed).converted(base)
      return Dictionary(uniqueKeysWithValues: model.parameters.parameters.map { ($0.name, $0.value.toArray()) })
    }
    let (first, second) = (try all(3), try all(4))
    XCTAssertEqual(first, try all(3))
    let differing = Set(
      first.keys.filter { first[$0] != second[$0] }.map { $0.split(separator: ".").dropFirst(4).first ?? "" })
    XCTAssertEqual(
      differing,
      ["v_proj", "g_proj", "a_proj", "b_proj", "o_proj", "A_log", "dt_bias", "q_conv1d", "k_conv1d", "v_conv1d"])
  }

  func testAConvertedModelSurvivesItsFolder() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = try DeltaConversion(layers: .list([0, 2])).converted(tinyBase())
    try model.save(to: folder)
    let again = try LanguageModel(folder: folder)
    XCTAssertEqual(again.config, model.config)
    XCTAssertEqual(logits(again), logits(model))
  }

  func testImpossibleShapesAreRefused() throws {
    let base = try tinyBase()
    func refuse(_ conversion: DeltaConversion, on model: LanguageModel? = nil, _ words: String, line: UInt = #line) {
      XCTAssertThrowsError(try conversion.converted(model ?? base), line: line) {
        XCTAssert("\($0)".contains(words), "\($0)", line: line)
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage, line: line)
      }
    }
    refuse(DeltaConversion(heads: 7), "divisor of 0.75 d = 24")
    refuse(DeltaConversion(start: .aligned), "6 heads of 4")
    refuse(DeltaConversion(layers: .list([3])), "out of range")
    refuse(DeltaConversion(), on: try MambaConversion(layers: .list([1])).converted(base), "layer 1: mamba2")
  }

  // MARK: With latent attention

  func testAHybridOfBothKeepsItsLayers() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let base = try tinyBase(qkNorm: true)
    let parts = [
      "base": base, "mla": try convert(base: base, tinyConversion()).model,
      "gdn": try DeltaConversion().converted(base),
    ]
    for (name, model) in parts { try model.save(to: folder.appendingPathComponent(name)) }
    func path(_ name: String) -> URL { folder.appendingPathComponent(name) }
    let config = try Composition(latentLayers: [2]).write(
      base: path("base"), latent: path("mla"), linear: path("gdn"), to: path("hybrid"))
    XCTAssertEqual(config.mixers, [.gatedDeltaNet, .gatedDeltaNet, .latentAttention])
    let hybrid = try LanguageModel(folder: path("hybrid"))
    XCTAssertEqual(values(hybrid, "gdn.v_proj.weight"), values(parts["gdn"]!, "gdn.v_proj.weight"))
    XCTAssertEqual(values(hybrid, "mla.k_norm.weight", 2), values(parts["mla"]!, "mla.k_norm.weight", 2))
    // Prefill in pieces and single steps give the forward pass.
    let whole = hybrid.logits(ids: tinyIds, batch: 1, time: tinyIds.count)
    let cache = hybrid.makeCache()
    var rows: [Float] = []
    for range in [0..<9, 9..<10, 10..<11, 11..<tinyIds.count] {
      rows += try hybrid.extend(cache, Array(tinyIds[range])).toArray()
    }
    let pieces = hybrid.logits(Tensor([tinyIds.count, width], values: rows))
    assertClose(pieces.toArray(), whole.toArray(), "pieces", tolerance: 1e-4)
    XCTAssertThrowsError(
      try Composition(latentLayers: [3]).config(
        base: base.config, latent: parts["mla"]!.config, linear: parts["gdn"]!.config)
    ) { XCTAssert("\($0)".contains("`layers`"), "\($0)") }
  }

  func testLatentShapesAreHyLos() throws {
    for (preset, shape) in [
      ("llama-3.2-1b", [1344, 128, 32, 32]), ("llama-3.2-3b", [1536, 128, 64, 64]),
      ("qwen3-1.7b", [1344, 256, 64, 64]),
      ("nano-1b", [84, 16, 4, 4]), ("nano-qwen", [84, 16, 4, 4]), ("nano-8b", [168, 32, 8, 8]),
    ] {
      let base = try ModelConfig.preset(preset)
      let latent = try XCTUnwrap(LatentConversion.hylo(base).config(base: base).latent)
      XCTAssertEqual([latent.qRank, latent.kvRank, latent.ropeHeadDim, latent.nopeHeadDim], shape, preset)
      XCTAssertEqual(latent.upProjectionHeads, base.keyValueHeads)
      XCTAssertEqual(latent.qkNorm, base.attention.qkNorm)
    }
    // The shape that is known before is the shape that is made.
    let base = try tinyBase()
    var conversion = LatentConversion.hylo(base.config)
    conversion.layers = .list([0, 2])
    XCTAssertEqual(try conversion.config(base: base.config), try convert(base: base, conversion).model.config)
  }
}
