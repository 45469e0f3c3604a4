import Foundation
import Groundwork
import TestKit
import XCTest

final class JSONCodingTests: XCTestCase {
  private struct Item: Codable, Equatable {
    var tokensPerSecond: Double
    var place: String?
    var inner: [Inner]?
    struct Inner: Codable, Equatable { var flag: Bool }
  }

  func testWritingSortsKeysAndKeepsSlashes() throws {
    let item = Item(tokensPerSecond: 2.5, place: "a/b")
    XCTAssertEqual(try jsonText(item), #"{"place":"a/b","tokensPerSecond":2.5}"#)
    XCTAssertEqual(try jsonText(item, snakeCase: true), #"{"place":"a/b","tokens_per_second":2.5}"#)
    XCTAssertEqual(try jsonText(item, pretty: true), "{\n  \"place\" : \"a/b\",\n  \"tokensPerSecond\" : 2.5\n}")
    XCTAssertEqual(try jsonValue(item, snakeCase: true)["tokens_per_second"]?.double, 2.5)
    XCTAssertThrowsError(try jsonText(Item(tokensPerSecond: .nan))) {
      XCTAssert("\($0)".contains("tokensPerSecond: cannot be written as JSON"), "\($0)")
    }
  }

  func testDecodingNamesTheKey() {
    func assertRefused(_ text: String, _ part: String) {
      XCTAssertThrowsError(try decodeJSON(Item.self, from: Data(text.utf8), file: "i.json", what: "an item")) {
        XCTAssert("\($0)".contains(part), "\($0)")
      }
    }
    assertRefused("{}", "i.json: is not an item; found no key \"tokensPerSecond\"")
    assertRefused(#"{"tokensPerSecond": "x"}"#, "a wrong value for \"tokensPerSecond\"")
    assertRefused(#"{"tokensPerSecond": 1, "inner": [{"flag": true}, {}]}"#, "no key \"inner.[1].flag\"")
    assertRefused("[1]", "no JSON object")
    assertRefused(
      "{\n\"tokensPerSecond\"; 1}", "i.json: is not valid JSON: expected ':', found ';' at line 2, column 18")
  }

  func testJSONLines() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appendingPathComponent("items.jsonl")
    let items = [Item(tokensPerSecond: 1), Item(tokensPerSecond: 2, place: "é\n")]
    try writeFile(JSONLines.text(items), to: url)
    XCTAssertEqual(try JSONLines.read(Item.self, from: url, what: "an item").map(\.value), items)
    try writeFile("\n{\"tokensPerSecond\": 1}\n \r\n{\"tokensPerSecond\": 1, \"place\": 2}\n", to: url)
    XCTAssertThrowsError(try JSONLines.read(Item.self, from: url, what: "an item", expected: "{…}", kind: .usage)) {
      XCTAssertEqual(
        "\($0)", "\(url.path):4: is not an item; expected {…}, found a wrong value for \"place\"")
      XCTAssertEqual(($0 as? UpcycleError)?.exitCode, 2)
    }
    try writeFile("{\"tokensPerSecond\": 1}\n{\"tokensPerSecond\" 1}\n", to: url)
    XCTAssertThrowsError(try JSONLines.read(Item.self, from: url, what: "an item")) {
      XCTAssert("\($0)".contains("at line 2, column 20"), "\($0)")
    }
  }
}
