import Foundation
import Groundwork
import TestKit
import XCTest

final class JSONObjectTests: XCTestCase {
  private func object(_ text: String, known: [String]? = nil) throws -> JSONObject {
    try JSONObject(JSONValue(parsing: Data(text.utf8), file: "c.json"), in: "c.json", known: known)
  }

  private func assertRefused(_ parts: String..., line: UInt = #line, _ body: () throws -> Any?) {
    XCTAssertThrowsError(try body(), line: line) { error in
      for part in parts { XCTAssert("\(error)".contains(part), "\(error)", line: line) }
    }
  }

  func testTypedValues() throws {
    let values = try object(
      #"{"n": 3, "whole": 4.0, "x": 0.5, "t": true, "s": "a", "l": ["a", "b"], "o": {"p": 1}, "none": null}"#)
    XCTAssertEqual(try values.int("n"), 3)
    XCTAssertEqual(try values.int("whole", in: 1...9), 4)
    XCTAssertEqual(try values.double("n"), 3)
    XCTAssertEqual(try values.positive("x"), 0.5)
    XCTAssertEqual(try values.bool("t"), true)
    XCTAssertEqual(try values.string("s"), "a")
    XCTAssertEqual(try values.strings("l"), ["a", "b"])
    XCTAssertEqual(try values.array("l")?.count, 2)
    XCTAssertEqual(try values.object("o")?.int("p"), 1)
    XCTAssertNil(try values.int("none"), "null counts as absent")
    XCTAssertNil(try values.string("absent"))
    XCTAssertEqual(try values.required("s", values.string), "a")
  }

  func testErrorsNameFileKeyExpectedAndFound() throws {
    let values = try object(#"{"n": "3", "x": -1, "h": 1e300, "l": ["a", 1], "o": {"p": {"q": true}}, "t": 1}"#)
    assertRefused("c.json: unusable value of \"n\"; expected a whole number in 1...9, found \"3\"") {
      try values.int("n", in: 1...9)
    }
    assertRefused("expected a whole number, found 1e+300") { try values.int("h") }
    assertRefused("expected a number above 0, found -1") { try values.positive("x") }
    assertRefused("\"l\"", "a list of strings") { try values.strings("l") }
    assertRefused("expected true or false, found 1") { try values.bool("t") }
    assertRefused("\"absent\" is missing", "a whole number in 0...5") { try values.required("absent", in: 0...5) }
    assertRefused("\"absent\" is missing") { try values.required("absent", values.string) }
    assertRefused("c.json: unusable value of \"o.p.q\"") { try values.object("o")?.object("p")?.int("q") }
    assertRefused("this is not implemented; found \"x\": -1") { throw values.unsupported("x", "this") }
    assertRefused("the file is not an object", "found a list") { try object("[1]") }
  }

  func testUnknownKeysAreErrorsOnlyWhenTheKnownOnesAreNamed() throws {
    XCTAssertNoThrow(try object(#"{"titel": 1}"#))
    assertRefused("c.json: unknown key \"titel\" (known here: rows, title)") {
      try object(#"{"titel": 1}"#, known: ["title", "rows"])
    }
    let values = try object(#"{"rows": [{"a": 1}, {"b": 2}]}"#, known: ["rows"])
    assertRefused("unknown key \"rows[1].b\"") {
      try values.list("rows") { try JSONObject($0, at: $1, in: "c.json", known: ["a"]) }
    }
    XCTAssertEqual(try values.list("absent") { value, _ in value }, [])
  }
}
