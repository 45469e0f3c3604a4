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
    func refused(_ file: String, _ options: [String], _ words: [String], line: UInt = #line) throws {
      try assertRefused("zebra", ["select", "--scores", file] + options, status: 2, saying: words, line: line)
    }
    try refused(published, ["--count", "0"], ["--count", "1 to 16", "found 0"])
    try refused(published, ["--count", "17"], ["--count", "found 17"])
    try refused(published, ["--count", "four"], ["count"])
    try refused(published, ["--count", "4", "--strategy", "best"], ["best"])
    try refused("no-such.csv", ["--count", "4"], ["no-such.csv", "no such file"])
    let count = ["--count", "1"]
    try refused(scores("layer,score\n0,1\n"), count, ["line 1", "sensitivity"])
    try refused(scores("layer,sensitivity\n0,much\n"), count, ["line 2", "much", "number"])
    try refused(scores("layer,sensitivity\n0,nan\n"), count, ["line 2", "nan"])
    try refused(scores("layer,sensitivity\n0,1\n0,2\n"), count, ["line 3", "repeated"])
    try refused(scores("layer,sensitivity\n0,1\n2,2\n"), count, ["layer 1 is missing"])
  }
}
