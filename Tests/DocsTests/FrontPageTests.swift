import Foundation
import Groundwork
import TestKit
import XCTest

/// The README's first screen says what is decided, no more and no less.
final class FrontPageTests: XCTestCase {
  func testTheReadmeCountsWhatTheRecordsDecide() throws {
    let status = try json("lab", ["status", "--all", "--json"]).array ?? []
    func number(_ experiment: JSONValue, _ key: String) -> Int { experiment[key]?.int ?? 0 }
    let begun = status.filter { number($0, "recorded") > 0 }
    let complete = begun.count { number($0, "recorded") == number($0, "runs") && number($0, "waiting") == 0 }
    let claims = try json("lab", ["check", "--json"])
    func count(_ answer: String) throws -> Int { try XCTUnwrap(claims["answers"]?[answer]?.int, answer) }
    let experiments =
      "Of \(status.count) experiments (a table, a figure or a study each) \(complete) are run in full, "
      + "\(begun.count - complete) in part and \(status.count - begun.count) not yet"
    let answers =
      try "of \(XCTUnwrap(claims["claims"]?.int)) claims \(count("holds")) hold here, \(count("fails")) fail, "
      + "\(count("undecided")) are undecided and \(count("out of reach")) out of reach"
    let readme = try readText(repositoryRoot().appendingPathComponent("README.md")).split(separator: "\n")
      .joined(separator: " ")
    for sentence in [experiments, answers] {
      XCTAssertTrue(readme.contains(sentence), "README.md should say: \(sentence)")
    }
  }

  private func json(_ tool: String, _ arguments: [String]) throws -> JSONValue {
    let result = try assertSucceeds(tool, arguments)
    return try JSONValue(parsing: Data(result.output.utf8), file: arguments.joined(separator: " "))
  }
}
