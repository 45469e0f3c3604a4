import Foundation
import Groundwork
import XCTest

@testable import LabKit

final class ReportTests: XCTestCase {
  private func record(_ cell: String, _ seed: Int?, avg: Double, kv: Double = 15.625) -> Record {
    Record(
      spec: "demo/t", profile: "micro", cell: cell, seed: seed, key: "\(cell)\(seed ?? 0)", commit: "abc1234567",
      host: .init(cpu: "Test CPU", cores: 2), threads: 2, started: "2026-01-01T00:00:00Z", seconds: 1.5,
      tokens: seed == nil ? 0 : 1000, metrics: ["score.avg": Metric(avg, stderr: 0.5), "score.kv": Metric(kv)])
  }

  private func spec() throws -> Spec {
    let lab = try TestLaboratory()
    return try withExtendedLifetime(lab) { try lab.laboratory.spec("demo/t") }
  }

  private func markdown(_ spec: Spec, _ records: [Record]) throws -> String {
    let evidence = ClaimEvidence(spec, records: records)
    return try Table(spec, records: records).markdown(spec.claims.map { try ClaimVerdict($0, from: evidence) })
  }

  func testWhatModelsWroteIsQuotedBelowTheTable() throws {
    var (first, second) = (record("small", 1, avg: 39), record("small", 2, avg: 39))
    first.texts = ["sample.text": "A *star*.\n\nEnd"]
    second.texts = ["sample.text": "Other"]
    let page = try markdown(spec(), [record("base", nil, avg: 40, kv: 100), second, first])
    let quoted = "\n**small, seed 1**\n\n> A \\*star\\*.  \n>\n> End  \n\n**small, seed 2**\n\n> Other  \n"
    XCTAssertTrue(page.contains(quoted), page)
    XCTAssertFalse(try markdown(spec(), [record("small", 1, avg: 39)]).contains(">"))
  }

  func testARecordKnowsWhatItAndItsStagesTook() {
    var record = record("small", 1, avg: 39)
    XCTAssertNil(record.cost("record.seconds.train"), "records of before know the sum alone")
    record.stages = ["train": .init(seconds: 1.2, tokens: 1000), "score": .init(seconds: 0.3, tokens: 0)]
    XCTAssertEqual(record.cost("record.seconds"), 1.5)
    XCTAssertEqual(record.cost("record.tokens"), 1000)
    XCTAssertEqual(record.cost("record.seconds.train"), 1.2)
    XCTAssertEqual(record.cost("record.tokens.score"), 0)
    for name in ["record.seconds.other", "record.steps", "record", "score.seconds"] {
      XCTAssertNil(record.cost(name), name)
    }
  }

  func testAMetricMayNameACellsVariable() throws {
    let text = #"{ "header": "minutes", "metric": "record.seconds.{last}" }"#
    let column = try Column(JSONValue(parsing: Data(text.utf8), file: "t"), path: "columns[0]", file: "t")
    XCTAssertEqual(try column.filled(by: ["last": .string("sft")], in: "t").metric, "record.seconds.sft")
    XCTAssertThrowsError(try column.filled(by: [:], in: "t")) { XCTAssertTrue("\($0)".contains("last"), "\($0)") }
  }

