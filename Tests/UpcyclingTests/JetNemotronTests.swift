import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

@testable import Upcycling

/// Jet-Nemotron: JetBlock from attention, hybrids with the base's attention, and the beam search for its layers. The base has
/// 4 query heads, 2 key/value heads of 8 and width 32, so JetBlock has 4 heads of 6 and 16.
final class JetNemotronTests: XCTestCase {
  private let width = 32

  private func values(_ model: LanguageModel, _ name: String, _ layer: Int = 1) throws -> [Float] {
    try XCTUnwrap(model.parameters["model.layers.\(layer).\(name)"], name).value.toArray()
  }

  private func row(_ values: [Float], _ row: Int) -> [Float] { Array(values[row * width..<(row + 1) * width]) }

  private func column(_ values: [Float], _ column: Int) -> [Float] {
    (0..<width).map { values[$0 * values.count / width + column] }
  }

  // MARK: The start

  func testEveryHeadStartsFromTheAttentionHeadOfItsNumber() throws {
    let base = try tinyBase(qkNorm: true)
    let model = try JetConversion(layers: .list([1, 2]), seed: 3).converted(base)
    XCTAssertEqual(model.config.mixers, [.attention, .jetBlock, .jetBlock])
    XCTAssertEqual(model.config.jet, JetConfig(heads: 4, keyDim: 6, valueDim: 16))
    let own = try ["q", "k", "v", "o"].map { try values(model, "jet.\($0)_proj.weight") }
    let theirs = try ["q", "k", "v", "o"].map { try values(base, "self_attn.\($0)_proj.weight") }
    for head in 0..<4 {
      for i in 0..<6 {
        XCTAssertEqual(row(own[0], 6 * head + i), row(theirs[0], 8 * head + i))
        XCTAssertEqual(row(own[1], 6 * head + i), row(theirs[1], 8 * (head / 2) + i))
      }
      for i in 0..<8 {
        XCTAssertEqual(row(own[2], 16 * head + i), row(theirs[2], 8 * (head / 2) + i))
        XCTAssertEqual(column(own[3], 16 * head + i), column(theirs[3], 8 * head + i))
        // The padding starts at random, and silent.
        XCTAssertGreaterThan(Set(row(own[2], 16 * head + 8 + i)).count, 30)
        XCTAssertEqual(Set(column(own[3], 16 * head + 8 + i)), [0])
      }
    }
    XCTAssertEqual(Set(try values(model, "jet.dynamic_conv1d.kernel_generator.w2.weight")), [0])
    XCTAssertGreaterThan(Set(try values(model, "jet.dynamic_conv1d.kernel_generator.w1.weight")).count, 100)
    XCTAssertEqual(try values(model, "mlp.up_proj.weight"), try values(base, "mlp.up_proj.weight"))
    XCTAssertTrue(logits(model).allSatisfy(\.isFinite))
  }

  func testARandomStartSharesNothingAndSeedsDecide() throws {
    let base = try tinyBase(qkvBias: true)
    let random = try JetConversion(start: .random, seed: 3).converted(base)
    XCTAssertNotEqual(
      row(try values(random, "jet.q_proj.weight"), 0), row(try values(base, "self_attn.q_proj.weight"), 0))
    XCTAssertGreaterThan(Set(try values(random, "jet.dynamic_conv1d.kernel_generator.w2.weight")).count, 100)
    XCTAssertEqual(logits(random), logits(try JetConversion(start: .random, seed: 3).converted(base)))
    XCTAssertNotEqual(logits(random), logits(try JetConversion(start: .random, seed: 4).converted(base)))
  }

