import Foundation
import Groundwork
import TestKit
import XCTest

final class JSONReaderTests: XCTestCase {
  private func parse(_ bytes: [UInt8], _ dialect: JSONReader.Dialect = []) throws -> JSONValue {
    try JSONValue(parsing: Data(bytes), dialect: dialect, file: "t.json")
  }

  private func parse(_ text: String, _ dialect: JSONReader.Dialect = []) throws -> JSONValue {
    try parse(Array(text.utf8), dialect)
  }

  private func assertRefused(
    _ bytes: [UInt8], _ part: String, in dialect: JSONReader.Dialect = [], line: UInt = #line
  ) {
    XCTAssertThrowsError(try parse(bytes, dialect), part, line: line) { error in
      XCTAssert(error is UpcycleError, "\(error)", line: line)
      XCTAssert("\(error)".contains(part), "\(error)", line: line)
      XCTAssertFalse("\(error)".contains("\n"), line: line)
    }
  }

  private func assertRefused(
    _ text: String, _ part: String, in dialect: JSONReader.Dialect = [], line: UInt = #line
  ) {
    assertRefused(Array(text.utf8), part, in: dialect, line: line)
  }

  func testErrorsHaveLineAndColumn() {
    assertRefused(
      "{\n  \"a\": 1,\n  \"b\" 2\n}", "t.json: is not valid JSON: expected ':', found '2' at line 3, column 7")
    assertRefused("[\"äö\", x]", "unexpected 'x' at line 1, column 8")
    assertRefused("\u{feff}[x]", "at line 1, column 2")
    assertRefused("[1]\r\n]", "text behind the end of the value at line 2, column 1")
    assertRefused("", "unexpected end at line 1, column 1")
    XCTAssertThrowsError(try JSONValue(parsing: Data("{".utf8), file: "t", firstLine: 41)) {
      XCTAssert("\($0)".contains("line 41"), "\($0)")
    }
  }

  func testDeepNestingIsOneError() {
    for opening in ["[", "{\"a\":", "[{\"a\":"] {
      for depth in [129, 20_000, 200_000] {
        for dialect: JSONReader.Dialect in [[], .json5] {
          assertRefused(String(repeating: opening, count: depth), "nesting deeper than 128", in: dialect)
        }
      }
    }
    XCTAssertNoThrow(try parse(String(repeating: "[", count: 128) + String(repeating: "]", count: 128)))
    XCTAssertThrowsError(
      try decodeJSON([Int].self, from: Data(String(repeating: "[", count: 20_000).utf8), file: "t"))
  }

