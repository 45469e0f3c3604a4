import Foundation
import Groundwork
import TestKit
import XCTest

/// The notebook's table of the ladder is what the models' committed scores say.
final class LadderScoresTests: XCTestCase {
  func testRowsAreTheCommittedScores() throws {
    let page = try readText(repositoryRoot().appendingPathComponent("notebooks-md/microworld.md"))
    let teachers = repositoryRoot().appendingPathComponent("experiments/teachers")
    var named: Set<String> = []
    for match in page.matches(of: /\| (nano-[a-z0-9.-]+), seed (\d) \|(.+)\|\n/) {
      let folder = "\(match.1)-seed\(match.2)"
      let scores = try JSONValue(contentsOf: teachers.appendingPathComponent("\(folder)/scores.json"))
      let tasks = try XCTUnwrap(scores["tasks"]?.array).prefix(10).map { $0["score"]?["value"]?.double }
      // The average stands before the word problems.
      let numbers = tasks.prefix(9) + [scores["average"]?["score"]?["value"]?.double] + tasks.suffix(1)
      let expected = try numbers.map { String(format: "%.1f", 100 * (try XCTUnwrap($0, folder))) }
      XCTAssertEqual(match.3.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }, expected, folder)
      named.insert(folder)
    }
    let committed = try FileManager.default.contentsOfDirectory(atPath: teachers.path).filter { $0.contains("-seed") }
    XCTAssertEqual(named, Set(committed))
  }
}
