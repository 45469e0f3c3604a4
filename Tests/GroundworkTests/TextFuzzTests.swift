import Foundation
import Groundwork
import TestKit
import XCTest

/// Mutated JSON in all dialects and mutated tables: refused in one clear line, or read as something that can be written and
/// read again.
final class TextFuzzTests: XCTestCase {
  private func mutate(_ seed: [UInt8], _ random: inout RandomStream) -> Data {
    var bytes = seed
    for _ in 0...random.next(below: 4) {
      let place = random.next(below: bytes.count)
      switch random.next(below: 3) {
      case 0: bytes[place] = UInt8(random.next(below: 256))
      case 1: bytes.remove(at: place)
      default:
        let span = Array(bytes[place..<min(bytes.count, place + random.next(below: 8))])
        bytes.insert(contentsOf: span, at: random.next(below: bytes.count))
      }
    }
    return Data(bytes)
  }

  func testMutatedJSON() {
    let seed = #"{"a": [1, -2.5e3, "é\u00e9\ud83d\ude00"], 'b': {c: Infinity, // x"# + "\n}, d: [0x1f,]}"
    Fuzz.run("JSON in its dialects") { round, random in
      let dialects: [JSONReader.Dialect] = [[], .nonFinite, .json5]
      let text = random.chance(0.5) ? mutate(Array(seed.utf8), &random) : TextMutation.of(seed, &random)
      _ = try JSONValue(parsing: text, dialect: dialects[round % 3], file: "t").text()
    }
  }

  func testMutatedTables() {
    let seed = "\u{FEFF}# a table\nname,\"a, b\"\r\n\"say \"\"so\"\"\",1.5\n\"two\nlines\", -3 \n,\n"
    Fuzz.run("tables", place: "t.csv") { _, random in
      let text = random.chance(0.5) ? mutate(Array(seed.utf8), &random) : TextMutation.of(seed, &random)
      let table = try CSV(parsing: text, file: "t.csv")
      let again = try CSV(parsing: Data(table.text.utf8), file: "t.csv")
      XCTAssertEqual(again.header, table.header)
      XCTAssertEqual(again.rows, table.rows)
    }
  }
}
