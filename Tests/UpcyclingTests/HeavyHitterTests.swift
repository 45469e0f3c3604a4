import Groundwork
import TensorCore
import TestKit
import XCTest

@testable import ModelCore

/// H2O against its algorithm as an independent script computes it, and what it must not do.
final class HeavyHitterTests: XCTestCase {
  func testOutputsAndKeptTokensAreTheAlgorithms() throws {
    let layer = try GoldenLayer()
    assertClose(layer.forward(layer.model), try GoldenLayer.floats(layer.goldens["attention"]), "base", tolerance: 1e-5)
    for golden in try XCTUnwrap(layer.goldens["h2o"]?.array) {
      let percent = try XCTUnwrap(golden["percent"]?.double)
      try layer.model.evict(by: HeavyHitters("h2o:\(percent)%"))
      let expected = try GoldenLayer.floats(golden["output"])
      // Reading a prompt evicts as writing does, whatever the pieces.
      for pieces in [[23], [1, 22], [10, 1, 12], [Int](repeating: 1, count: 23)] {
        let cache = layer.model.makeCache(capacity: layer.tokens)
        assertClose(layer.extend(layer.model, cache, pieces), expected, "h2o:\(percent)%, \(pieces)", tolerance: 1e-5)
        let kept = try XCTUnwrap(cache.layers[0].kept)
        XCTAssertEqual(kept.budget.recent, golden["recent"]?.int)
        XCTAssertEqual(kept.budget.heavy, golden["heavy"]?.int)
        for (head, positions) in try XCTUnwrap(golden["kept"]?.array).enumerated() {
          XCTAssertEqual(kept.kept(by: head), try GoldenLayer.ints(positions), "h2o:\(percent)%, head \(head)")
        }
      }
    }
  }

  func testTheWholeShareIsFullAttention() throws {
    let model = try tinyBase()
    let whole = logits(model)
    try model.evict(by: HeavyHitters(share: 1))
    var states: [Float] = []
    for start in [0, 12] {
      states += try model.extend(model.makeCache(capacity: 12), Array(tinyIds[start..<start + 12])).toArray()
    }
    assertClose(
      model.logits(Tensor([24, model.config.hiddenSize], values: states)).toArray(), whole, "h2o:100%", tolerance: 1e-5)
  }

  func testACacheHoldsTheBudgetAndNoMore() throws {
    let model = try tinyBase()
    try model.evict(by: HeavyHitters("h2o:25%"))
    let cache = model.makeCache(capacity: 24)
    _ = try model.extend(cache, tinyIds)
    XCTAssertEqual(cache.length, 24)
    XCTAssertEqual(cache.bytes, 4 * 6 * model.config.kvNumbersPerToken)
    XCTAssertEqual(cache.layers.map(\.reservedBytes).reduce(0, +), cache.bytes)
  }

  func testABranchLeavesItsSourceAlone() throws {
    let model = try tinyBase()
    try model.evict(by: HeavyHitters("h2o:25%"))
    let (cache, other) = (model.makeCache(capacity: 24), model.makeCache(capacity: 24))
    _ = try model.extend(cache, Array(tinyIds[..<12]))
    let branch = cache.snapshot()
    XCTAssertEqual(branch.length, 12)
    _ = try model.extend(branch, [9, 8, 7, 6, 5])
    let rest = try model.extend(cache, Array(tinyIds[12...])).toArray()
    XCTAssertEqual(rest, try model.extend(other, tinyIds).rows(12..<24).toArray())
  }

  func testWhatCannotBeEvictedIsRefused() throws {
    for text in ["h2o", "h2o:15.6", "h2o:0%", "h2o:101%", "h2o:nan%", "h2o:-3%", "snap:20%", "15.6%"] {
      XCTAssertThrowsError(try HeavyHitters(text), text) { XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage, text) }
    }
    let base = try tinyBase()
    let latent = LatentConfig(
      qRank: nil, kvRank: 6, nopeHeadDim: 4, ropeHeadDim: 4, valueHeadDim: 8, upProjectionHeads: 4)
    for config in [
      try base.config.withLatentAttention(latent), try base.config.withLatentAttention(latent, layers: [1]),
      try base.config.withMamba2(),
    ] {
      let model = try LanguageModel(config, seed: 1)
      XCTAssertThrowsError(try model.evict(by: HeavyHitters(share: 0.5))) {
        XCTAssertTrue("\($0)".contains("H2O"), "\($0)")
      }
    }
    // Attention beside a state evicts.
    try LanguageModel(base.config.withMamba2(layers: [1]), seed: 1).evict(by: HeavyHitters(share: 0.5))
    try base.evict(by: HeavyHitters(share: 0.5))
    XCTAssertThrowsError(try CachePool(base, pageTokens: 4, pages: 2, slots: 1)) {
      XCTAssertTrue("\($0)".contains("pages keep every token"), "\($0)")
    }
  }
}
