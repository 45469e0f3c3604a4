import Foundation
import Groundwork
import TestKit
import XCTest

final class CSVTests: XCTestCase {
  private func parse(_ text: String) throws -> CSV { try CSV(parsing: Data(text.utf8), file: "t.csv") }

  private func assertRefused(
    _ text: String, _ parts: String..., line: UInt = #line, _ body: (CSV) throws -> Any = { $0 }
  ) {
    XCTAssertThrowsError(try body(parse(text)), line: line) { error in
      for part in parts { XCTAssert("\(error)".contains(part), "\(error)", line: line) }
      XCTAssertFalse("\(error)".contains("\n"), line: line)
    }
  }

  func testItKeepsWhatItReads() throws {
    let text = "# a, \"comment\nname,\"a, b\"\n\"say \"\"so\"\"\",1\n\"two\nlines\",\" blank\"\n,\n"
    let table = try parse(text)
    XCTAssertEqual(table.comments, ["# a, \"comment"])
    XCTAssertEqual(table.header, ["name", "a, b"])
    XCTAssertEqual(table.rows, [["say \"so\"", "1"], ["two\nlines", " blank"], ["", ""]])
    XCTAssertEqual(table.text, text)
  }

  /// A mark that joins with a comma or a quote, blanks that are no spaces, what looks like a comment, an empty line.
  func testEveryFieldIsReadAsItWasWritten() throws {
    for field in [",\u{301}b", "\"\u{301}", "\tx", "x\u{A0}", "# one", "#\u{301}", "\u{FEFF}x", "\r", "\u{2028}", ""] {
      let table = CSV(header: [field], rows: [[field]])
      XCTAssertEqual(try parse(table.text).header, [field], field.debugDescription)
      XCTAssertEqual(try parse(table.text).rows, [[field]], field.debugDescription)
    }
    XCTAssertEqual(CSV.line([",\u{301}b", "\"\u{301}"]), "\",\u{301}b\",\"\"\"\u{301}\"")
  }

  func testWhatForeignFilesBring() throws {
    let table = try parse("\u{feff}layer, score ,\"note\"\r\n\r\n1 , 2.5,x\r\n# between\r\n0,-1e2, \"a\" ")
    XCTAssertEqual(table.header, ["layer", "score", "note"])
    XCTAssertEqual(table.rows[0], ["1", "2.5", "x"])
    XCTAssertEqual(table.rows[1], ["0", "-1e2", "a"])
    XCTAssertEqual(table.comments, ["# between"])
    XCTAssertEqual(try table.double(1, table.column("score")), -100)
    XCTAssertEqual(try table.int(0, table.column("layer")), 1)
    XCTAssertEqual(try parse("only,a,header").rows, [])
  }

  func testFaultsNameTheirLine() {
    assertRefused("", "t.csv: holds no header line")
    assertRefused("# only a comment\n", "t.csv: holds no header line")
    assertRefused("a,b\n1,2\n\n1,2,3\n", "t.csv, line 4", "expected 2", "found 3")
    assertRefused("a,b\n\"1\n\",2\n3\n", "t.csv, line 4", "found 1")
    assertRefused("a,b\n1,\"open\n\n", "t.csv, line 2: has a quote without its end")
    assertRefused("a,b\n\"x\"y,2\n", "t.csv, line 2: has text behind a closing quote")
    XCTAssertThrowsError(try CSV(parsing: Data([0x61, 0xFF, 0x0A]), file: "t.csv")) {
      XCTAssertEqual("\($0)", "t.csv: is not UTF-8 text")
    }
    assertRefused("# c\na,b\n1,2\n", "t.csv, line 2: the column \"c\" is missing", "a, b") { try $0.column("c") }
  }

  func testNumbersThatAreNone() throws {
    for field in ["nan", "NaN", "inf", "-infinity", "1e999"] {
      let text = "name,score\nx,1\ny,\(field)\n"
      assertRefused(
        text, "t.csv, line 3: unusable value in the column \"score\"; expected a finite number, found \"\(field)\""
      ) { try $0.requireFiniteNumbers() }
      assertRefused(text, "line 3", "\"score\"") { try $0.double(1, 1) }
    }
    for field in ["", "1.5", "x", "99999999999999999999"] {
      assertRefused("n\n\"\(field)\"\n", "line 2") { try $0.int(0, 0) }
    }
    XCTAssertNoThrow(try parse("name,score\nnancy,1e308\n").requireFiniteNumbers())
    XCTAssertEqual(try parse("step,loss\n1,0.5\n2,inf\n").numbers(), [[1, 0.5], [2, .infinity]])
    assertRefused("step,loss\n1,x\n", "line 2", "\"loss\"") { try $0.numbers() }
  }

  func testATableThatWasMade() throws {
    var table = CSV(header: ["a", "b"])
    table.comments = ["# made"]
    table.rows.append(["1", "x, \"y\""])
    XCTAssertEqual(table.text, "# made\na,b\n1,\"x, \"\"y\"\"\"\n")
    XCTAssertEqual(try parse(table.text).rows, table.rows)
    XCTAssertEqual(table.place(0), "table, row 1")
  }
}
