import Foundation
import Groundwork
import XCTest

@testable import LabKit

/// Claims that are decided item by item, and graded scores.
final class ClaimItemTests: ClaimTestCase {
  private func items(_ right: [Bool], _ graded: [Double]?, identity: String = "i") -> ItemScores {
    ItemScores(task: "recall", identity: identity, isCorrect: right, graded: graded)
  }

  func testStoredItemsPairTheModels() throws {
    let spec = try spec(
      "{ let: { a: { cell: \"a\", metric: \"score.recall\" }, b: { cell: \"b\", metric: \"score.recall\" } }, quantity: \"a - b\", above: 0 }"
    )
    // 90 and 60 of the same 100 items: b is right only where a is.
    let stored = ["a": items((0..<100).map { $0 < 90 }, nil), "b": items((0..<100).map { $0 < 60 }, nil)]
    let records = ["a": 90.0, "b": 60].flatMap { cell, value in
      (1...3).map { record(cell, $0, ["score.recall": Metric(value + 0.1 * Double($0), stderr: 4)]) }
    }
    let source = ClaimEvidence(spec, records: records) { ["score": [stored[$0.cell]!]] }
    let paired = try XCTUnwrap(spec.claims[0].tests[0].estimate(from: source))
    XCTAssertTrue(paired.isPaired)
    XCTAssertEqual(paired.uncertainty.items, 100 * 100 * 0.3 * 0.7 / 99, accuracy: 1e-9)
    let alone = try XCTUnwrap(spec.claims[0].tests[0].estimate(from: ClaimEvidence(spec, records: records)))
    XCTAssertFalse(alone.isPaired)
    XCTAssertEqual(alone.uncertainty.items, 32, accuracy: 1e-9)
    let other = ClaimEvidence(spec, records: records) {
      ["score": [self.items(stored[$0.cell]!.isCorrect, nil, identity: $0.cell)]]
    }
    XCTAssertEqual(
      try XCTUnwrap(spec.claims[0].tests[0].estimate(from: other)).uncertainty.items, 100 * 100 * (0.09 + 0.24) / 99,
      accuracy: 1e-9, "other items are not paired")
  }

  /// Two stages of one cell answer the same items: the error is that of what changed from one to the other.
  func testStagesOfOneCellAreTakenItemByItem() throws {
    let spec = try spec(
      "{ let: { a: { cell: \"a\", metric: \"score.recall\" }, b: { cell: \"a\", metric: \"train.recall\" } }, quantity: \"a - b\", above: 0 }"
    )
    let records = (1...3).map { seed in
      record("a", seed, ["score.recall": Metric(90 + 0.1 * Double(seed)), "train.recall": Metric(60)])
    }
    let (after, before) = (items((0..<100).map { $0 < 90 }, nil), items((0..<100).map { $0 < 60 }, nil))
    let source = ClaimEvidence(spec, records: records) { _ in ["score": [after], "train": [before]] }
    let found = try XCTUnwrap(spec.claims[0].tests[0].estimate(from: source))
    XCTAssertTrue(found.isPaired)
    XCTAssertEqual(found.uncertainty.items, 100 * 100 * 0.3 * 0.7 / 99, accuracy: 1e-9)
  }

  /// What one seed alone adds to the differences of items is not told from the items: it puts nothing out of reach.
  func testItemsOfOneSeedPutNothingOutOfReach() throws {
    let spec = try spec("{ let: { a: \"a\", b: \"b\" }, quantity: \"a - b\", above: 0, published: 5 }")
    // 60 and 55 of the same 100 items, of which 85 are right in one of them alone.
    let chosen = [Double](repeating: 1, count: 100)
    let stored = ["a": items((0..<100).map { $0 < 60 }, chosen), "b": items((0..<100).map { $0 >= 45 }, chosen)]
    func found(seeds: Int) throws -> TestResult {
      let cells = ["a": 60.0, "b": 55].mapValues { score in (0..<seeds).map { score + 0.1 * Double($0) } }
      let source = ClaimEvidence(spec, records: records(cells)) { ["score": [stored[$0.cell]!]] }
      return try ClaimVerdict(spec.claims[0], from: source).tests[0]
    }
    XCTAssertEqual(try found(seeds: 1).seedsForPublished, .number(3))
    XCTAssertEqual(try found(seeds: 1).answer, .undecided)
    // A second seed answers every item alike: what differs is the items, which no seeds shrink.
    XCTAssertEqual(try found(seeds: 2).seedsForPublished, .never)
  }

