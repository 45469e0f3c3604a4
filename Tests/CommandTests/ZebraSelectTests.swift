import Groundwork
import TestKit
import XCTest

/// `zebra select` as scripts and people type it.
final class ZebraSelectTests: XCTestCase {
  private let published = "experiments/zebra/published/table10.csv"

  func testJSONHoldsLayersGapsAndTotal() throws {
    let result = try launch("zebra", ["select", "--scores", published, "--count", "4", "--json"])
    XCTAssertEqual(result.status, 0, result.error)
    let value = try JSONValue(parsing: Data(result.output.utf8), file: "select --json")
    XCTAssertEqual(value["layers"]?.array?.compactMap(\.int), [0, 5, 10, 14])
    XCTAssertEqual(value["gaps"]?.array?.compactMap(\.int), [4, 4, 3])
    XCTAssertEqual(value["strategy"]?.string, "smart")
    XCTAssertEqual(value["obeys_rule"]?.bool, true)
    XCTAssertEqual(try XCTUnwrap(value["total"]?.double), 2500.14, accuracy: 1e-9)
  }

  func testEveryRivalPlacesAndIsJudged() throws {
    for (strategy, layers, verdict) in [
      ("smart", "0,5,10,14", "obeys"), ("uniform-first", "0,4,8,12", "breaks"), ("uniform-last", "3,7,11,15", "breaks"),
      ("max-score", "0,1,2,14", "breaks"), ("greedy", "0,1,2,14", "breaks"),
    ] {
      let result = try launch("zebra", ["select", "--scores", published, "--count", "4", "--strategy", strategy])
      XCTAssertEqual(result.status, 0, result.error)
      XCTAssertTrue(result.output.contains("\(strategy): 4 of 16 layers: \(layers)\n"), result.output)
      XCTAssertTrue(result.output.contains(verdict), result.output)
      XCTAssertEqual(result.output.split(separator: "\n").filter { $0.hasSuffix("MLA") }.count, 4, result.output)
    }
  }

  func testBadScoresAndCountsAreRefused() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func scores(_ text: String) throws -> String {
      let file = folder.appendingPathComponent("scores.csv")
      try writeFile(text, to: file)
      return file.path
    }
    func refused(
      _ file: String, _ options: [String], _ words: [String], status: Int32 = 2, line: UInt = #line
    ) throws {
      try assertRefused("zebra", ["select", "--scores", file] + options, status: status, saying: words, line: line)
    }
    try refused(published, ["--count", "0"], ["--count", "1 to 16", "found 0"])
    try refused(published, ["--count", "17"], ["--count", "found 17"])
    try refused(published, ["--count", "four"], ["count"])
    try refused(published, ["--count", "4", "--strategy", "best"], ["best"])
    try refused("no-such.csv", ["--count", "4"], ["no-such.csv", "no such file"], status: 1)
    let count = ["--count", "1"]
    try refused(scores("layer,score\n0,1\n"), count, ["line 1", "sensitivity"], status: 1)
    try refused(scores("layer,sensitivity\n0,much\n"), count, ["line 2", "much", "number"], status: 1)
    try refused(scores("layer,sensitivity\n0,nan\n"), count, ["line 2", "nan"], status: 1)
    try refused(scores("layer,sensitivity\n0,1\n0,2\n"), count, ["line 3", "repeated"], status: 1)
    try refused(scores("layer,sensitivity\n0,1\n2,2\n"), count, ["layer 1 is missing"], status: 1)
  }

  /// KL-guided scores: every candidate trains before it is measured, and what was trained is not trained again.
  func testGuidedScoresTrainEveryCandidateOnce() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    var config = try XCTUnwrap(JSONValue(contentsOf: teacherConfig()).object)
    config["num_hidden_layers"] = .int(3)
    try writeFile(JSONValue.object(config).text(pretty: true), to: URL(fileURLWithPath: path("small.json")))
    try assertSucceeds(
      "hybrid", ["create", "--config", path("small.json"), "--dtype", "float32", "--out", path("base")])
    try giveTokenizer(to: URL(fileURLWithPath: path("base")))
    let text = (0..<600).map { "The cat number \($0 * 7 % 91) sat on mat \($0 * 3 % 17).\n" }
    try writeFile(text.joined(), to: URL(fileURLWithPath: path("text.txt")))
    try assertSucceeds(
      "shards", ["pack", "--input", path("text.txt"), "--tokenizer", path("base"), "--out", path("s")])
    func ild(_ mixer: String, seed: Int = 1) -> [String] {
      [
        "ild", "--base", path("base"), "--mixer", mixer, "--data", path("s"), "--batch", "2", "--sequence", "64",
        "--tokens", "128", "--seed", String(seed), "--out", path(mixer), "--quiet",
      ]
    }
    for mixer in ["mla", "mamba2"] {
      let printed = try assertSucceeds("zebra", ild(mixer) + ["--json"]).output
      let report = try JSONValue(parsing: Data(printed.utf8), file: "ild --json")
      XCTAssertEqual(report["model"]?.string, path(mixer))
      XCTAssertEqual(printed, report.text(pretty: true) + "\n", "one style for all commands")
    }
    let select = [
      "select", "--base", path("base"), "--mla", path("mla"), "--linear", path("mamba2"), "--data", path("s"),
      "--windows", "4", "--count", "1",
    ]
    func divergence(_ note: String) throws -> Double {
      let match = try XCTUnwrap(note.firstMatch(of: /all linear: KL ([0-9.]+)/), note)
      return try XCTUnwrap(Double(match.1))
    }
    let swapped = try assertSucceeds("zebra", select)
    let guided = select + ["--method", "kl", "--tokens", "6k", "--work", path("work")]
    let first = try assertSucceeds("zebra", guided + ["--write-scores", path("scores.csv")])
    XCTAssertLessThan(try divergence(first.error), try divergence(swapped.error))
    XCTAssertTrue(first.output.contains("max-score: 1 of 3 layers"), first.output)
    let scores = try String(contentsOfFile: path("scores.csv"), encoding: .utf8)
    XCTAssertEqual(scores.split(separator: "\n").filter { !$0.hasPrefix("#") }.count, 4, scores)
    let trained = folder.appendingPathComponent("work/layer-2/model.safetensors")
    let made = try FileManager.default.attributesOfItem(atPath: trained.path)[.modificationDate] as? Date
    let again = try assertSucceeds("zebra", guided)
    XCTAssertEqual(again.output, first.output)
    XCTAssertEqual(
      try FileManager.default.attributesOfItem(atPath: trained.path)[.modificationDate] as? Date, made)
    try assertRefused(
      "zebra", select + ["--method", "kl"], status: 2, saying: ["--method kl", "--tokens", "--work"])
    try assertRefused(
      "zebra", select + ["--method", "kl", "--tokens", "6k", "--work", path("base")], status: 2,
      saying: ["--work", "a model's own folder"])
    // Models of other starts are not taken for those of these.
    try assertSucceeds("zebra", ild("mamba2", seed: 2) + ["--force"])
    try assertRefused("zebra", guided, status: 2, saying: ["work/linear", "other settings"])
    try FileManager.default.removeItem(at: folder.appendingPathComponent("work/linear"))
    try assertRefused("zebra", guided, status: 2, saying: ["work/layer-0", "other settings"])
  }

  private func teacherConfig() -> URL {
    repositoryRoot().appendingPathComponent("experiments/teachers/nano-1b-seed1/config.json")
  }
}
