import Foundation
import XCTest

@testable import LabKit

/// Wide tables on a page.
final class MarkdownGridTests: XCTestCase {
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

  /// A remark on one line of three makes no second table of three.
  func testLinesWithoutFurtherNumbersStandOnce() {
    var grid = MarkdownGrid()
    for title in ["model", "what it is"] { grid.add(title, right: false) }
    for column in 1...6 { grid.add("measurement \(column)", right: true) }
    grid.add(String(repeating: "remark ", count: 12), right: true)
    grid.rows = ["a", "b", "c"].map { [$0, "a model"] + (1...6).map { "\($0)" } + [$0 == "b" ? "odd" : ""] }
    let parts = grid.text.components(separatedBy: "\n\n").map { $0.split(separator: "\n") }
    XCTAssertEqual(parts.map(\.count), [5, 3])
    XCTAssertTrue(parts[1][2].hasPrefix("| b"))
  }

  /// Parts are about equally wide: no last part of one column.
  func testPartsOfAWideTableAreBalanced() {
    var grid = MarkdownGrid()
    grid.add("model", right: false)
    for column in 1...10 { grid.add("measurement \(column)", right: true) }
    grid.rows = [["base"] + (1...10).map { "\($0)" }]
    let parts = grid.text.components(separatedBy: "\n\n").map {
      $0.split(separator: "\n")[0].split(separator: "|").count
    }
    XCTAssertEqual(parts, [6, 6], "the label and five numbers")
  }

  /// Labels that are too wide to repeat leave the first, and who speaks in a line.
  func testCutTablesRepeatWhatIdentifiesALine() {
    var grid = MarkdownGrid()
    for (index, title) in ["model", "a long description", ""].enumerated() {
      grid.add(title, right: false, identifies: index == 2)
    }
    for column in 1...8 { grid.add("measurement \(column)", right: true) }
    grid.rows = [["base", String(repeating: "words ", count: 12), "paper"] + (1...8).map { "\($0)" }]
    let parts = grid.text.components(separatedBy: "\n\n")
    XCTAssertGreaterThan(parts.count, 1)
    for part in parts.dropFirst() { XCTAssertTrue(part.hasPrefix("| model |       |"), part) }
    XCTAssertEqual(parts.count { $0.contains("words") }, 1, "said once")
  }
}
