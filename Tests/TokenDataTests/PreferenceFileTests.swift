import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Preference pairs as JSON Lines: what is read, and one clear line for everything that is refused.
final class PreferenceFileTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func write(_ text: String) throws -> URL {
    let url = folder.appendingPathComponent("pairs.jsonl")
    try writeFile(text, to: url)
    return url
  }

  private let good = #"{"prompt": "Q:", "chosen": " yes", "rejected": " no"}"#

  func testPairsAreReadWithTheirLines() throws {
    let text = "\(good)\n\n  \r\n" + #"{"id": 7, "rejected": "\nb", "chosen": " ä", "prompt": "p"}"#
    let found = try PreferencePair.read(write(text))
    XCTAssertEqual(found.map(\.line), [1, 4])
    XCTAssertEqual(found[0].pair, PreferencePair(prompt: "Q:", chosen: " yes", rejected: " no"))
    XCTAssertEqual(found[1].pair, PreferencePair(prompt: "p", chosen: " ä", rejected: "\nb"))
  }

  /// Equal characters of other bytes are two texts.
  func testRepliesThatDifferInNormalizationAlone() throws {
    let line = #"{"prompt": "Q:", "chosen": " caf\u00e9", "rejected": " cafe\u0301"}"#
    let pair = try XCTUnwrap(try PreferencePair.read(write(line)).first?.pair)
    XCTAssertEqual(Array(pair.chosen.utf8).count + 1, Array(pair.rejected.utf8).count)
  }

  func testBadLinesAreRefusedWithTheirPlace() throws {
    let lines = [
      (#"{"prompt": "Q:", "chosen": " yes"}"#, #"no key "rejected""#),
      (#"{"chosen": " yes", "rejected": " no"}"#, #"no key "prompt""#),
      (#"{"prompt": "Q:", "chosen": "", "rejected": " no"}"#, #"an empty "chosen""#),
      (#"{"prompt": "Q:", "chosen": " yes", "rejected": " \n"}"#, #"an empty "rejected""#),
      (#"{"prompt": "", "chosen": " yes", "rejected": " no"}"#, #"an empty "prompt""#),
      (#"{"prompt": "Q:", "chosen": ["yes"], "rejected": " no"}"#, "chat template"),
      (#"{"prompt": "Q:", "chosen": null, "rejected": " no"}"#, #"a wrong value for "chosen""#),
      (#"{"prompt": "Q:", "chosen": " yes", "rejected": " yes"}"#, "the same text"),
      (#"{"prompt": "Q:", "chosen": " yes", "rejec"#, "is not valid JSON"),
      ("just text", "is not valid JSON"), ("[1, 2]", "no JSON object"), ("7", "no JSON object"),
    ]
    for (line, reason) in lines {
      let url = try write("\(good)\n\(line)\n\(good)\n")
      XCTAssertThrowsError(try PreferencePair.read(url), line) { error in
        XCTAssertEqual((error as? UpcycleError)?.exitCode, 1, "\(error)")
        XCTAssert("\(error)".contains("\(url.path):2"), "\(error)")
        XCTAssert("\(error)".contains(reason), "\(error)")
      }
    }
    for empty in ["", "\n \n"] {
      let url = try write(empty)
      XCTAssertThrowsError(try PreferencePair.read(url)) { error in
        XCTAssertEqual((error as? UpcycleError)?.exitCode, 1, "\(error)")
        XCTAssert("\(error)".contains("holds no preference pairs"), "\(error)")
      }
    }
    XCTAssertThrowsError(try PreferencePair.read(folder.appendingPathComponent("absent.jsonl"))) {
      XCTAssert("\($0)".contains("absent.jsonl"), "\($0)")
    }
  }
}