  func testOfDuplicateKeysTheLastCounts() throws {
    XCTAssertEqual(try parse(#"{"a": 1, "b": 2, "a": {"c": 3, "c": 4}}"#).text(), #"{"a":{"c":4},"b":2}"#)
  }

  func testNonFiniteLiteralsNeedPermission() throws {
    let text = #"{"limit": [0.0, Infinity], "low": -Infinity, "none": NaN}"#
    assertRefused(text, "unexpected 'I'")
    assertRefused("[-Infinity]", "expected a number")
    let value = try parse(text, .nonFinite)
    XCTAssertEqual(value["limit"], .array([.double(0), .double(.infinity)]))
    XCTAssertEqual(value["low"]?.double, -.infinity)
    XCTAssertEqual(value["none"]?.double?.isNaN, true)
    XCTAssertEqual(value.text(), #"{"limit":[0,Infinity],"low":-Infinity,"none":NaN}"#)
    for text in ["Inf", "nan", "+Infinity", "Infinit", "- Infinity"] { assertRefused(text, "t.json", in: .nonFinite) }
  }

  func testNumbersFollowTheGrammar() throws {
    for text in ["01", "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "1.e5", "--1", "1_0", "-01"] {
      assertRefused(text, "t.json: is not valid JSON")
    }
    XCTAssertEqual(
      try parse("[0, -0, 0.5, 1E+2, -1.25e-2, 9223372036854775807, -9223372036854775808]"),
      .array([.int(0), .int(0), .double(0.5), .double(100), .double(-0.0125), .int(.max), .int(.min)]))
  }

  func testHugeNumbers() throws {
    for text in ["1e999", "-1e999", "[1e400]", "1" + String(repeating: "0", count: 400)] {
      assertRefused(text, "no 64-bit float can hold")
    }
    XCTAssertEqual(try parse("9223372036854775808"), .double(0x1p63))
    XCTAssertEqual(try parse("18446744073709551616"), .double(0x1p64))
    XCTAssertEqual(try parse("1e-999"), .double(0))
    for text in ["9223372036854775808", "1.0"] {
      XCTAssertThrowsError(try JSONReader.parse(Data(text.utf8), file: "t") { try $0.integer() }, text) {
        XCTAssertTrue("\($0)".contains("a whole number below 2^63"), "\($0)")
      }
    }
    XCTAssertThrowsError(try JSONReader.parse(Data("1e39".utf8), file: "t") { try $0.float() }) {
      XCTAssertTrue("\($0)".contains("a 32-bit float can hold"), "\($0)")
    }
  }

  func testTextMustBeUTF8() throws {
    let faults: [[UInt8]] = [
      [0xFF], [0xFF, 0xFF, 0xFF, 0xFF], [0x80], [0xC0, 0x80], [0xC3], [0xE0, 0x80, 0x80], [0xE2, 0x82],
      [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
    ]
    for fault in faults {
      assertRefused(Array("{\"a\":\n \"ok".utf8) + fault + Array("\"}".utf8), "not UTF-8 at line 2, column 5")
      assertRefused(Array("{\"".utf8) + fault + Array("\": 1}".utf8), "not UTF-8 at line 1, column 3")
      assertRefused(Array("{".utf8) + fault + Array(": 1}".utf8), "not UTF-8 at line 1, column 2", in: .json5)
      assertRefused(Array("// ".utf8) + fault + Array("\n1".utf8), "not UTF-8", in: .json5)
      assertRefused(Array("/* ".utf8) + fault + Array("*/1".utf8), "not UTF-8", in: .json5)
      assertRefused(fault + Array("1".utf8), "unexpected")
      XCTAssertThrowsError(
        try decodeJSON([String].self, from: Data(Array("[\"".utf8) + fault + Array("\"]".utf8)), file: "t"))
    }
    for text in ["é", "€", "😀", "\u{7ff}\u{800}\u{ffff}\u{10ffff}", "\u{d7ff}\u{e000}"] {
      XCTAssertEqual(try parse("\"\(text)\"").string, text)
    }
  }

  func testEscapes() throws {
    XCTAssertEqual(try parse(#""\"\\\/\b\f\n\r\tA\u00e9\ud83d\ude00""#).string, "\"\\/\u{8}\u{c}\n\r\tAé😀")
    for text in [#""\ud83d""#, #""\ud83dx""#, #""\ud83dA""#, #""\udc00""#] {
      assertRefused(text, "half a surrogate pair")
    }
    for text in [#""\x41""#, #""\'""#, #""\u12""#, #""\u12g4""#, "\"a\nb\"", "\"abc", #""\"#] {
      assertRefused(text, "t.json")
    }
  }

  func testByteOrderMarkIsSkipped() throws {
    XCTAssertEqual(try parse("\u{feff}{\"a\": 1}\r\n")["a"]?.int, 1)
    assertRefused("\u{feff}", "unexpected end")
  }

  func testJSON5() throws {
    let text = #"""
      // a comment
      {
        unquoted_1: 'single "quotes"', "quoted": "it's", /* another
        one */ list: [1, 2,], nested: {a: 1,},
        numbers: [0x1F, -0x1, .5, 5., +1, 1.0, 1e3, -Infinity, NaN],
        escapes: '\x41\v\0\'\q\
      next',
      }
      """#
    let value = try parse(text, .json5)
    XCTAssertEqual(value["unquoted_1"]?.string, "single \"quotes\"")
    XCTAssertEqual(value["quoted"]?.string, "it's")
    XCTAssertEqual(value["nested"], .object(["a": .int(1)]))
    XCTAssertEqual(
      value["numbers"]?.array?.dropLast(),
      [.int(31), .int(-1), .double(0.5), .int(5), .int(1), .int(1), .int(1000), .double(-.infinity)])
    XCTAssertEqual(value["escapes"]?.string, "A\u{b}\0'qnext")
    for text in ["{a b: 1}", "{1a: 1}", "[1,,2]", "[,]", "{,}", "/* open", "'open", "0x", "[1 2]", "#", "{a: 'b\n'}"] {
      assertRefused(text, "is not valid JSON5", in: .json5)
    }
  }

  /// A vocabulary as large as the largest published ones streams through in a fraction of a second.
  func testTenMegabytesAreFast() throws {
    let entries = (0..<250_000).map { "\"Ġtoken\($0 * 7919)é\": \($0)" }
    let merges = (0..<250_000).map { "\"Ġto \($0)\"" }
    let text =
      "{\"model\": {\"vocab\": {\(entries.joined(separator: ", "))}, \"merges\": [\(merges.joined(separator: ","))]}}"
    let data = Data(text.utf8)
    XCTAssertGreaterThan(data.count, 10_000_000)
    let start = clock()
    var total = 0
    try JSONReader.parse(data, file: "t") { reader in
      try reader.object { reader, _ in
        try reader.object { reader, key in
          if key == Array("vocab".utf8) {
            try reader.object { reader, _ in total += try reader.integer() }
          } else {
            try reader.skip()
          }
        }
      }
    }
    XCTAssertEqual(total, 250_000 * 249_999 / 2)
    XCTAssertLessThan(Double(clock() - start) / Double(CLOCKS_PER_SEC), 1, "seconds of the processor")
  }
}
