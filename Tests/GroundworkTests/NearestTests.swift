import XCTest

@testable import Groundwork

/// What a user may have meant, and how words are quoted for a shell.
final class NearestTests: XCTestCase {
  func testDistances() {
    for (a, b, distance) in [
      ("table3", "table3", 0), ("tabel3", "table3", 1), ("distil", "distill", 1), ("", "abc", 3),
      ("kitten", "sitting", 3),
    ] { XCTAssertEqual(editDistance(a, b), distance, "\(a) \(b)") }
  }

  func testOnlyWhatIsNearIsOffered() {
    let names = ["convert", "distill", "prefer", "compare-svd"]
    XCTAssertEqual(nearest(to: "distil", among: names), "distill")
    XCTAssertEqual(nearest(to: "conver", among: names), "convert")
    XCTAssertEqual(nearest(to: "comp", among: names), "compare-svd", "begun")
    XCTAssertNil(nearest(to: "zzz", among: names))
    XCTAssertNil(nearest(to: "dry", among: ["all", "seeds", "profile"]))
    XCTAssertNil(nearest(to: "x", among: []))
  }

  func testWordsAreQuotedForAShell() {
    XCTAssertEqual(shellQuoted("runs/mla-sft"), "runs/mla-sft")
    XCTAssertEqual(shellQuoted("my models/a"), "'my models/a'")
    XCTAssertEqual(shellQuoted("it's"), #"'it'\''s'"#)
    XCTAssertEqual(shellQuoted(""), "''")
  }
}
