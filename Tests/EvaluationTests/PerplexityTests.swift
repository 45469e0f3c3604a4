import Evaluation
import Foundation
import Groundwork
import ModelCore
import Worlds
import XCTest

final class PerplexityTests: XCTestCase {
  func testItIsTheMeanOverAllPredictions() throws {
    for (name, config) in try TinyModels.all() {
      let model = try TinyModels.model(config)
      let windows = (0..<7).map { TinyModels.ids(19, seed: UInt64($0)) }
      let report = try perplexity(of: model, windows: 7, tokensPerBatch: 60) { windows[$0] }
      let scores = try logLikelihoods(
        model, windows.map { ContinuationGroup(context: [$0[0]], continuations: [Array($0.dropFirst())]) })
      let expected = -scores.reduce(0) { $0 + $1[0] } / (7 * 18)
      XCTAssertEqual(report.loss, expected, accuracy: 1e-4, name)
      XCTAssertEqual(report.perplexity, exp(report.loss), accuracy: 1e-9)
      XCTAssertEqual(report.tokens, 7 * 18)
      XCTAssertNil(report.bitsPerByte)
      let means = scores.map { -$0[0] / 18 }
      let variance = means.reduce(0) { $0 + ($1 - expected) * ($1 - expected) } / 6
      XCTAssertEqual(report.standardError, (variance / 7).squareRoot(), accuracy: 1e-4, name)
      XCTAssertGreaterThan(report.standardError, 1e-3, name)
    }
  }

  func testOnlyAnswersCountWhereThereAreSome() throws {
    let model = try TinyModels.model(TinyModels.config())
    let windows = (0..<5).map { TinyModels.ids(13, seed: UInt64($0)) }
    let scored = (0..<12).map { $0 % 5 == 2 || $0 > 9 }
    let report = try perplexity(
      of: model, windows: 5, tokensPerBatch: 30, answers: { $0 == 3 ? scored.map { _ in false } : scored }
    ) { windows[$0] }
    XCTAssertEqual(report.tokens, 4 * 4)
    var expected = 0.0
    for (index, ids) in windows.enumerated() where index != 3 {
      for (place, isScored) in scored.enumerated() where isScored {
        let group = ContinuationGroup(context: Array(ids[...place]), continuations: [[ids[place + 1]]])
        expected -= try logLikelihoods(model, [group])[0][0]
      }
    }
    XCTAssertEqual(report.loss, expected / 16, accuracy: 1e-4)
    XCTAssertThrowsError(
      try perplexity(of: model, windows: 5, answers: { _ in scored.map { _ in false } }) { windows[$0] }
    ) { XCTAssertTrue("\($0)".contains("no answers"), "\($0)") }
  }

  func testBitsPerByteCountTheBytesOfThePredictedText() throws {
    let tokenizer = try ScoringTests.tokenizer()
    let model = try ScoringTests.model(tokenizer, seed: 2)
    let text = "The old cat sat down. It looked at the fish, and the fish looked at the cat."
    let ids = tokenizer.documentStart + tokenizer.encode(text)
    var report = try perplexity(of: model, windows: 1, tokenizer: tokenizer) { _ in ids }
    let bits = report.loss * Double(report.tokens) / log(2)
    XCTAssertEqual(try XCTUnwrap(report.bitsPerByte), bits / Double(text.utf8.count), accuracy: 1e-9)
    // A single window has no error; a perplexity beyond all numbers is no reason to lose the loss.
    report.perplexity = .infinity
    XCTAssertEqual(try report.json()["stderr"], .null)
    XCTAssertEqual(try report.json()["perplexity"], .null)
    XCTAssertEqual(try report.json()["loss"]?.double, report.loss)
  }

