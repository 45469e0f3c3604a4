import Distillation
import Foundation
import Groundwork
import ModelCore
import Published
import TestKit
import TokenData
import Upcycling
import XCTest

@testable import Recipes

/// HALO as one run: stopped anywhere it goes on to the same bits, and what it cannot do it says before.
final class HALOTests: XCTestCase {
  private var fixture: RecipeFixture!
  private var folder: URL { fixture.folder }
  private var shards: TokenShards { fixture.shards }

  override func setUpWithError() throws { fixture = try RecipeFixture(preset: "nano-qwen") }
  override func tearDown() { fixture.remove() }

  private func recipe(_ name: String, count: Int = 1) throws -> HALO {
    HALO(
      base: folder.appendingPathComponent("base"), count: count, windows: 2, data: shards, heldOut: shards,
      plans: try .init(tokens: 7 * 64, shares: [3, 4], batch: 4, time: 16),
      work: folder.appendingPathComponent("\(name).stages"))
  }

  func testAStoppedRunGoesOnToTheSameBits() throws {
    let whole = try recipe("whole").run(in: folder.appendingPathComponent("whole"))
    XCTAssertEqual(whole.losses.count, 3)
    XCTAssertEqual(whole.attentionLayers, [whole.losses.indices.max { whole.losses[$0] < whole.losses[$1] }!])
    XCTAssertEqual(whole.heldOut.last?.first, 4 * 64)
    XCTAssertEqual([whole.alignment.before.count, whole.alignment.after.count], [3, 3])
    for (before, after) in zip(whole.alignment.before, whole.alignment.after) { XCTAssertLessThan(after, before) }
    var stops = 0
    while true {
      // The measurement of layers begins anew, so that a run is let through now and then.
      var asked = 0
      do {
        _ = try recipe("parts").run(
          in: folder.appendingPathComponent("parts"),
          shouldStop: {
            asked += 1
            return asked > stops % 5
          })
        break
      } catch let error as UpcycleError where error.kind == .interrupted { stops += 1 }
      if stops > 60 { return XCTFail("does not end") }
    }
    XCTAssertEqual(try fixture.digest("parts"), try fixture.digest("whole"))
    for stage in ["aligned", "chosen"] {
      XCTAssertEqual(try fixture.digest("parts.stages/\(stage)"), try fixture.digest("whole.stages/\(stage)"), stage)
    }
    let config = try ModelConfig(contentsOf: folder.appendingPathComponent("whole"))
    XCTAssertEqual(config.layers(of: .attention), whole.attentionLayers)
    XCTAssertEqual(config.attention.unrotatedLayers, whole.attentionLayers)
    XCTAssertTrue(config.attention.outputGate)
    XCTAssertEqual(config.layers(of: .lightningAttention).count, 2)
  }

  func testWhatCannotBeDoneIsRefusedBeforeAnythingIsWritten() throws {
    let out = folder.appendingPathComponent("out")
    let base = try LanguageModel(folder: folder.appendingPathComponent("base"))
    try LightningConversion(layers: .list([1])).converted(base).save(to: folder.appendingPathComponent("hybrid"))
    var config = base.config
    config.vocabularySize += 1
    try LanguageModel(config, seed: 4).save(to: folder.appendingPathComponent("larger"))
    func refuse(_ words: String, count: Int = 1, line: UInt = #line, _ change: (inout HALO) -> Void = { _ in }) throws {
      var recipe = try recipe("out", count: count)
      change(&recipe)
      XCTAssertThrowsError(try recipe.run(in: out), line: line) {
        XCTAssertTrue("\($0)".contains(words), "\($0)", line: line)
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage, line: line)
      }
    }
    let hybrid = folder.appendingPathComponent("hybrid")
    let larger = folder.appendingPathComponent("larger")
    try refuse("layer 1: lightning-attn") { $0.base = hybrid }
    try refuse("vocabulary") { $0.teacher = larger }
    try refuse("`work`") { $0.work = out }
    try refuse("`count`", count: 3)
    try refuse("`count`", count: 0)
    try refuse("`windows`") { $0.windows = 0 }
    XCTAssertFalse(FileManager.default.fileExists(atPath: out.path))
    XCTAssertFalse(FileManager.default.fileExists(atPath: folder.appendingPathComponent("out.stages").path))
    XCTAssertThrowsError(try HALO.Plans(tokens: 2048)) { XCTAssertTrue("\($0)".contains("a step"), "\($0)") }
    XCTAssertThrowsError(try HALO.Plans(tokens: 1_000_000, shares: [1, 2, 3])) {
      XCTAssertTrue("\($0)".contains("2 positive"), "\($0)")
    }
    let plans = try HALO.Plans(tokens: 3_000_000)
    XCTAssertEqual([plans.alignment.tokens, plans.distillation.tokens], [750_000, 2_250_000])
    XCTAssertEqual(plans.alignment.loss, .mixers)
  }
}
