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
    return try Table(evidence).markdown(spec.claims.map { try ClaimVerdict($0, from: evidence) })
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

  /// The demonstration with another report.
  private func spec(report: String) throws -> Spec {
    let lab = try TestLaboratory()
    let text = TestLaboratory.spec
    let (start, end) = (text.range(of: "  report: {")!, text.range(of: "  claims: [")!)
    try lab.write("t.json5", text.replacingCharacters(in: start.lowerBound..<end.lowerBound, with: report))
    return try withExtendedLifetime(lab) { try lab.laboratory.spec("demo/t") }
  }

  private func table(_ spec: Spec, _ records: [Record]) throws -> Table {
    try Table(ClaimEvidence(spec, records: records))
  }

  /// A base, and two seeds of variance 0.125 with one degree of freedom: half the interval is 12.706 sqrt(0.125 / 2) without
  /// the items' error of 0.5, with which it joins by Satterthwaite.
  private var measured: [Record] {
    [record("base", nil, avg: 40, kv: 100), record("small", 1, avg: 39), record("small", 2, avg: 39.5)]
  }

  func testATableShowsPaperAndOursWithTheirSeedsAndWhatIsKept() throws {
    XCTAssertEqual(
      try markdown(spec(), measured),
      """
      # Demo Table 1: a demonstration

      - Paper: a paper
      - Ours: profile micro (tiny); 1,000 tokens a trained cell; seeds 1, 2; commit abc1234567; Test CPU, 2 cores, 2 threads; 2 of 3 rows run
      - Repeat: `lab run demo/t --profile micro`
      - Read: quiz [MMLU]: our task and, in brackets, the paper's benchmark that it stands for; ✓ an exact number equals the published one to its printed digits, ≠ it does not; ± half of the 95 % interval over seeds and items; (n) the number of seeds, one alone has no interval; kept: the paper's number in percent of the paper's base, ours of our own with the same seeds

      | method         | KV %, paper | KV %, ours | quiz [MMLU], paper | quiz [MMLU], ours | kept, % of base, paper | kept, % of base, ours |
      | -------------- | ----------: | ---------: | -----------------: | ----------------: | ---------------------: | --------------------: |
      | base           |         100 |  100.000 ✓ |               50.0 |             40.00 |                        |                       |
      | small → rank 8 |       15.63 |   15.625 ✓ |               48.5 |  39.25 ± 1.15 (2) |                   97.0 |            98.1 ± 3.7 |
      | later          |         9.4 |        [a] |                 49 |                   |                   98.0 |                       |

      - [a] not run yet: needs another method

      Notes

      - A note.

      Claims

      - **D-C1 undecided**: Small stays within two points.
        - needs base: 1 of 2 pretrainings, small: 2 of 6 seeds
        - so far [small] - [base] = -0.750, wanted above -2: undecided

      """)
  }

  /// What one seed says of others is nothing.
  func testOneSeedHasNoInterval() throws {
    let text = try markdown(spec(), [record("small", 1, avg: 39)])
    XCTAssertTrue(text.contains(" 39.00 (1) |"), text)
    XCTAssertFalse(text.contains("±"), text)
  }

  /// Where all seeds agree at the floor, the variance of other cells says nothing about them, and their own tells no error.
  func testACellAtTheFloorKeepsItsOwnVariance() throws {
    let lab = try TestLaboratory()
    try lab.write(
      "t.json5", TestLaboratory.spec.replacingOccurrences(of: "title: ", with: "chance: { avg: 0 }, title: "))
    var records = [record("small", 1, avg: 0), record("small", 2, avg: 0)]
    for index in records.indices { records[index].metrics["score.avg"] = Metric(0, stderr: 0) }
    records += [record("later", 1, avg: 30), record("later", 2, avg: 34)]
    let table = try table(lab.laboratory.spec("demo/t"), records)
    XCTAssertNil(table.rows[1].values[2].interval)
    XCTAssertEqual(table.rows[1].values[2].seeds, 2)
    XCTAssertGreaterThan(try XCTUnwrap(table.rows[2].values[2].interval), 10)
  }

  /// Nothing is a share of nothing, with one seed or several, in the paper or here.
  func testNoShareIsKeptOfABaseAtZero() throws {
    let lab = try TestLaboratory()
    try lab.write(
      "published/t.csv", "# source: a paper\nmethod,kv,avg\nbase,100,0\nsmall,15.63,48.5\nlater,9.4,0\n")
    let spec = try lab.laboratory.spec("demo/t")
    let base = record("base", nil, avg: 0, kv: 100)
    for seeds in [1...1, 1...2] {
      let table = try table(spec, [base] + seeds.map { record("small", $0, avg: 38 + Double($0)) })
      let value = table.rows[1].values[2]
      XCTAssertEqual(value.kept, Table.Pair())
      XCTAssertNil(value.keptInterval)
      XCTAssertEqual(value.againstBaseline?.ours, seeds.count == 1 ? 39 : 39.5)
      XCTAssertEqual(value.keptText.paper + value.keptText.ours, "")
      XCTAssertEqual(table.rows[2].values[2].kept, Table.Pair(), "0 of 0")
    }
    let nothing = try table(spec, [base, record("small", 1, avg: 0)]).rows[1].values[2]
    XCTAssertNil(nothing.kept?.ours, "0 of 0")
  }

  /// The share that a cell at 0 keeps does not depend on its base, and has the cell's error alone.
  func testACellAtZeroKeepsNothingOfItsBase() throws {
    let records = [record("base", 1, avg: 40), record("small", 1, avg: 0), record("small", 2, avg: 0)]
    let value = try table(spec(), records).rows[1].values[2]
    XCTAssertEqual(value.kept?.ours, 0)
    XCTAssertEqual(try XCTUnwrap(value.keptInterval), 100 / 40 * 0.5 * 1.96, accuracy: 1e-3)
  }

  /// One seed stands against the same seed of its base, not against the mean of several.
  func testADifferenceOfFewerSeedsIsOfThose() throws {
    let records = [record("base", 1, avg: 40), record("base", 2, avg: 44), record("small", 1, avg: 39)]
    let value = try table(spec(), records).rows[1].values[2]
    XCTAssertEqual(value.againstBaseline?.ours, -1)
    XCTAssertEqual(try XCTUnwrap(value.kept?.ours), 97.5, accuracy: 1e-9)
  }

  /// A difference and its interval are of the seeds that both cells have, where claims take cells seed by seed.
  func testPairedDifferencesAreOfSharedSeeds() throws {
    let lab = try TestLaboratory()
    try lab.write(
      "t.json5",
      TestLaboratory.spec.replacingOccurrences(of: "id: \"D-C1\",", with: "id: \"D-C1\", pairs_seeds: true,")
        .replacingOccurrences(
          of: "baseline: \"base\",",
          with:
            "baseline: \"base\", cells: [{ id: \"more\", set: { rank: 8 }, pipeline: \"train\", baseline: \"small\" }],"
        ))
    let spec = try lab.laboratory.spec("demo/t")
    func value(seeds: Int) throws -> Table.Value {
      let more = zip(1...seeds, [40.0, 42.2, 30]).map { record("more", $0, avg: $1) }
      let table = try table(spec, [record("small", 1, avg: 39), record("small", 2, avg: 41)] + more)
      return try XCTUnwrap(table.rows.first { $0.cell.id == "more" }).values[2]
    }
    let (shared, all) = (try value(seeds: 2), try value(seeds: 3))
    XCTAssertEqual(try XCTUnwrap(all.ours).mean, 37.4, accuracy: 1e-9)
    XCTAssertEqual(try XCTUnwrap(all.againstBaseline?.ours), 1.1, accuracy: 1e-9)
    XCTAssertEqual(all.againstBaseline, shared.againstBaseline)
    XCTAssertNotNil(all.againstBaselineInterval)
    XCTAssertEqual(all.againstBaselineInterval, shared.againstBaselineInterval)
    XCTAssertEqual(all.kept, shared.kept)
    XCTAssertEqual(all.keptInterval, shared.keptInterval)
  }

  /// The paper's benchmark and our task are no numbers to subtract; a simulated speed-up and a measured one are.
  func testOnlyNumbersOnOneScaleAreSubtracted() throws {
    let records = [record("base", nil, avg: 40, kv: 100), record("small", 1, avg: 39)]
    let apart = try table(spec(), records)
    XCTAssertFalse(apart.text.contains("Δ"), apart.text)
    XCTAssertFalse(apart.csv.header.contains("quiz_delta"))
    XCTAssertTrue(apart.csv.header.contains("kv_p_delta"), "an exact number is on the paper's scale")
    let together = try table(
      spec(
        report: """
            report: { columns: [
              { header: "method", published: "method" },
              { header: "speed-up", published: "avg", metric: "score.avg", same_scale: true },
            ] },

          """), records)
    XCTAssertTrue(together.text.contains("| speed-up, paper | speed-up, ours |      Δ |"), together.text)
    XCTAssertTrue(together.text.contains("|      39.00 (1) |  -9.50 |"), together.text)
    assertError("same_scale", "stacked") {
      _ = try spec(
        report: """
            report: { layout: "stacked", columns: [
              { header: "speed-up", published: "avg", metric: "score.avg", same_scale: true },
            ] },

          """)
    }
  }

  /// Many values: a line for the paper and one for ours; a row that has not run is marked once, beside its line.
  func testStackedRowsHaveNoLineOfDifferences() throws {
    let stacked = TestLaboratory.spec.replacingOccurrences(of: "report: {", with: "report: { layout: \"stacked\",")
    let lab = try TestLaboratory()
    try lab.write("t.json5", stacked)
    let text = try table(lab.laboratory.spec("demo/t"), measured).text
    XCTAssertEqual(
      text,
      """
      | method |           |      KV % |      quiz [MMLU] | kept, % of base |
      | ------ | --------- | --------: | ---------------: | --------------: |
      | base   | paper     |       100 |             50.0 |                 |
      |        | ours      | 100.000 ✓ |            40.00 |                 |
      | small  | paper     |     15.63 |             48.5 |            97.0 |
      | rank 8 | ours      |  15.625 ✓ | 39.25 ± 1.15 (2) |      98.1 ± 3.7 |
      | later  | paper [a] |       9.4 |               49 |            98.0 |

      - [a] not run yet: needs another method
      """)
  }

  /// Rows that only we have say what they are.
  func testARowOfOursAloneIsNamedByItsCell() throws {
    let lab = try TestLaboratory()
    try lab.write(
      "t.json5",
      TestLaboratory.spec.replacingOccurrences(
        of: "baseline: \"base\",",
        with:
          "baseline: \"base\", cells: [{ id: \"on code\", set: { rank: 8 }, pipeline: \"train\" }, { id: \"untrained\", pipeline: \"base\" }],"
      ))
    let text = try table(lab.laboratory.spec("demo/t"), [record("on code", 1, avg: 39)]).text
    XCTAssertTrue(text.contains("| on code: rank 8 "), text)
    XCTAssertTrue(text.contains("| untrained "), text)
  }

  /// What several tables must say is written once.
  func testNotesMayBeShared() throws {
    let lab = try TestLaboratory()
    let shared = TestLaboratory.spec.replacingOccurrences(
      of: "report: {", with: "note_sets: { both: [\"First.\", \"Second.\"] }, report: {")
    try lab.write(
      "t.json5",
      shared.replacingOccurrences(of: "notes: [\"A note.\"]", with: "notes: [\"A note.\", { use: \"both\" }]"))
    XCTAssertEqual(try lab.laboratory.spec("demo/t").report.notes, ["A note.", "First.", "Second."])
    try lab.write(
      "t.json5", shared.replacingOccurrences(of: "notes: [\"A note.\"]", with: "notes: [{ use: \"none\" }]"))
    assertError("uses unknown notes \"none\"", "note_sets: both") { _ = try lab.laboratory.spec("demo/t") }
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
        of: "metric: \"score.avg\", kept", with: "mean_of: [\"score.avg\", \"score.kv\"], kept")
    )
    var lacking = record("base", nil, avg: 40)
    lacking.metrics["score.kv"] = nil
    let table = try table(
      lab.laboratory.spec("demo/t"), [record("small", 1, avg: 39), record("small", 2, avg: 40), lacking])
    XCTAssertEqual(table.rows[1].values[2].ours?.values, [(39 + 15.625) / 2, (40 + 15.625) / 2])
    XCTAssertEqual(table.rows[1].values[2].stderr, 0.25)
    XCTAssertNil(table.rows[0].values[2].ours, "a part is missing")
  }

  func testPointsThatAreNoCurveComeFromTheFirstSeed() throws {
    var (first, second) = (record("small", 1, avg: 39), record("small", 2, avg: 39.5))
    first.series = ["train.events": [[1, 2, 0.125], [1, 3], [2, 2, 4]]]
    second.series = ["train.events": [[9, 9, 9]]]
    let csv = try table(spec(), [second, first]).points("train.events", fields: ["run", "layer", "ms"])
    XCTAssertEqual(csv.header, ["cell", "run", "layer", "ms"])
    XCTAssertEqual(
      csv.rows, [["small", "1", "2", "0.125"], ["small", "2", "2", "4"]], "points of another length are none")
  }

  func testExactNumbersAreComparedToThePrintedDigits() throws {
    let table = try table(spec(), [record("small", 1, avg: 1, kv: 15.7), record("base", nil, avg: 1, kv: 100)])
    XCTAssertEqual(table.rows[1].values[1].agrees, false)
    XCTAssertTrue(try table.markdown([]).contains("15.700 ≠"))
    XCTAssertEqual(table.rows[0].values[1].agrees, true)
  }

  /// The digits of "8e-5" end at the fifth behind the point.
  func testDigitsOfANumberWithAnExponentAreCounted() {
    func agrees(_ published: String, _ ours: Double) -> Bool? {
      Table.Value(published: published, ours: Sample(values: [ours])).agrees
    }
    XCTAssertEqual(agrees("8e-5", 0.3), false)
    XCTAssertEqual(agrees("8e-5", 8.4e-5), true)
    XCTAssertEqual(agrees("1.5E3", 1540), true)
    XCTAssertEqual(agrees("1.5E3", 1560), false)
  }

  func testATableOfExactNumbersThatWasNeverRunIsNamed() throws {
    let lab = try TestLaboratory()
    XCTAssertEqual(try Publication(lab.laboratory).emptyExactTables(), [], "trained numbers may be missing")
    let trained = #"{ header: "quiz [MMLU]", name: "quiz", published: "avg", metric: "score.avg", kept: true },"#
    XCTAssertTrue(TestLaboratory.spec.contains(trained))
    try lab.write("exact.json5", TestLaboratory.spec.replacingOccurrences(of: trained, with: ""))
    let empty = try Publication(lab.laboratory).emptyExactTables()
    XCTAssertEqual(empty.map { $0.prefix { $0 != ":" } }, ["demo/exact"])
  }

  func testCSVHoldsBothSidesTheIntervalTheSeedsAndWhatIsKept() throws {
    let csv = try table(spec(), measured).csv
    let row = Dictionary(uniqueKeysWithValues: zip(csv.header, csv.rows[1]))
    XCTAssertEqual(row["quiz_published"], "48.5")
    XCTAssertEqual(row["quiz_ours"], "39.25")
    XCTAssertEqual(row["quiz_interval"], "1.1513")
    XCTAssertEqual(row["quiz_seeds"], "2")
    XCTAssertEqual(row["quiz_std"], "0.3536")
    XCTAssertEqual(row["quiz_stderr"], "0.5")
    XCTAssertEqual(row["quiz_kept_published"], "97")
    XCTAssertEqual(row["quiz_kept_ours"], "98.125")
    XCTAssertEqual(row["quiz_vs_base_published"], "-1.5")
    XCTAssertEqual(row["quiz_vs_base_ours"], "-0.75")
    XCTAssertEqual(row["kv_p_delta"], "-0.005")
    XCTAssertEqual(row["seeds"], "1 2")
    XCTAssertEqual(csv.rows[2].last, "not run yet: needs another method")
    XCTAssertEqual(csv.header.count, csv.rows[0].count)
  }

  func testATableWithoutRecordsStandsAllTheSame() throws {
    let text = try markdown(spec(), [])
    XCTAssertTrue(text.contains("- Ours: not run yet"))
    XCTAssertTrue(text.contains("48.5"))
  }

  /// What waits for the same thing says so once.
  func testReasonsForEmptyRowsAreSaidOnce() throws {
    let text = try markdown(spec(), [])
    XCTAssertEqual(text.components(separatedBy: "not run yet").count - 1, 3, "ours, and one note each reason: \(text)")
    XCTAssertTrue(text.contains("- [a] not run yet\n- [b] not run yet: needs another method"), text)
  }

  /// What the whole table waits for stands above it, not in every row.
  func testWhatNoRowHasIsSaidAboveTheTable() throws {
    let lab = try TestLaboratory()
    try lab.write(
      "t.json5",
      TestLaboratory.spec.replacingOccurrences(of: "pipeline: \"base\" }", with: "pending: \"another method\" }")
        .replacingOccurrences(of: "set: { rank: 8 }, pipeline: \"train\"", with: "pending: \"another method\""))
    let text = try table(lab.laboratory.spec("demo/t"), []).markdown([])
    XCTAssertTrue(text.contains("- Ours: not run yet: needs another method\n"), text)
    XCTAssertFalse(text.contains("[a]"), text)
  }

  /// A column that nothing here fills says so in its heading.
  func testAnEmptyColumnIsMarkedOnce() throws {
    let table = try table(
      spec(
        report: """
            report: { columns: [
              { header: "method", published: "method" },
              { header: "quiz", published: "avg", metric: "score.avg" },
              { header: "other", published: "kv", pending: "another task" },
            ] },

          """), [record("base", nil, avg: 40), record("small", 1, avg: 39)])
    XCTAssertTrue(table.text.contains("| other, paper | other, ours [a] |"), table.text)
    XCTAssertEqual(table.text.components(separatedBy: "[a]").count - 1, 2, "the heading and the note: \(table.text)")
  }

  func testCrossingInterpolates() {
    let curve = [[0.0, 4.0], [10, 2.0], [20, 1.0]]
    XCTAssertEqual(Table.crossing(curve, level: 3), 5)
    XCTAssertEqual(Table.crossing(curve, level: 1.5), 15)
    XCTAssertEqual(Table.crossing(curve, level: 5), 0)
    XCTAssertNil(Table.crossing(curve, level: 0.5))
  }

  func testNumbersReadWell() {
    XCTAssertEqual(signed(0.5, 1), "+0.5")
    XCTAssertEqual(signed(-0.04, 1), "0.0")
    XCTAssertEqual(plain(2.5000, 4), "2.5")
    XCTAssertEqual(plain(100, 3), "100")
    for (setting, shown) in [
      ("0.0048828125", "0.004883"), ("0.048828125", "0.04883"), ("-12.34567", "-12.35"), ("12345.75", "12346"),
      ("0.1250", "0.1250"), ("1e-4", "1e-4"), ("1572864", "1572864"), ("2048.0", "2048.0"), ("53.125 %", "53.125 %"),
      ("dynamic", "dynamic"),
    ] { XCTAssertEqual(Table.shown(setting), shown) }
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