  func testBadWindowsAreRefused() throws {
    let model = try TinyModels.model(TinyModels.config())
    XCTAssertThrowsError(try perplexity(of: model, windows: 0) { _ in [1, 2] })
    XCTAssertThrowsError(try perplexity(of: model, windows: 1) { _ in [1, 41] }) {
      XCTAssertTrue("\($0)".contains("vocabulary"), "\($0)")
    }
    model.head.value.fill(.nan)
    XCTAssertThrowsError(try perplexity(of: model, windows: 1) { _ in [1, 2, 3] }) {
      XCTAssertTrue("\($0)".contains("not finite"), "\($0)")
    }
  }

  func testAReportSurvivesItsFile() throws {
    let tokenizer = try ScoringTests.tokenizer()
    let model = try ScoringTests.model(tokenizer, seed: 2)
    let items = try MicroworldTask.goals.items(world: World(seed: 1), set: "b", count: 12)
    let report = try evaluate(model: model, tokenizer: tokenizer, items: items)
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("report-\(getpid()).json")
    defer { try? FileManager.default.removeItem(at: url) }
    try writeFile(report.json(withItems: true).text(pretty: true), to: url)
    XCTAssertEqual(try EvaluationReport(contentsOf: url), report)
    try writeFile(report.json(withItems: false).text(), to: url)
    XCTAssertThrowsError(try EvaluationReport(contentsOf: url))

    let paired = try PairedComparison(report.items, report.items)
    XCTAssertEqual(paired.difference, Estimate(value: 0, standardError: 0))
    XCTAssertEqual(paired.pValue, 1)
    var flipped = report.items
    for index in 0..<6 { flipped[index].isCorrectNormalised = !flipped[index].isCorrectNormalised }
    let changed = try PairedComparison(report.items, flipped)
    let wereRight = report.items.prefix(6).count { $0.isCorrectNormalised }
    XCTAssertEqual([changed.onlyFirst, changed.onlySecond], [wereRight, 6 - wereRight])
    XCTAssertEqual(changed.difference.value, Double(6 - 2 * wereRight) / 12, accuracy: 1e-12)
    XCTAssertThrowsError(try PairedComparison(report.items, [])) {
      XCTAssertTrue("\($0)".contains("share no item"), "\($0)")
    }
  }

  /// Items of another seed have the same ids.
  func testOtherQuestionsOfTheSameIdsAreNotCompared() throws {
    let tokenizer = try ScoringTests.tokenizer()
    let model = try ScoringTests.model(tokenizer, seed: 2)
    let reports = try [1, 7].map { (seed: UInt64) -> EvaluationReport in
      let items = try MicroworldTask.goals.items(world: World(seed: seed), set: "a", count: 12)
      return try evaluate(model: model, tokenizer: tokenizer, items: items)
    }
    XCTAssertEqual(reports[0].items.map(\.id), reports[1].items.map(\.id))
    XCTAssertThrowsError(try TaskComparison.all(of: reports[0], reports[1])) {
      XCTAssertTrue("\($0)".contains("asked different questions"), "\($0)")
    }
    XCTAssertEqual(try TaskComparison.all(of: reports[0], reports[0]).map(\.task), ["goals"])
    // Reports of before kept neither.
    var older = reports[0].items
    for index in older.indices {
      older[index].answer = nil
      older[index].endingBytes = nil
      older[index].questionHash = nil
    }
    XCTAssertEqual(try PairedComparison(older, reports[0].items).items, 12)
    XCTAssertEqual(try PairedComparison(older, reports[1].items).items, 12)
    // Of a generated answer the text alone tells.
    older[0].questionHash = reports[1].items[0].questionHash
    XCTAssertThrowsError(try PairedComparison(older, reports[0].items)) {
      XCTAssertTrue("\($0)".contains("text of hash"), "\($0)")
    }
    var other = reports[0].items
    for index in other.indices { other[index].task = "rules" }
    XCTAssertThrowsError(try TaskComparison.all(of: reports[0], EvaluationReport(other))) {
      XCTAssertTrue("\($0)".contains("share no task"), "\($0)")
    }
  }
}
