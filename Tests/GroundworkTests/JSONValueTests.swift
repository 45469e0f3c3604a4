import Foundation
import Groundwork
import TestKit
import XCTest

final class JSONValueTests: XCTestCase {
  private func parse(_ text: String, json5: Bool = false) throws -> JSONValue {
    try JSONValue(parsing: Data(text.utf8), json5: json5, file: "test.json")
  }

  func testEachKindIsReadAsItself() throws {
    let value = try parse(#"{"a": [1, -2.5, 1e3, true, null, "x\n"], "b": {}}"#)
    XCTAssertEqual(
      value,
      .object([
        "a": .array([.int(1), .double(-2.5), .double(1000), .bool(true), .null, .string("x\n")]), "b": .object([:]),
      ]))
    XCTAssertEqual(value["a"]?.array?.first?.int, 1)
    XCTAssertEqual(value["a"]?.array?.first?.double, 1)
    XCTAssertNil(value["a"]?.array?[1].int)
    XCTAssertNil(value["missing"])
    XCTAssertNil(value["a"]?.object)
    XCTAssertNil(try parse("1")["a"])
  }

  /// true is not 1, and 1 is not true.
  func testBooleansAreNotNumbers() throws {
    let value = try parse("[true, 1, 0, false]")
    XCTAssertEqual(value, .array([.bool(true), .int(1), .int(0), .bool(false)]))
    XCTAssertNil(value.array?[0].int)
    XCTAssertNil(value.array?[1].bool)
  }

  func testLargeNumbersStayNumbers() throws {
    XCTAssertEqual(try parse("9223372036854775807").int, .max)
    XCTAssertEqual(try parse("9223372036854775808").double, 9_223_372_036_854_775_808)
    XCTAssertNil(try parse("9223372036854775808").int)
    XCTAssertNil(JSONValue.double(1e300).int)
  }

  func testJSON5IsReadOnlyWhereAsked() throws {
    let text = """
      // comment
      { key: 'single', /* block */ hex: 0x10, list: [1, 2.0, -.5, +3., 1e2,], $x_1: Infinity, }
      """
    XCTAssertEqual(
      try parse(text, json5: true),
      .object([
        "key": .string("single"), "hex": .int(16), "$x_1": .double(.infinity),
        "list": .array([.int(1), .int(2), .double(-0.5), .int(3), .int(100)]),
      ]))
    XCTAssertThrowsError(try parse(text), "plain JSON takes none of it")
  }

  func testErrorsNameFileAndPlace() {
    for text in ["", "{", #"{"a" 1}"#, "[1, 2", "nul", "{\"a\": \"\u{1}\"}"] {
      XCTAssertThrowsError(try parse(text), text) {
        let line = "\($0)"
        XCTAssert(line.hasPrefix("test.json: is not valid JSON"), line)
        XCTAssertFalse(line.contains("\n"), line)
      }
    }
    XCTAssertThrowsError(try parse("{a: }", json5: true)) { XCTAssert("\($0)".contains("is not valid JSON5")) }
  }

  func testMergingIsByTree() throws {
    let base = try parse(#"{"a": {"x": 1, "y": {"z": 2}}, "list": [1, 2], "keep": true}"#)
    let other = try parse(#"{"a": {"y": {"w": 3}, "x": null}, "list": [9], "new": {"b": 1}}"#)
    XCTAssertEqual(
      base.merging(other),
      try parse(#"{"a": {"x": null, "y": {"z": 2, "w": 3}}, "list": [9], "keep": true, "new": {"b": 1}}"#))
    XCTAssertEqual(base.merging(.int(1)), .int(1))
    XCTAssertEqual(JSONValue.int(1).merging(base), base)
    XCTAssertEqual(base.merging(.object([:])), base)
  }

  /// Canonical text decides hashes: order and spacing of the source do not matter.
  func testCanonicalTextForgetsOrderAndSpacing() throws {
    let text = try parse(#"{ "b" : 1, "a/b" : [ 0.1, "é\"" ] }"#).text()
    XCTAssertEqual(text, #"{"a/b":[0.1,"é\""],"b":1}"#)
    XCTAssertEqual(try parse(text).text(), text)
    let pretty = try parse(text).text(pretty: true)
    XCTAssert(pretty.contains("\n"))
    XCTAssertEqual(try parse(pretty).text(), text)
  }

  func testNumbersSurviveARoundTrip() throws {
    for value in [0.1, 1.0 / 3, .leastNonzeroMagnitude, 1.7976931348623157e308, -0.0001, 123456789.125] {
      XCTAssertEqual(try parse(JSONValue.array([.double(value)]).text()).array?[0].double, value)
    }
  }

  /// Equal numbers give equal text, whichever way they came; who needs the point of a whole float asks for it.
  func testWholeFloats() throws {
    let value = try parse("[1.0, 1, 10000.0, 1e-05, -0.0, 1e22]")
    XCTAssertEqual(value.array?.first, .double(1))
    XCTAssertEqual(value.text(), "[1,1,10000,1e-05,-0,1e+22]")
    XCTAssertEqual(value.text(keepingFloats: true), "[1.0,1,10000.0,1e-05,-0.0,1e+22]")
    XCTAssertEqual(try parse(value.text(keepingFloats: true)), value)
  }

  /// Foundation's encoder, which wrote every committed file, gives the same bytes.
  func testTextIsWhatFoundationWrites() throws {
    let stream = RandomStream(seed: 5, "json")
    var index: UInt64 = 0
    func draw(_ bound: Int) -> Int {
      index += 1
      return stream.below(bound, at: index)
    }
    let alphabet = Array("aZ10_-é😀\u{1}\u{8}\u{c}\u{1f}\n\r\t\"\\/\u{7f}\u{2028} ")
    func text() -> String { String((0..<draw(6)).map { _ in alphabet[draw(alphabet.count)] }) }
    func value(_ depth: Int) -> JSONValue {
      switch draw(depth > 3 ? 6 : 8) {
      case 0: return .null
      case 1: return .bool(draw(2) == 0)
      case 2: return .int(draw(1000) - 500)
      case 3: return .double(Double(bitPattern: stream.bits(at: index) & ~(1 << 62)))
      case 4: return .double(Double(draw(100_000)) / 8)
      case 5: return .string(text())
      case 6: return .array((0..<draw(4)).map { _ in value(depth + 1) })
      default:
        return .object(Dictionary((0..<draw(5)).map { _ in (text(), value(depth + 1)) }) { first, _ in first })
      }
    }
    for pretty in [false, true] {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
      for _ in 0..<500 {
        let value = JSONValue.array([value(0)])
        XCTAssertEqual(value.text(pretty: pretty), String(decoding: try encoder.encode(value), as: UTF8.self))
        XCTAssertEqual(try parse(value.text(pretty: pretty)).text(), value.text())
      }
    }
  }

  func testErrorsOfAFileBeginWithItsPath() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appendingPathComponent("c.json")
    try writeFile("{\"a\": 1", to: url)
    XCTAssertThrowsError(try JSONValue(contentsOf: url)) { XCTAssert("\($0)".hasPrefix(url.path), "\($0)") }
    try writeFile("{\"a\": 1}", to: url)
    XCTAssertEqual(try JSONValue(contentsOf: url)["a"]?.int, 1)
  }
}