  func testTheGradedScoreDecidesUnlessAccuracyContradictsOrOnlyCalibrationMoves() throws {
    let spec = try spec(difference)
    func answer(accuracy: Double, graded: Double, calibrated: Double) throws -> ClaimVerdict {
      let records = ["a": 1.0, "b": 0].flatMap { cell, sign in
        (1...3).map { seed -> Record in
          let wobble = 0.1 * Double(seed)
          return record(
            cell, seed,
            [
              "score.avg": Metric(50 + sign * accuracy + wobble),
              "score.graded.avg": Metric(45 + sign * graded + wobble),
              "score.calibrated.avg": Metric(45 + sign * calibrated + wobble),
            ])
        }
      }
      return try verdict(spec, records)
    }
    XCTAssertEqual(try answer(accuracy: 0.05, graded: 2, calibrated: 1.9).answer, .holds)
    XCTAssertTrue(try answer(accuracy: 0.05, graded: 2, calibrated: 1.9).lines[0].hasPrefix("graded [a] - [b] = 2.000"))
    let opposed = try answer(accuracy: -3, graded: 2, calibrated: 2)
    XCTAssertEqual(opposed.answer, .undecided)
    XCTAssertTrue(opposed.lines[0].contains("disagree"))
    let cooled = try answer(accuracy: 0.05, graded: 2, calibrated: 0.1)
    XCTAssertEqual(cooled.answer, .undecided)
    XCTAssertTrue(cooled.lines[0].contains("only the calibration moves"))
    // Surer answers of which more are wrong.
    let surer = try answer(accuracy: -3, graded: 2, calibrated: -1)
    XCTAssertEqual(surer.answer, .fails)
    XCTAssertTrue(surer.lines[0].contains("own temperature -1; the accuracy decides"), surer.lines[0])
  }

  /// A graded score that one repeat lacks would decide on fewer repeats than the test asks for; and its points are not those
  /// in which margins and bounds other than 0 are given.
  func testTheGradedScoreDecidesOnlyWithAllRepeatsAndBoundsOfZero() throws {
    func records(_ graded: Set<Int>) -> [Record] {
      ["a": 1.0, "b": 0].flatMap { cell, sign in
        (1...3).map { seed -> Record in
          var metrics = ["score.avg": Metric(50 + 2 * sign + 0.1 * Double(seed))]
          if graded.contains(seed) { metrics["score.graded.avg"] = Metric(45 + 0.4 * sign + 0.01 * Double(seed)) }
          return record(cell, seed, metrics)
        }
      }
    }
    func isGraded(_ test: String, _ graded: Set<Int>) throws -> Bool {
      try verdict(spec(test), records(graded)).lines[0].hasPrefix("graded")
    }
    XCTAssertTrue(try isGraded(difference, [1, 2, 3]))
    XCTAssertFalse(try isGraded(difference, [2, 3]))
    let near = difference.replacingOccurrences(
      of: "above: 0", with: "equivalent: { margin: 1, reason: \"a point of accuracy\" }")
    XCTAssertFalse(try isGraded(near, [1, 2, 3]))
    XCTAssertEqual(
      try verdict(spec(near), records([1, 2, 3])).answer, .fails, "two points of accuracy, 0.4 of the graded score")
    XCTAssertFalse(try isGraded(difference.replacingOccurrences(of: "above: 0", with: "above: 0.5"), [1, 2, 3]))
  }

  func testItemFilesKeepEveryItem() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "items-\(UInt32.random(in: 0...UInt32.max))")
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = ItemFile(url: folder.appendingPathComponent("k.zst"))
    let stages = [
      "scores": [items((0..<13).map { $0 % 3 == 0 }, (0..<13).map { Double($0) / 12 }), items([true], nil)],
      "later": [items([], [])],
      "after": [ItemScores(task: "loss", identity: "text", values: [0.5, 1.25, -3])],
    ]
    try file.write(stages)
    XCTAssertEqual(try file.read(), stages)
    var bytes = try readFile(file.url)
    try writeFile(bytes.prefix(bytes.count - 3), to: file.url)
    assertError("item results cannot be read", "k.zst") { _ = try file.read() }
    bytes[bytes.count / 2] ^= 0xff
    try writeFile(bytes, to: file.url)
    XCTAssertThrowsError(try file.read())
    try writeFile(Data("nothing".utf8), to: file.url)
    assertError("is no zstd frame") { _ = try file.read() }
  }

  func testPartsOfAMetric() {
    let stored = [
      "s": [
        ItemScores(task: "recall", identity: "r", isCorrect: [true, false], graded: [1, 0]),
        ItemScores(task: "quiz", identity: "q", isCorrect: [true], graded: [0.2]),
        ItemScores(task: "problems", identity: "p", isCorrect: [false], graded: nil),
      ]
    ]
    XCTAssertEqual(ItemScores.parts(of: "s.avg", in: stored)?.map(\.scores.task), ["recall", "quiz"])
    XCTAssertEqual(ItemScores.parts(of: "s.avg_all", in: stored)?.map(\.weight), [1.0 / 3, 1.0 / 3, 1.0 / 3])
    XCTAssertEqual(ItemScores.parts(of: "s.graded.recall", in: stored)?[0].values, [100, 0])
    XCTAssertNil(ItemScores.parts(of: "s.graded.problems", in: stored))
    XCTAssertNil(ItemScores.parts(of: "s.calibrated.avg", in: stored))
    XCTAssertNil(ItemScores.parts(of: "s.unknown", in: stored))
    XCTAssertNil(ItemScores.parts(of: "other.avg", in: stored))
  }
}
