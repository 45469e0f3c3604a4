import Foundation
import Groundwork
import XCTest

@testable import LabKit

final class SpecTests: XCTestCase {
  /// The demonstration spec with one text replaced by another.
  private func spec(_ old: String, _ new: String) throws -> Spec {
    let lab = try TestLaboratory()
    XCTAssertTrue(TestLaboratory.spec.contains(old), old)
    try lab.write("t.json5", TestLaboratory.spec.replacingOccurrences(of: old, with: new))
    return try lab.laboratory.spec("demo/t")
  }

  func testRowsBecomeCellsInTheOrderOfThePaper() throws {
    let lab = try TestLaboratory()
    let spec = try lab.laboratory.spec("demo/t")
    XCTAssertEqual(spec.cells.map(\.id), ["base", "small", "later"])
    XCTAssertEqual(spec.cells.map(\.pipeline), ["base", "train", nil])
    XCTAssertEqual(spec.cells[1].values, ["rank": .int(8)])
    XCTAssertEqual(spec.cells[2].pending, "another method")
  }

  func testUnknownKeysNameTheFileThePlaceAndTheKnownKeys() {
    assertError("t.json5", "unknown key \"titel\"", "known here: claims, column_sets") {
      _ = try spec("title:", "titel:")
    }
    assertError("unknown key \"matrix.rules[1].then\"", "baseline, inexact, pending, pipeline, set, when") {
      _ = try spec("{ when: { method: \"small\" }, set:", "{ when: { method: \"small\" }, then:")
    }
    assertError("unknown key \"report.columns[2].digit\"") {
      _ = try spec("metric: \"score.avg\", against", "metric: \"score.avg\", digit: 2, against")
    }
    assertError("unknown key \"profiles.micro.seed\"") { _ = try spec("seeds: [1, 2]", "seed: [1, 2]") }
    assertError("unknown key \"claims[0].tests[0].over\"") { _ = try spec("above: -2", "above: -2, over: 1") }
  }

  func testNamesThatPointNowhereAreErrors() {
    assertError("sets an unknown variable \"rnak\"", "budget, rank, size, unit") {
      _ = try spec("set: { rank: 8 }", "set: { rnak: 8 }")
    }
    assertError("unknown pipeline \"training\"", "base, train") {
      _ = try spec("pipeline: \"train\"", "pipeline: \"training\"")
    }
    assertError("was not published", "method, kv, avg") { _ = try spec("published: \"avg\"", "published: \"mean\"") }
    assertError("column that was not published: \"name\"") {
      _ = try spec("when: { method: \"base\" }", "when: { name: \"base\" }")
    }
    assertError("D-C1 refers to an unknown cell \"tiny\"") { _ = try spec("a: \"small\"", "a: \"tiny\"") }
    assertError("names \"mdoel\"") {
      _ = try spec(
        "{ stage: \"score\", from: { model: \"train\" } }", "{ stage: \"score\", from: { model: \"mdoel\" } }")
    }
    assertError("neither runs nor says why not") { _ = try spec(", pending: \"another method\"", "") }
    assertError("would decide too easily") { _ = try spec("above: -2", "above: -2, seeds: 2") }
    assertError("names \"c\"", "\"let\" defines a, b") { _ = try spec("a - b", "a - c") }
  }

  func testBadFilesAreOneClearLine() throws {
    let lab = try TestLaboratory()
    try lab.write("broken.json5", "{ title: \"x\", ")
    assertError("broken.json5", "is not valid JSON5") { _ = try lab.laboratory.spec("demo/broken") }
    try lab.write("t.json5", TestLaboratory.spec.replacingOccurrences(of: "{ seeds: [1]", with: "{ seeds: \"one\""))
    assertError("profiles.smoke.seeds has the wrong type", "expected a list") { _ = try lab.laboratory.spec("demo/t") }
    try lab.write("t.json5", TestLaboratory.spec)
    try lab.write("published/t.csv", "# source\nmethod,kv,avg\nbase,100\n")
    assertError("t.csv", "row 1", "expected 3 fields") { _ = try lab.laboratory.spec("demo/t") }
    assertError("no experiment is called \"demo/u\"") { _ = try lab.laboratory.spec("demo/u") }
    try lab.write("loop.json5", "{ extends: \"loop.json5\", title: \"loop\" }")
    assertError("without cycles") { _ = try lab.laboratory.spec("demo/loop") }
  }

