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

/// MOHAWK's three stages as one run: stopped anywhere it goes on to the same bits, and what it cannot do it says before.
final class MohawkDistillingTests: XCTestCase {
  private var fixture: RecipeFixture!
  private var folder: URL { fixture.folder }
  private var shards: TokenShards { fixture.shards }

  override func setUpWithError() throws { fixture = try RecipeFixture(preset: "nano-1b", layers: 2) }
  override func tearDown() { fixture.remove() }

  private func recipe(_ name: String, tokens: Int = 10 * 64, shares: [Double] = [3, 3, 4]) throws -> MohawkDistilling {
    MohawkDistilling(
      base: folder.appendingPathComponent("base"), data: shards, heldOut: shards,
      plans: try .init(tokens: tokens, shares: shares, batch: 4, time: 16),
      work: folder.appendingPathComponent("\(name).stages"))
  }

  func testAStoppedRunGoesOnToTheSameBits() throws {
    let whole = try recipe("whole").run(in: folder.appendingPathComponent("whole"))
    XCTAssertEqual(whole.matrices.after, whole.mixers.before)
    XCTAssertEqual(whole.heldOut.last?.first, 4 * 64)
    // Stopped after every step of every stage.
    var stops = 0
    while true {
      do {
        _ = try recipe("parts").run(in: folder.appendingPathComponent("parts"), shouldStop: { true })
        break
      } catch let error as UpcycleError where error.kind == .interrupted { stops += 1 }
      if stops > 20 { return XCTFail("does not end") }
    }
    // A stage's last step is its end, no stop.
    XCTAssertEqual(stops, 2 + 2 + 3)
    XCTAssertEqual(try fixture.digest("parts"), try fixture.digest("whole"))
    for stage in ["matrices", "mixers"] {
      XCTAssertEqual(try fixture.digest("parts.stages/\(stage)"), try fixture.digest("whole.stages/\(stage)"), stage)
    }
    let config = try ModelConfig(contentsOf: folder.appendingPathComponent("whole"))
    XCTAssertEqual(config.mixers, [.mamba2, .mamba2])
    XCTAssertEqual(config.kvPercent, 0)
  }

  func testStagesTakeTheirShares() throws {
    let plans = try MohawkDistilling.Plans(tokens: 3_000_000, batch: 8, time: 256)
    XCTAssertEqual(
      [plans.matrices.tokens, plans.mixers.tokens, plans.distillation.tokens], [112_500, 1_012_500, 1_875_000])
    XCTAssertEqual([plans.matrices.loss, plans.mixers.loss], [.matrices, .mixers])
    XCTAssertEqual([plans.matrices.trained, plans.mixers.trained], [.mixers, .mixers])
    for (tokens, shares, words) in [
      (2048, [4.0, 34, 62], "a step"), (100_000, [1, 2], "3 positive"), (100_000, [0, 1, 1], "positive"),
      (100_000, [.nan, 1, 1], "positive"), (.max, [1e-30, 1, 1], "a step"), (.max, [1e-30, 1e-30, 1], "a step"),
    ] {
      XCTAssertThrowsError(try MohawkDistilling.Plans(tokens: tokens, shares: shares)) {
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage)
        XCTAssertTrue("\($0)".contains(words), "\($0)")
      }
    }
  }

  func testABaseWithOtherMixersIsRefusedBeforeAnythingIsWritten() throws {
    var recipe = try recipe("refused")
    let hybrid = folder.appendingPathComponent("hybrid")
    let base = try LanguageModel(folder: recipe.base)
    try MambaConversion(layers: .list([1])).converted(base).save(to: hybrid)
    recipe.base = hybrid
    XCTAssertThrowsError(try recipe.run(in: folder.appendingPathComponent("refused"))) {
      XCTAssertTrue("\($0)".contains("layer 1: mamba2"), "\($0)")
    }
    XCTAssertFalse(FileManager.default.fileExists(atPath: recipe.work.path))
  }

  /// Not after hours of the first two stages.
  func testATeacherOfAnotherVocabularyAndAWorkFolderThatIsAModelsAreRefusedAtOnce() throws {
    var config = try ModelConfig(contentsOf: folder.appendingPathComponent("base"))
    config.vocabularySize += 1
    try LanguageModel(config, seed: 4).save(to: folder.appendingPathComponent("larger"))
    let out = folder.appendingPathComponent("out")
    var recipe = try recipe("first")
    recipe.teacher = folder.appendingPathComponent("larger")
    XCTAssertThrowsError(try recipe.run(in: out)) { XCTAssertTrue("\($0)".contains("vocabulary"), "\($0)") }
    XCTAssertFalse(FileManager.default.fileExists(atPath: recipe.work.path))
    recipe.teacher = recipe.base
    for work in [out, recipe.base] {
      recipe.work = work
      XCTAssertThrowsError(try recipe.run(in: out)) {
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage)
        XCTAssertTrue("\($0)".contains("work"), "\($0)")
      }
    }
    XCTAssertFalse(FileManager.default.fileExists(atPath: out.path))
  }
}
