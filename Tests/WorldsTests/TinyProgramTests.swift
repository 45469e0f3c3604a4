import XCTest

@testable import Worlds

final class TinyProgramTests: XCTestCase {
  private func output(_ program: String, _ input: String) -> String? {
    TinyProgram(parsing: program)?.run(input.split(separator: " ").map(String.init))?.joined(separator: " ")
  }

  func testEveryOperationDoesWhatItSays() {
    XCTAssertEqual(output("reverse", "3 1 2"), "2 1 3")
    XCTAssertEqual(output("sort", "10 9 2"), "2 9 10")
    XCTAssertEqual(output("sort", "pear fig 2"), "2 fig pear")
    XCTAssertEqual(output("double | sum", "1 2 3"), "12")
    XCTAssertEqual(output("add 2 | max", "1 5 3"), "7")
    XCTAssertEqual(output("take 2 | join", "ab cd ef"), "abcd")
    XCTAssertEqual(output("drop 1 | count", "a b c"), "2")
    XCTAssertEqual(output("unique | repeat 2", "a b a"), "a b a b")
    XCTAssertEqual(output("upper | letters", "ab c"), "A B C")
    XCTAssertEqual(output("min", "4 2 8"), "2")
  }

  func testAProgramSurvivesItsText() {
    let program = TinyProgram([.sort, .take(3), .add(2), .times(2), .sum])
    XCTAssertEqual(TinyProgram(parsing: program.text), program)
  }

  func testBadProgramsAndInputsGiveNothing() {
    for text in ["", "jump", "take", "take x", "take 2 3", "sort 2", "sort |", "repeat 100", "take -1"] {
      XCTAssertNil(TinyProgram(parsing: text), text)
    }
    XCTAssertNil(output("sum", "1 pear"))
    XCTAssertNil(output(Array(repeating: "repeat 99", count: 8).joined(separator: " | "), "a b c d e"))
    XCTAssertNil(output("double | double", "\(Int.max)"))
  }

  /// Models write programs too: what a run may grow to is bounded.
  func testBombs() {
    for rounds in 1...7 {
      let bomb = Array(repeating: "join | repeat 99", count: rounds).joined(separator: " | ")
      if rounds <= 2 { XCTAssertNotNil(output(bomb, "a b"), bomb) } else { XCTAssertNil(output(bomb, "a b"), bomb) }
      XCTAssertNil(output(bomb + " | count", String(repeating: "a", count: 200_000)), bomb)
    }
    XCTAssertNil(output("join | letters", String(repeating: "ab", count: 1000)))
    XCTAssertNil(output("upper", String(repeating: "\u{390}", count: 40_000)), "three letters for one")
  }
}