  func testATableShowsPaperOursDifferenceAndClaims() throws {
    let records = [
      record("base", nil, avg: 40, kv: 100), record("small", 1, avg: 39), record("small", 2, avg: 39.5),
    ]
    XCTAssertEqual(
      try markdown(spec(), records),
      """
      # Demo Table 1: a demonstration

      - Paper: a paper
      - Ours: profile micro (tiny); 1,000 tokens a trained cell; seeds 1, 2; commit abc1234567; Test CPU, 2 cores, 2 threads; 2 of 3 rows run
      - Repeat: `lab run demo/t --profile micro`
      - Read: ✓ an exact number equals the published one to its printed digits, ≠ it does not; ± standard deviation over seeds; Δ ours minus paper

      | method         | KV %, paper | KV %, ours | avg, paper |    avg, ours |      Δ | vs base, paper | vs base, ours | seeds |
      | -------------- | ----------: | ---------: | ---------: | -----------: | -----: | -------------: | ------------: | ----: |
      | base           |         100 |  100.000 ✓ |       50.0 |        40.00 | -10.00 |                |               |   any |
      | small → rank 8 |       15.63 |   15.625 ✓ |       48.5 | 39.25 ± 0.35 |  -9.25 |          -1.50 |         -0.75 |  1, 2 |
      | later          |         9.4 |            |         49 |              |        |          -1.00 |               |   [a] |

      - [a] not run yet: needs another method

      Notes

      - A note.

      Claims

      - **D-C1 undecided**: Small stays within two points.
        - needs base: 1 of 2 pretrainings, small: 2 of 9 seeds
        - so far [small] - [base] = -0.750, wanted above -2: undecided

      """)
  }

  func testTheCommandNamesSeedsThatAreNotTheProfiles() throws {
    let text = try markdown(spec(), [1, 2, 3].map { record("small", $0, avg: 39) })
    XCTAssertTrue(text.contains("- Repeat: `lab run demo/t --profile micro --seeds 1,2,3`"))
  }

  func testAColumnMayBeTheMeanOfSeveralMetrics() throws {
    let lab = try TestLaboratory()
    try lab.write(
      "t.json5",
      TestLaboratory.spec.replacingOccurrences(
        of: "metric: \"score.avg\", against_baseline", with: "mean_of: [\"score.avg\", \"score.kv\"], against_baseline")
    )
    var lacking = record("base", nil, avg: 40)
    lacking.metrics["score.kv"] = nil
    let table = try Table(
      lab.laboratory.spec("demo/t"), records: [record("small", 1, avg: 39), record("small", 2, avg: 40), lacking])
    XCTAssertEqual(table.rows[1].values[2].ours?.values, [(39 + 15.625) / 2, (40 + 15.625) / 2])
    XCTAssertEqual(table.rows[1].values[2].stderr, 0.25)
    XCTAssertNil(table.rows[0].values[2].ours, "a part is missing")
  }

  func testPointsThatAreNoCurveComeFromTheFirstSeed() throws {
    var (first, second) = (record("small", 1, avg: 39), record("small", 2, avg: 39.5))
    first.series = ["train.events": [[1, 2, 0.125], [1, 3], [2, 2, 4]]]
    second.series = ["train.events": [[9, 9, 9]]]
    let csv = try Table(spec(), records: [second, first]).points("train.events", fields: ["run", "layer", "ms"])
    XCTAssertEqual(csv.header, ["cell", "run", "layer", "ms"])
    XCTAssertEqual(
      csv.rows, [["small", "1", "2", "0.125"], ["small", "2", "2", "4"]], "points of another length are none")
  }

  func testExactNumbersAreComparedToThePrintedDigits() throws {
    let table = try Table(
      spec(), records: [record("small", 1, avg: 1, kv: 15.7), record("base", nil, avg: 1, kv: 100)])
    XCTAssertEqual(table.rows[1].values[1].agrees, false)
    XCTAssertTrue(try table.markdown([]).contains("15.700 ≠"))
    XCTAssertEqual(table.rows[0].values[1].agrees, true)
  }

  func testATableOfExactNumbersThatWasNeverRunIsNamed() throws {
    let lab = try TestLaboratory()
    XCTAssertEqual(try Publication(lab.laboratory).emptyExactTables(), [], "trained numbers may be missing")
    let trained = #"{ header: "avg", published: "avg", metric: "score.avg", against_baseline: true },"#
    XCTAssertTrue(TestLaboratory.spec.contains(trained))
    try lab.write("exact.json5", TestLaboratory.spec.replacingOccurrences(of: trained, with: ""))
    let empty = try Publication(lab.laboratory).emptyExactTables()
    XCTAssertEqual(empty.map { $0.prefix { $0 != ":" } }, ["demo/exact"])
  }

