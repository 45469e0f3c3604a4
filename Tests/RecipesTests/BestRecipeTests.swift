import Distillation
import Foundation
import Groundwork
import LabKit
import ModelCore
import Published
import TestKit
import TokenData
import Upcycling
import XCTest

@testable import Recipes

/// Our recipe as one run: it says what it does, goes on where it was stopped, and rests on what the records hold.
final class BestRecipeTests: XCTestCase {
  private var fixture: RecipeFixture!
  private var folder: URL { fixture.folder }
  private var shards: TokenShards { fixture.shards }

  override func setUpWithError() throws { fixture = try RecipeFixture(preset: "nano-1b", hiddenSize: 64) }
  override func tearDown() { fixture.remove() }

  private func recipe(_ name: String, kvPercent: Double? = nil) throws -> BestRecipe {
    var recipe = BestRecipe(
      base: folder.appendingPathComponent("base"), kvPercent: 100, windows: 2, data: shards, heldOut: shards,
      plans: try .init(tokens: 16 * 64, batch: 4, time: 16), work: folder.appendingPathComponent("\(name).stages"))
    recipe.kvPercent = try kvPercent ?? layer * 1.5
    return recipe
  }

  /// What one latent layer caches, in percent of the base's three.
  private var layer: Double {
    get throws {
      let base = try ModelConfig(contentsOf: folder.appendingPathComponent("base"))
      return try LatentConversion.hylo(base).config(base: base).kvPercent / 3
    }
  }

  func testAStoppedRunGoesOnToTheSameBits() throws {
    let whole = try recipe("whole").run(in: folder.appendingPathComponent("whole"))
    XCTAssertEqual(whole.latentLayers, [whole.scores.indices.max { whole.scores[$0] < whole.scores[$1] }!])
    XCTAssertEqual(whole.heldOut.last?.first, 8 * 64)
    for outcome in [whole.latent, whole.linear] {
      XCTAssertLessThan(outcome.after.reduce(0, +), outcome.before.reduce(0, +))
    }
    var stops = 0
    while true {
      // The scores begin anew, so that a run is let through now and then.
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
    XCTAssertGreaterThan(stops, 3)
    for (one, other) in [("parts", "whole")]
      + ["mla", "gdn", "hybrid"].map({ ("parts.stages/\($0)", "whole.stages/\($0)") })
    {
      XCTAssertEqual(try fixture.digest(one), try fixture.digest(other), one)
    }
    let config = try ModelConfig(contentsOf: folder.appendingPathComponent("whole"))
    XCTAssertEqual(config.layers(of: .latentAttention), whole.latentLayers)
    XCTAssertEqual(config.layers(of: .gatedDeltaNet).count, 2)
    XCTAssertEqual(config.kvPercent, try layer, accuracy: 1e-9)
  }

  func testThePlanSaysWhatWillBeDoneAndWritesNothing() throws {
    let out = folder.appendingPathComponent("out")
    let recipe = try recipe("out", kvPercent: layer * 2.5)
    let laboratory = Laboratory(root: repositoryRoot())
    let outline = try recipe.outline(out: out, citing: laboratory)
    XCTAssertEqual(outline.layers.latent, 2)
    XCTAssertEqual(outline.steps.map(\.name), ["mla", "gdn", "select", "compose", "distill"])
    XCTAssertEqual(outline.steps.map(\.tokens), [256, 256, 0, 0, 512])
    XCTAssertTrue(outline.summary.contains("2 of 3 layers latent"), outline.summary)
    XCTAssertTrue(outline.summary.contains("follows its own base"), outline.summary)
    XCTAssertFalse(try recipe.outline(out: out, citing: nil).summary.contains("against"))
    for name in ["out", "out.stages"] {
      XCTAssertFalse(FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path), name)
    }
  }

  /// Where new records turn a decision over, the recipe has to change.
  func testEveryDecisionIsWhatTheCommittedRecordsHoldBest() throws {
    let laboratory = Laboratory(root: repositoryRoot())
    for choice in RecipeChoice.all {
      XCTAssertFalse(try choice.evidence(in: nil).contains("against"), choice.question)
      guard let spec = choice.spec else { continue }
      let cells = try Set(laboratory.spec(spec).cells.map(\.id))
      for cell in [choice.chosen] + choice.rivals { XCTAssertTrue(cells.contains(cell), cell) }
      let records = try laboratory.records(of: spec, inProfile: "micro")
      let evidence = try choice.evidence(in: laboratory)
      func mean(_ cell: String, _ metric: String) -> Double? {
        let values = choice.values(of: cell, metric, in: records).values
        return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
      }
      let metric = choice.metrics[0]
      let own = try XCTUnwrap(mean(choice.chosen, metric), evidence)
      let others =
        choice.rivals.compactMap { mean($0, metric) }
        + [choice.rivalMetric].compactMap { $0.flatMap { mean(choice.chosen, $0) } }
      XCTAssertEqual(others.count, choice.rivals.count + (choice.rivalMetric == nil ? 0 : 1), evidence)
      XCTAssertTrue(others.allSatisfy { metric.hasSuffix(".avg") ? $0 < own : $0 > own }, evidence)
      XCTAssertTrue(evidence.contains("against"), choice.question)
    }
    let layers = try XCTUnwrap(RecipeChoice.all.first { $0.question == "which layers are latent" })
    let told = try layers.evidence(in: laboratory)
    XCTAssertTrue(
      told.contains("scores.avg") && told.contains("sft.loss"), "what speaks against it is told too: \(told)")
    let half = try XCTUnwrap(RecipeChoice.all.first { $0.question == "the same where half of them are" })
    XCTAssertTrue(try half.evidence(in: laboratory).contains("± "), "seeds have an interval")
  }

  func testWhatCannotBeDoneIsRefusedBeforeAnythingIsWritten() throws {
    let out = folder.appendingPathComponent("out")
    let base = try LanguageModel(folder: folder.appendingPathComponent("base"))
    try DeltaConversion(layers: .list([1])).converted(base).save(to: folder.appendingPathComponent("hybrid"))
    var config = base.config
    config.vocabularySize += 1
    try LanguageModel(config, seed: 4).save(to: folder.appendingPathComponent("larger"))
    func refuse(_ words: String, line: UInt = #line, _ change: (inout BestRecipe) throws -> Void) throws {
      var recipe = try recipe("out")
      try change(&recipe)
      XCTAssertThrowsError(try recipe.run(in: out), line: line) {
        XCTAssertTrue("\($0)".contains(words), "\($0)", line: line)
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage, line: line)
      }
    }
    let hybrid = folder.appendingPathComponent("hybrid")
    let larger = folder.appendingPathComponent("larger")
    try refuse("layer 1") { $0.base = hybrid }
    try refuse("vocabulary") { $0.teacher = larger }
    try refuse("`work`") { $0.work = out }
    try refuse("`kv`") { $0.kvPercent = try layer * 0.9 }
    try refuse("one to 2 latent layers") { $0.kvPercent = try layer * 3 }
    try refuse("`windows`") { $0.windows = 0 }
    XCTAssertFalse(FileManager.default.fileExists(atPath: out.path))
    XCTAssertFalse(FileManager.default.fileExists(atPath: folder.appendingPathComponent("out.stages").path))
    XCTAssertThrowsError(try BestRecipe.Plans(tokens: 4096)) { XCTAssertTrue("\($0)".contains("a step"), "\($0)") }
  }
}
