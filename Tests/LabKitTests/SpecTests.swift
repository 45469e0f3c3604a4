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
    assertError("t.json5", "unknown key \"titel\"", "known here: chance, claims, column_sets") {
      _ = try spec("title:", "titel:")
    }
    assertError("unknown key \"matrix.rules[1].then\"", "baseline, inexact, pending, pipeline, quoted, set, when") {
      _ = try spec("{ when: { method: \"small\" }, set:", "{ when: { method: \"small\" }, then:")
    }
    assertError("unknown key \"report.columns[2].digit\"") {
      _ = try spec("metric: \"score.avg\", kept", "metric: \"score.avg\", digit: 2, kept")
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
    assertError("matrix.rules[1] is of no row", "method: smal") {
      _ = try spec("when: { method: \"small\" }", "when: { method: \"smal\" }")
    }
    assertError("\"scorse.avg\" of a stage that no pipeline has", "make, record, score, train") {
      _ = try spec("metric: \"score.avg\", kept", "metric: \"scorse.avg\", kept")
    }
    assertError("D-C1 shows \"scores.avg\"") { _ = try spec("metric: \"score.avg\",\n", "metric: \"scores.avg\",\n") }
    assertError("nothing between its bounds") { _ = try spec("above: -2", "above: 2, below: 2") }
    assertError("has no pretraining", "1 or more") {
      _ = try spec("id: \"D-C1\",", "id: \"D-C1\", pretrainings: 0,")
    }
    assertError("two claims are called D-C1") {
      let claim =
        "{ id: \"D-C1\", statement: \"Again.\", metric: \"score.avg\", tests: [ { let: { a: \"small\" }, quantity: \"a\", above: 0 } ] },"
      _ = try spec("claims: [", "claims: [ \(claim)")
    }
    assertError("would decide too easily") { _ = try spec("above: -2", "above: -2, seeds: 2") }
    assertError("names \"c\"", "\"let\" defines a, b") { _ = try spec("a - b", "a - c") }
  }

  func testBadFilesAreOneClearLine() throws {
    let lab = try TestLaboratory()
    try lab.write("broken.json5", "{ title: \"x\", ")
    assertError("broken.json5", "is not valid JSON5") { _ = try lab.laboratory.spec("demo/broken") }
    try lab.write("t.json5", TestLaboratory.spec.replacingOccurrences(of: "{ seeds: [1]", with: "{ seeds: \"one\""))
    assertError("unusable value of \"profiles.smoke.seeds\"", "expected a list") {
      _ = try lab.laboratory.spec("demo/t")
    }
    try lab.write("t.json5", TestLaboratory.spec)
    try lab.write("published/t.csv", "# source\nmethod,kv,avg\nbase,100\n")
    assertError("t.csv, line 3", "expected 3, as in the header") { _ = try lab.laboratory.spec("demo/t") }
    assertError("no experiment is called \"demo/u\"") { _ = try lab.laboratory.spec("demo/u") }
    try lab.write("loop.json5", "{ extends: \"loop.json5\", title: \"loop\" }")
    assertError("without cycles") { _ = try lab.laboratory.spec("demo/loop") }
  }

  /// What a run would stumble over later.
  func testListsAndLimitsOfNothingAreRefused() throws {
    let base = #"base: [ { stage: "make", with: { size: "$size" } }, { stage: "score", from: { model: "make" } } ]"#
    assertError("t.json5", "pipelines.base is empty") { _ = try spec(base, "base: []") }
    for limit in ["-1", "0"] {
      assertError("profiles.smoke.limit", "expected 1 or more cells, found \(limit)") {
        _ = try spec("limit: 1", "limit: \(limit)")
      }
    }
    assertError("report.columns[2].mean_of", "each once") {
      _ = try spec(#"metric: "score.avg", kept"#, #"mean_of: ["score.avg", "score.avg"], kept"#)
    }
  }

  /// Numbers that are none, in a spec and in what was published, and a matrix without end.
  func testNumbersThatAreNone() throws {
    for (number, words) in [
      ("NaN", "expected a number"), ("Infinity", "expected a number"), ("1e999", "no 64-bit float can hold"),
      ("-1", "margin is not above 0"),
    ] {
      assertError("t.json5", words) { _ = try spec("above: -2", "equivalent: { margin: \(number), reason: \"r\" }") }
    }
    assertError("tests[0].above", "expected a number") { _ = try spec("above: -2", "above: NaN") }
    let lab = try TestLaboratory()
    for field in ["nan", "NaN", "inf", "1e999", "-Infinity"] {
      try lab.write("published/t.csv", "# source\nmethod,kv,avg\nbase,100,\(field)\nsmall,1,2\nlater,1,2\n")
      assertError("t.csv", "unusable value in the column \"avg\"", "found \"\(field)\"") {
        _ = try lab.laboratory.spec("demo/t")
      }
    }
    let axes = (0..<8).map {
      "{ variable: \"rank\", values: [\(Array(repeating: "\($0)", count: 1000).joined(separator: ","))] }"
    }
    assertError("the matrix has too many cells", "at most 10,000") {
      _ = try spec("baseline: \"base\",", "baseline: \"base\", axes: [\(axes.joined(separator: ","))],")
    }
  }

  /// A spec reads files of the experiments folder and no others, whatever way leads out.
  func testFilesOutsideAreRefused() throws {
    let lab = try TestLaboratory()
    let root = lab.laboratory.root
    try writeFile("{ title: \"secret\" }", to: root.appendingPathComponent("outside.json5"))
    try writeFile(
      "# s\nmethod,kv,avg\nbase,1,2\nsmall,1,2\nlater,1,2\n", to: root.appendingPathComponent("outside.csv"))
    let link = lab.laboratory.experiments.appendingPathComponent("demo/link.csv")
    try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: "../../outside.csv")
    for name in ["../../outside.json5", root.path + "/outside.json5", "/etc/passwd"] {
      try lab.write("out.json5", "{ extends: \"\(name)\", title: \"out\" }")
      assertError("outside the experiments folder", name) { _ = try lab.laboratory.spec("demo/out") }
    }
    for name in ["../../outside.csv", root.path + "/outside.csv", "link.csv"] {
      try lab.write("t.json5", TestLaboratory.spec.replacingOccurrences(of: "published/t.csv", with: name))
      assertError("outside the experiments folder", name) { _ = try lab.laboratory.spec("demo/t") }
    }
    try lab.write("t.json5", TestLaboratory.spec)
    try lab.write("other.json5", "{ extends: \"../demo/t.json5\", title: \"other\" }")
    XCTAssertEqual(try lab.laboratory.spec("demo/other").title, "other")
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

  /// What is named is read once, and nothing that is not named: an editor's lock, a file that is being written.
  func testOtherFilesStopNoSpec() throws {
    let lab = try TestLaboratory()
    let demo = lab.laboratory.experiments.appendingPathComponent("demo")
    try FileManager.default.createSymbolicLink(
      atPath: demo.appendingPathComponent(".#t.json5").path, withDestinationPath: "somebody@somewhere.1")
    XCTAssertEqual(try lab.laboratory.specNames(), ["demo/t"])
    XCTAssertEqual(try lab.laboratory.specs(["demo/t", "demo", "demo/t"]).map(\.name), ["demo/t"])
    try lab.write("broken.json5", "{ title: ")
    XCTAssertEqual(try lab.laboratory.specs(["demo/t"]).map(\.name), ["demo/t"])
    assertError("broken.json5", "is not valid JSON5") { _ = try lab.laboratory.specs(["demo"]) }
    let other = lab.laboratory.experiments.appendingPathComponent("other")
    try makeDirectory(other)
    try FileManager.default.moveItem(
      at: demo.appendingPathComponent("broken.json5"), to: other.appendingPathComponent("broken.json5"))
    XCTAssertEqual(try lab.laboratory.specs(["demo"]).map(\.name), ["demo/t"])
    assertError("no experiment is called \"\"") { _ = try lab.laboratory.specs([""]) }
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

  /// A profile may set something else where a cell, or a rule before, has set something.
  func testAProfileHasRulesForSomeCells() throws {
    let lab = try TestLaboratory()
    func plan(_ rules: String) throws -> Plan {
      let set = "set: { unit: 10 }"
      try lab.write(
        "t.json5", TestLaboratory.spec.replacingOccurrences(of: "\(set) }", with: "\(set), rules: \(rules) }"))
      return try lab.plan(seeds: [1])
    }
    func train(_ rules: String) throws -> JSONValue {
      try XCTUnwrap(plan(rules).nodes.values.first { $0.stage.name == "train" }).config
    }
    let two = "[{ when: { rank: 8 }, set: { unit: 30, size: 5 } }, { when: { size: 5, unit: 30 }, set: { budget: 2 } }]"
    XCTAssertEqual(try train(two), .object(["tokens": .int(60), "rank": .int(8)]))
    XCTAssertEqual(try train("[{ when: { rank: 9 }, set: { unit: 30 } }]")["tokens"], .int(10), "of no cell")
    let sizes = try plan(two).nodes.values.filter { $0.stage.name == "make" }.compactMap { $0.config["size"]?.int }
    XCTAssertEqual(sizes.sorted(), [4, 5], "the base has its own")
    assertError("names an unknown variable \"rnak\"") { _ = try plan("[{ when: { rnak: 8 }, set: { unit: 30 } }]") }
    assertError("names an unknown variable \"uint\"") { _ = try plan("[{ when: { rank: 8 }, set: { uint: 30 } }]") }
    assertError("profiles.micro.rules[0]", "is missing") { _ = try plan("[{ set: { unit: 30 } }]") }
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
    // Depth and size are bounded, each in one short line.
    func nested(_ levels: Int) -> String {
      String(repeating: "(", count: levels) + "1" + String(repeating: ")", count: levels)
    }
    XCTAssertEqual(try Expression(nested(90)).evaluate { _ in 0 }, 1)
    for text in [
      nested(20_000), nested(101), String(repeating: "-", count: 20_000) + "1",
      String(repeating: "abs(", count: 20_000), Array(repeating: "1", count: 20_000).joined(separator: "+"),
      Array(repeating: "1", count: 20_000).joined(separator: "*"),
      "max(" + Array(repeating: "1", count: 20_000).joined(separator: ",") + ")",
    ] {
      XCTAssertThrowsError(try Expression(text)) { XCTAssertLessThan("\($0)".count, 400, "\($0)") }
    }
  }
}
