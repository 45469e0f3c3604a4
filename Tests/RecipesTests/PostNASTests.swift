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

/// PostNAS as one run: stopped anywhere it goes on to the same bits, and what it cannot do it says before.
final class PostNASTests: XCTestCase {
  private var fixture: RecipeFixture!
  private var folder: URL { fixture.folder }
  private var shards: TokenShards { fixture.shards }

  override func setUpWithError() throws { fixture = try RecipeFixture(preset: "nano-qwen") }
  override func tearDown() { fixture.remove() }

  private func recipe(
    _ name: String, _ placement: PostNAS.Placement = .searched(count: 1, beam: 2, windows: 2), tokens: Int = 10 * 64
  ) throws -> PostNAS {
    var searches = true
    if case .given = placement { searches = false }
    return PostNAS(
      base: folder.appendingPathComponent("base"), placement: placement, data: shards, heldOut: shards,
      plans: try .init(tokens: tokens, shares: [3, 3, 4], searches: searches, batch: 4, time: 16),
      work: folder.appendingPathComponent("\(name).stages"))
  }

  func testAStoppedRunGoesOnToTheSameBits() throws {
    let whole = try recipe("whole").run(in: folder.appendingPathComponent("whole"))
    XCTAssertEqual(whole.rounds.map(\.count), [2])
    XCTAssertEqual(whole.rounds[0][0].layers, whole.attentionLayers)
    XCTAssertEqual([whole.frozen.last?.first, whole.heldOut.last?.first], [3 * 64, 4 * 64])
    // Stopped after every step of every training, and before every path of the search.
    var stops = 0
    while true {
      do {
        // A search gets no further while it is always stopped before its first new path.
        var asked = 0
        let outcome = try recipe("parts").run(
          in: folder.appendingPathComponent("parts"),
          shouldStop: {
            asked += 1
            return asked > stops % 3
          })
        XCTAssertEqual(outcome.attentionLayers, whole.attentionLayers)
        break
      } catch let error as UpcycleError where error.kind == .interrupted { stops += 1 }
      if stops > 60 { return XCTFail("does not end") }
    }
    XCTAssertEqual(try fixture.digest("parts"), try fixture.digest("whole"))
    for stage in ["super-network", "chosen", "frozen"] {
      XCTAssertEqual(try fixture.digest("parts.stages/\(stage)"), try fixture.digest("whole.stages/\(stage)"), stage)
    }
    let config = try ModelConfig(contentsOf: folder.appendingPathComponent("whole"))
    XCTAssertEqual(config.layers(of: .attention), whole.attentionLayers)
    XCTAssertEqual(config.layers(of: .jetBlock).count, 2)
    XCTAssertEqual(config.kvPercent, 100 / 3, accuracy: 1e-9)
    // Once more: everything is there.
    let again = try recipe("whole").run(in: folder.appendingPathComponent("whole"))
    XCTAssertEqual(again.rounds, whole.rounds)
    XCTAssertEqual(again.heldOut, whole.heldOut)
  }

  /// A search that was stopped goes on with what it has measured, and not with what other models gave.
  func testMeasuredPathsAreKept() throws {
    let whole = try recipe("whole")
    _ = try whole.run(in: folder.appendingPathComponent("whole"))
    let blocks = whole.work.appendingPathComponent("super-network")
    let windows = try (0..<2).map { try shards.read($0 * 64..<($0 + 1) * 64) }
    func search(_ windows: [[Int32]], stopAfter most: Int = .max) throws -> (asked: Int, best: [Int]?) {
      var asked = 0
      let searching = PlacementSearching(
        base: whole.base, linear: blocks, beam: try PlacementBeam(count: 2, width: 2, layerCount: 3), windows: windows,
        measured: folder.appendingPathComponent("paths.csv"))
      let rounds = try searching.run(
        to: folder.appendingPathComponent("found"),
        shouldStop: {
          asked += 1
          return asked > most
        })
      return (asked, rounds.last?.first?.layers)
    }
    func rows() throws -> Int { try CSV(contentsOf: folder.appendingPathComponent("paths.csv")).rows.count }
    XCTAssertThrowsError(try search(windows, stopAfter: 2)) {
      XCTAssertEqual(($0 as? UpcycleError)?.kind, .interrupted)
    }
    XCTAssertEqual(try rows(), 2)
    let found = try search(windows)
    let all = try rows()
    XCTAssertEqual(all, found.asked + 2)
    XCTAssertEqual(try search(windows).best, found.best)
    XCTAssertEqual(try rows(), all)
    // Another text begins anew.
    XCTAssertThrowsError(try search([windows[1]], stopAfter: 1)) {
      XCTAssertEqual(($0 as? UpcycleError)?.kind, .interrupted)
    }
    XCTAssertEqual(try rows(), 1)
  }

