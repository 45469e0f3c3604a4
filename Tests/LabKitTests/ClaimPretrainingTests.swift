import XCTest

@testable import LabKit

/// Claims whose models come of several pretrainings.
final class ClaimPretrainingTests: ClaimTestCase {
  func testAClaimOfOnePretrainingAsksForASecond() throws {
    let spec = try spec(difference, extra: "pretrainings: 2,")
    let found = try verdict(spec, records(["a": [60, 60.1, 60.2], "b": [50, 50.1, 50.3]]))
    XCTAssertEqual(found.answer, .undecided)
    XCTAssertEqual(found.needs, ["a: 1 of 2 pretrainings", "b: 1 of 2 pretrainings"])
  }

  /// Terms of several pretrainings share them: the quantity is taken pretraining by pretraining, with one degree of freedom
  /// for two, whatever else the experiment repeats.
  func testPretrainingsAreComparedOneByOne() throws {
    let spec = try spec(
      "{ let: { x: { cells: [\"a\", \"b\"] }, y: { cells: [\"c\", \"d\"] } }, quantity: \"x - y\", above: 0 }",
      extra: "pretrainings: 2,")
    func interval(_ cells: [String: [Double]]) throws -> ClosedRange<Double> {
      try XCTUnwrap(verdict(spec, records(cells)).tests[0].estimate).interval()
    }
    // Differences of 1 and 1.2: 1.1 +- 12.706 x 0.1.
    let together = try interval(["a": [50], "b": [60], "c": [49], "d": [58.8]])
    XCTAssertEqual(together.lowerBound, 1.1 - 1.2706, accuracy: 1e-3)
    XCTAssertEqual(together.upperBound, 1.1 + 1.2706, accuracy: 1e-3)
    // Of 9 and -6.8 with the same means.
    XCTAssertLessThan(try interval(["a": [50], "b": [60], "c": [41], "d": [66.8]]).lowerBound, -90)
  }

  /// What power counts of them is pretrainings: running more seeds of each would bring none, and of bases that are given
  /// there are none to run.
  func testMorePretrainingsAreNoSeedsToRun() throws {
    let lists = try spec(
      "{ let: { x: { cells: [\"a\", \"b\"] }, y: { cells: [\"c\", \"d\"] } }, quantity: \"x - y\", above: 0 }",
      extra: "pretrainings: 2,")
    let found = try verdict(lists, records(["a": [50], "b": [60], "c": [49], "d": [56]]))
    let text = try XCTUnwrap(found.tests[0].powerText)
    XCTAssertTrue(text.contains(" pretrainings for the observed") && !text.contains("seeds"), text)
    XCTAssertEqual(found.seedsToRun, 3, text)
    let single = try verdict(spec(difference, extra: "pretrainings: 2,"), records(["a": [52], "b": [51]]))
    XCTAssertNil(single.tests[0].powerText, "another pretraining is what it wants")
    let given = try verdict(
      spec("{ let: { a: \"base\" }, quantity: \"a\", below: 45 }"),
      [record("base", nil, ["score.avg": Metric(50, stderr: 3)])])
    XCTAssertNil(given.tests[0].powerText)
  }

  /// A pretraining without the metric pairs none: the means would be of others than the differences.
  func testPretrainingsThatAreNotAllMeasuredAreNotCompared() throws {
    let spec = try spec(
      "{ let: { x: { cells: [\"a\", \"b\", \"c\"] }, y: { cells: [\"d\", \"e\", \"f\"] } }, quantity: \"x - y\", above: 0 }",
      extra: "pretrainings: 2,")
    let measured = records(["a": [50], "b": [60], "c": [70], "d": [49], "e": [58.8]])
    let other = record("f", 1, ["score.other": Metric(1)])
    XCTAssertEqual(try verdict(spec, measured + [other]).answer, .undecided)
  }
}
