import Foundation
import TestKit
import XCTest

/// Options that would be left unread are refused by name, before anything is written.
final class IdleOptionTests: XCTestCase {
  private let model = "experiments/teachers/nano-1b-seed1"

  func testOptionsThatWouldBeLeftUnreadAreRefused() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let out = folder.appendingPathComponent("out").path
    let extend = ["extend", "--model", model, "--context", "1024", "--out", out]
    let pack = ["pack", "--input", "README.md", "--tokenizer", model, "--out", out]
    for (tool, arguments, words) in [
      (
        "hybrid", ["pretrain", "--from", model, "--instructions", "code", "--tokens", "1k", "--out", out],
        ["--instructions", "--instruction-rows"]
      ),
      ("hylo", extend + ["--tokens", "0", "--lr", "5"], ["--lr", "--tokens 0"]),
      ("hylo", extend + ["--tokens", "0", "--seed", "9"], ["--seed", "--tokens 0"]),
      (
        "hylo", extend + ["--tokens", "1k", "--kl-weight", "0", "--ce-weight", "1", "--teacher", "nosuch"],
        ["--teacher"]
      ),
      ("shards", pack + ["--format", "text", "--field", "text"], ["--field", "--format text"]),
      ("shards", pack + ["--format", "text", "--skip-bad-lines", "2"], ["--skip-bad-lines"]),
      ("shards", pack + ["--document-separator", ""], ["--document-separator", "blank-line"]),
      (
        "zebra",
        [
          "select", "--base", model, "--mla", model, "--linear", model, "--data", "x", "--count", "4", "--windows", "0",
        ],
        ["--windows", "1 or more"]
      ),
      (
        "xecomla",
        ["convert", "--model", model, "--kv-rank", "16", "--calibration", "a", "--data", "b", "--out", out],
        ["--calibration", "--svd covariance"]
      ),
    ] { try assertRefused(tool, arguments, status: 2, saying: words) }
    XCTAssertFalse(FileManager.default.fileExists(atPath: out))
  }

  /// Of a loss without KL a teacher is only named; one that is not there is a mistake all the same.
  func testATeacherThatNobodyFollowsMustBeThere() throws {
    let result = try launch(
      "xecomla",
      [
        "distill", "--student", model, "--teacher", "nosuch", "--kl-weight", "0", "--ce-weight", "1", "--data", "x",
        "--tokens",
        "1k", "--out", "y",
      ])
    XCTAssertNotEqual(result.status, 0)
    XCTAssertTrue(result.error.contains("nosuch"), result.error)
  }
}