  func testGivenLayersNeedNoSearch() throws {
    let outcome = try recipe("given", .given([2, 0, 2])).run(in: folder.appendingPathComponent("given"))
    XCTAssertEqual(outcome.attentionLayers, [0, 2])
    XCTAssertEqual(outcome.rounds, [])
    // 3 and 4 of 7 parts of 640 tokens, in whole steps.
    XCTAssertEqual([outcome.frozen.last?.first, outcome.heldOut.last?.first], [4 * 64, 5 * 64])
    XCTAssertFalse(
      FileManager.default.fileExists(atPath: folder.appendingPathComponent("given.stages/super-network").path))
    XCTAssertEqual(
      try ModelConfig(contentsOf: folder.appendingPathComponent("given")).mixers, [.attention, .jetBlock, .attention])
  }

  func testWhatCannotBeDoneIsRefusedBeforeAnythingIsWritten() throws {
    let out = folder.appendingPathComponent("out")
    let base = try LanguageModel(folder: folder.appendingPathComponent("base"))
    try JetConversion(layers: .list([1])).converted(base).save(to: folder.appendingPathComponent("hybrid"))
    var config = base.config
    config.vocabularySize += 1
    try LanguageModel(config, seed: 4).save(to: folder.appendingPathComponent("larger"))
    func refuse(
      _ words: String, _ placement: PostNAS.Placement = .searched(count: 1, beam: 1, windows: 1), line: UInt = #line,
      _ change: (inout PostNAS) -> Void = { _ in }
    ) throws {
      var recipe = try recipe("out", placement)
      change(&recipe)
      XCTAssertThrowsError(try recipe.run(in: out), line: line) {
        XCTAssertTrue("\($0)".contains(words), "\($0)", line: line)
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage, line: line)
      }
      XCTAssertFalse(FileManager.default.fileExists(atPath: recipe.work.path) && recipe.work != recipe.base, line: line)
    }
    try refuse("layer 1: jet") { $0.base = self.folder.appendingPathComponent("hybrid") }
    try refuse("vocabulary") { $0.teacher = self.folder.appendingPathComponent("larger") }
    try refuse("`work`") { $0.work = out }
    try refuse("`work`") { $0.work = $0.base }
    try refuse("`count`", .searched(count: 3, beam: 1, windows: 1))
    try refuse("`beam`", .searched(count: 1, beam: 0, windows: 1))
    try refuse("`windows`", .searched(count: 1, beam: 1, windows: 0))
    try refuse("`layers`", .given([]))
    try refuse("`layers`", .given([0, 1, 2]))
    try refuse("`layers`", .given([3]))
    XCTAssertFalse(FileManager.default.fileExists(atPath: out.path))
  }

  func testStagesTakeTheirShares() throws {
    let plans = try PostNAS.Plans(tokens: 3_000_000)
    XCTAssertEqual(
      [plans.superNetwork?.tokens, plans.frozen.tokens, plans.whole.tokens], [600_000, 300_000, 2_100_000])
    XCTAssertEqual(plans.superNetwork?.loss, .norm)
    XCTAssertEqual(plans.superNetwork?.trained, .mixers)
    XCTAssertEqual([plans.frozen.freezesFeedForwards, plans.whole.freezesFeedForwards], [true, nil])
    let given = try PostNAS.Plans(tokens: 3_000_000, searches: false)
    XCTAssertNil(given.superNetwork)
    XCTAssertEqual([given.frozen.tokens, given.whole.tokens], [375_000, 2_625_000])
    for (tokens, shares, words) in [
      (2048, [20.0, 10, 70], "a step"), (100_000, [1, 2], "3 positive"), (100_000, [0, 1, 1], "positive"),
      (100_000, [.infinity, 1, 1], "positive"), (.max, [1e-30, 1, 1], "a step"), (.max, [1e-30, 1e-30, 1], "a step"),
    ] {
      XCTAssertThrowsError(try PostNAS.Plans(tokens: tokens, shares: shares)) {
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage)
        XCTAssertTrue("\($0)".contains(words), "\($0)")
      }
    }
  }
}