  func testASpecIsLaidOverTheOneItExtends() throws {
    let lab = try TestLaboratory()
    try lab.write(
      "more.json5", "{ extends: \"t.json5\", title: \"more\", profiles: { micro: { seeds: [7] } }, claims: [] }")
    let spec = try lab.laboratory.spec("demo/more")
    XCTAssertEqual(spec.title, "more")
    XCTAssertEqual(spec.profiles["micro"]?.seeds, [7])
    XCTAssertEqual(spec.profiles["micro"]?.about, "tiny")
    XCTAssertEqual(spec.claims.count, 0)
  }

  /// `use` stands for the stages of another pipeline, also one that uses others.
  func testPipelinesUsePipelines() throws {
    let lab = try TestLaboratory()
    func stages(_ last: String) throws -> [String] {
      try lab.write(
        "used.json5",
        """
        {
          extends: "t.json5", title: "used", claims: [],
          pipelines: {
            made: [ { stage: "make" } ], twice: [ { use: "made" }, { stage: "make", as: "again" } ],
            train: [ { use: "twice" }, \(last) ],
          },
        }
        """)
      return try lab.laboratory.spec("demo/used").pipelines["train"]!.map(\.alias)
    }
    XCTAssertEqual(
      try stages("{ stage: \"score\", from: { model: \"again\" } }"), ["make", "again", "score"])
    assertError("pipelines.train uses no pipeline", "found {\"use\":\"mde\"}", "made") {
      _ = try stages("{ use: \"mde\" }")
    }
    assertError("without cycles") { _ = try stages("{ use: \"train\" }") }
    assertError("uses no pipeline") { _ = try stages("{ use: \"made\", as: \"x\" }") }
  }

  func testAxesNameTheirCells() throws {
    let lab = try TestLaboratory()
    try lab.write(
      "sweep.json5",
      """
      {
        title: "sweep", place: "Demo", defaults: { rank: 1, size: 1 }, profiles: { micro: { seeds: [1] } },
        pipelines: { train: [ { stage: "make", with: { size: "$size" } } ] },
        matrix: {
          id: "rank {rank} size {size}", pipeline: "train",
          axes: [ { variable: "rank", values: [1, 2] }, { variable: "size", values: [3, 4] } ],
        },
        report: { columns: [ { header: "rank", ours: "{rank}" } ] },
      }
      """)
    let spec = try lab.laboratory.spec("demo/sweep")
    XCTAssertEqual(spec.cells.map(\.id), ["rank 1 size 3", "rank 1 size 4", "rank 2 size 3", "rank 2 size 4"])
    XCTAssertEqual(try lab.laboratory.specNames(), ["demo/sweep", "demo/t"])
  }

  func testExpressionsFollowPrecedence() throws {
    let values = ["a": 3.0, "b_1": 2.0]
    for (text, expected) in [
      ("a - b_1", 1.0), ("2 * (a + b_1) / 4", 2.5), ("-a + 1", -2), ("mean(a, b_1, 1)", 2), ("abs(b_1 - a)", 1),
      ("max(1, a) - min(1, a)", 2), ("round(a / 2)", 2), (".5 * a", 1.5),
    ] {
      XCTAssertEqual(try Expression(text).evaluate { values[$0]! }, expected, text)
    }
    XCTAssertEqual(try Expression("a - (a + b_1)").names, ["a", "b_1"])
    XCTAssertEqual(try Expression("mean(a, b_1) - 2").described { "[\($0)]" }, "mean([a], [b_1]) - 2")
    for text in ["", "a -", "(a", "a b", "sqrt(a)", "1..2", "a $ b"] {
      assertError("the expression") { _ = try Expression(text) }
    }
  }

  func testCSVKeepsWhatItReads() throws {
    let text = "# a, comment\nname,\"a, b\"\n\"say \"\"so\"\"\",1\n"
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("labkit-\(getpid()).csv")
    defer { try? FileManager.default.removeItem(at: file) }
    try writeFile(text, to: file)
    let csv = try CSV(contentsOf: file)
    XCTAssertEqual(csv.header, ["name", "a, b"])
    XCTAssertEqual(csv.rows, [["say \"so\"", "1"]])
    XCTAssertEqual(csv.text, text)
  }
}