  func testCSVHoldsBothSidesTheSpreadAndTheDifference() throws {
    let records = [record("base", nil, avg: 40, kv: 100), record("small", 1, avg: 39), record("small", 2, avg: 40)]
    let csv = try Table(spec(), records: records).csv
    let row = Dictionary(uniqueKeysWithValues: zip(csv.header, csv.rows[1]))
    XCTAssertEqual(row["avg_published"], "48.5")
    XCTAssertEqual(row["avg_ours"], "39.5")
    XCTAssertEqual(row["avg_std"], "0.7071")
    XCTAssertEqual(row["avg_stderr"], "0.5")
    XCTAssertEqual(row["avg_delta"], "-9")
    XCTAssertEqual(row["avg_vs_base_published"], "-1.5")
    XCTAssertEqual(row["avg_vs_base_ours"], "-0.5")
    XCTAssertEqual(row["seeds"], "1 2")
    XCTAssertEqual(csv.rows[2].last, "not run yet: needs another method")
  }

  func testATableWithoutRecordsStandsAllTheSame() throws {
    let text = try markdown(spec(), [])
    XCTAssertTrue(text.contains("- Ours: not run yet"))
    XCTAssertTrue(text.contains("48.5"))
  }

  /// A wide table becomes several that share their labels, none wider than a reader's window; no number is lost.
  func testAWideTableIsCutIntoReadableOnes() {
    var grid = MarkdownGrid()
    grid.add("model", right: false)
    for column in 1...20 { grid.add("measurement \(column)", right: true) }
    grid.rows = ["base", "small"].map { name in [name] + (1...20).map { "\(name)-\($0)" } }
    let parts = grid.text.components(separatedBy: "\n\n")
    XCTAssertEqual(parts.count, 3)
    for part in parts {
      let lines = part.split(separator: "\n")
      XCTAssertEqual(lines.count, 4)
      XCTAssertTrue(lines[0].hasPrefix("| model |"), part)
      for line in lines { XCTAssertLessThanOrEqual(line.count, 160) }
    }
    for row in ["base", "small"] {
      for column in 1...20 { XCTAssertTrue(grid.text.contains(" \(row)-\(column) "), "\(row)-\(column)") }
    }
  }

  /// What waits for the same thing says so once.
  func testReasonsForEmptyRowsAreSaidOnce() throws {
    let text = try markdown(spec(), [])
    XCTAssertEqual(text.components(separatedBy: "not run yet").count - 1, 3, "ours, and one note each reason: \(text)")
    XCTAssertTrue(text.contains("- [a] not run yet\n- [b] not run yet: needs another method"), text)
  }

  func testCrossingInterpolates() {
    let curve = [[0.0, 4.0], [10, 2.0], [20, 1.0]]
    XCTAssertEqual(Table.crossing(curve, level: 3), 5)
    XCTAssertEqual(Table.crossing(curve, level: 1.5), 15)
    XCTAssertEqual(Table.crossing(curve, level: 5), 0)
    XCTAssertNil(Table.crossing(curve, level: 0.5))
  }

  func testNumbersReadWell() {
    XCTAssertEqual(formatted(-0.001, 2), "0.00")
    XCTAssertEqual(signed(0.5, 1), "+0.5")
    XCTAssertEqual(signed(-0.04, 1), "0.0")
    XCTAssertEqual(plain(2.5000, 4), "2.5")
    XCTAssertEqual(plain(100, 3), "100")
  }

  func testRecordsRejectForeignLines() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan()
    let file = lab.laboratory.recordFile(plan.spec, plan.profile)
    try writeFile("{\"cell\": 1}\n", to: file)
    assertError("t.micro.jsonl:1", "is not a record") {
      _ = try Publication(lab.laboratory).records(plan.spec)
    }
  }
}