  func testWhatCannotBeConvertedIsRefused() throws {
    let base = try tinyBase()
    let hybrid = try JetConversion(layers: .list([1])).converted(base)
    for (conversion, model, words) in [
      (JetConversion(), hybrid, "layer 1: jet"), (JetConversion(layers: .list([3])), base, "out of range"),
    ] {
      XCTAssertThrowsError(try conversion.converted(model)) {
        XCTAssertTrue("\($0)".contains(words), "\($0)")
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage)
      }
    }
  }

  // MARK: With the base's attention

  func testAHybridKeepsTheBasesAttention() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let base = try tinyBase(qkNorm: true)
    let linear = try JetConversion(seed: 2).converted(base)
    let (from, blocks, out) = (
      folder.appendingPathComponent("base"), folder.appendingPathComponent("jet"), folder.appendingPathComponent("out")
    )
    try base.save(to: from)
    try linear.save(to: blocks)
    let config = try Composition(attentionLayers: [1]).write(base: from, latent: from, linear: blocks, to: out)
    XCTAssertEqual(config.mixers, [.jetBlock, .attention, .jetBlock])
    let hybrid = try LanguageModel(folder: out)
    XCTAssertEqual(hybrid.config, config)
    // What a conversion of the others makes.
    XCTAssertEqual(logits(hybrid), logits(try JetConversion(layers: .list([0, 2]), seed: 2).converted(base)))
    let whole = hybrid.logits(ids: tinyIds, batch: 1, time: tinyIds.count).toArray()
    let cache = hybrid.makeCache()
    var rows: [Float] = []
    for range in [0..<9, 9..<10, 10..<11, 11..<tinyIds.count] {
      rows += try hybrid.extend(cache, Array(tinyIds[range])).toArray()
    }
    assertClose(
      hybrid.logits(Tensor([tinyIds.count, width], values: rows)).toArray(), whole, "pieces", tolerance: 1e-4)
    XCTAssertThrowsError(
      try Composition(attentionLayers: [1]).config(base: base.config, latent: linear.config, linear: linear.config)
    ) { XCTAssertTrue("\($0)".contains("wrong mixer"), "\($0)") }
  }

  // MARK: The search

  /// A divergence that falls by what each layer is worth, and by what pairs are worth together.
  private func worth(_ layers: [Int]) -> Double {
    let alone = [0.1, 0.5, 0.4, 0.3, 0.05, 0.2]
    let together = layers.contains(2) && layers.contains(3) ? 1.0 : 0
    return 5 - layers.reduce(0) { $0 + alone[$1] } - together
  }

  func testAWideBeamFindsPairsThatGreedMisses() throws {
    let greedy = try PlacementBeam(count: 2, width: 1, layerCount: 6).search(worth)
    XCTAssertEqual(greedy.map { $0.map(\.layers) }, [[[1]], [[1, 2]]])
    let wide = try PlacementBeam(count: 2, width: 2, layerCount: 6).search(worth)
    XCTAssertEqual(wide.map { $0.map(\.layers) }, [[[1], [2]], [[2, 3], [1, 2]]])
    XCTAssertEqual(try XCTUnwrap(wide.last?.first).divergence, worth([2, 3]), accuracy: 1e-12)
  }

  func testASetIsMeasuredOnceAndNoMoreThanPromised() throws {
    for (count, width) in [(1, 1), (2, 4), (3, 1000), (5, 2), (5, 1000)] {
      let beam = try PlacementBeam(count: count, width: width, layerCount: 6)
      var asked: [[Int]] = []
      let rounds = try beam.search {
        asked.append($0)
        return worth($0)
      }
      XCTAssertEqual(rounds.count, count)
      XCTAssertEqual(Set(asked).count, asked.count)
      XCTAssertTrue(asked.allSatisfy { $0 == $0.sorted() && Set($0).count == $0.count })
      XCTAssertLessThanOrEqual(asked.count, beam.mostMeasurements, "\(count), \(width)")
      // The widest beam is an exhaustive search.
      if width == 1000 {
        let sets = (0..<64).map { bits in (0..<6).filter { bits >> $0 & 1 == 1 } }.filter { $0.count == count }
        XCTAssertEqual(rounds.last?.first?.divergence, sets.map(worth).min())
      }
    }
  }

  func testEqualsAreTakenInOrder() throws {
    let rounds = try PlacementBeam(count: 2, width: 3, layerCount: 4).search { _ in 1 }
    XCTAssertEqual(rounds.map { $0.map(\.layers) }, [[[0], [1], [2]], [[0, 1], [0, 2], [0, 3]]])
  }

  func testWhatCannotBeSearchedIsRefused() throws {
    for (count, width, field) in [
      (0, 1, "count"), (6, 1, "count"), (-1, 1, "count"), (2, 0, "beam"), (2, 1001, "beam"),
    ] {
      XCTAssertThrowsError(try PlacementBeam(count: count, width: width, layerCount: 6)) {
        XCTAssertTrue("\($0)".contains("`\(field)`"), "\($0)")
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage)
      }
    }
    XCTAssertThrowsError(try PlacementBeam(count: 1, width: 1, layerCount: 1)) {
      XCTAssertTrue("\($0)".contains("`count`"), "\($0)")
    }
    XCTAssertThrowsError(try PlacementBeam(count: 1, width: 1, layerCount: 6).search { $0 == [4] ? .nan : 1 }) {
      XCTAssertTrue("\($0)".contains("layers 4"), "\($0)")
    }
  }
}
