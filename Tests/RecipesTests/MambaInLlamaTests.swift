import Distillation
import Foundation
import Groundwork
import ModelCore
import TestKit
import TokenData
import Upcycling
import XCTest

@testable import Recipes

/// MambaInLlama's rounds as one run: stopped anywhere it goes on to the same bits, a stage with frozen feed-forwards leaves them
/// as they were, and what it cannot do it says before.
final class MambaInLlamaTests: XCTestCase {
  private var fixture: RecipeFixture!
  private var folder: URL { fixture.folder }

  override func setUpWithError() throws { fixture = try RecipeFixture(preset: "nano-1b", layers: 4) }
  override func tearDown() { fixture.remove() }

  private func recipe(_ name: String, rounds: [[Int]], tokens: Int = 12 * 64) throws -> MambaInLlama {
    MambaInLlama(
      base: folder.appendingPathComponent("base"), rounds: rounds, data: fixture.shards, heldOut: fixture.shards,
      plans: try .init(tokens: tokens, rounds: rounds.count, shares: [1, 2], batch: 4, time: 16),
      work: folder.appendingPathComponent("\(name).stages"))
  }

  func testAStoppedRunGoesOnToTheSameBits() throws {
    let rounds = try MambaInLlama.halving(2, layerCount: 4)
    XCTAssertEqual(rounds, [[0, 2], [1]])
    let whole = try recipe("whole", rounds: rounds).run(in: folder.appendingPathComponent("whole"))
    XCTAssertEqual(whole.attentionLayers, [3])
    XCTAssertEqual(whole.rounds.map { $0.frozen.last?.first }, [2 * 64, 2 * 64])
    XCTAssertEqual(whole.rounds.map { $0.whole.last?.first }, [4 * 64, 4 * 64])
    var stops = 0
    while true {
      do {
        _ = try recipe("parts", rounds: rounds).run(in: folder.appendingPathComponent("parts"), shouldStop: { true })
        break
      } catch let error as UpcycleError where error.kind == .interrupted { stops += 1 }
      if stops > 20 { return XCTFail("does not end") }
    }
    // A stage's last step is its end, no stop.
    XCTAssertEqual(stops, 2 * (1 + 3))
    XCTAssertEqual(try fixture.digest("parts"), try fixture.digest("whole"))
  }

  func testFrozenFeedForwardsStayAndTheSecondRoundKeepsWhatTheFirstTrained() throws {
    let rounds = try MambaInLlama.halving(2, layerCount: 4)
    try recipe("out", rounds: rounds).run(in: folder.appendingPathComponent("out"))
    func model(_ name: String) throws -> LanguageModel {
      try LanguageModel(folder: folder.appendingPathComponent(name))
    }
    let (base, frozen, trained) = (
      try model("base"), try model("out.stages/1-frozen"), try model("out.stages/1-whole")
    )
    let second = try model("out.stages/2-start")
    XCTAssertEqual(frozen.config.mixers, [.mamba2, .attention, .mamba2, .attention])
    XCTAssertEqual(second.config.mixers, [.mamba2, .mamba2, .mamba2, .attention])
    func numbers(_ model: LanguageModel, _ name: String) throws -> [Float] {
      try XCTUnwrap(model.parameters.parameters.first { $0.name == name }, name).value.toArray()
    }
    let feedForward = "model.layers.1.mlp.down_proj.weight"
    XCTAssertEqual(try numbers(base, feedForward), try numbers(frozen, feedForward))
    XCTAssertNotEqual(try numbers(frozen, feedForward), try numbers(trained, feedForward))
    let mixer = try XCTUnwrap(
      second.parameters.parameters.first { $0.name.contains("layers.0.") && $0.name.contains("in_proj") })
    XCTAssertEqual(mixer.value.toArray(), try numbers(trained, mixer.name), "the first round's layers go on")
  }

  func testWhatCannotBeDoneIsSaidBeforeAnythingIsWritten() throws {
    for (rounds, words) in [([[0, 1], [1]], "twice"), ([[0], []], "none"), ([[7]], "7")] {
      let recipe = try recipe("refused", rounds: rounds)
      XCTAssertThrowsError(try recipe.run(in: folder.appendingPathComponent("refused"))) {
        XCTAssertEqual(($0 as? UpcycleError)?.kind, .usage)
        XCTAssertTrue("\($0)".contains(words), "\($0)")
      }
      XCTAssertFalse(FileManager.default.fileExists(atPath: recipe.work.path))
    }
    XCTAssertEqual(try MambaInLlama.halving(3, layerCount: 4).last, [3])
    for count in [0, 4, -1, .max, .min] {
      XCTAssertThrowsError(try MambaInLlama.halving(count, layerCount: 4)) {
        XCTAssertTrue("\($0)".contains("1 to 3 for 4 layers"), "\($0)")
      }
    }
    XCTAssertThrowsError(try MambaInLlama.Plans(tokens: 100, rounds: 2, batch: 4, time: 16)) {
      XCTAssertTrue("\($0)".contains("a step"), "\($0)")
    }
  }
}
