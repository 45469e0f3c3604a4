import Groundwork
import XCTest

/// Text that people type and read: counts, durations, errors.
final class TextTests: XCTestCase {
  func testCountsAreReadAsTyped() {
    for (text, count) in [
      ("4M", 4_000_000), ("500k", 500_000), ("1500k", 1_500_000), ("1.5M", 1_500_000), ("2048", 2048), ("0", 0),
      ("2B", 2_000_000_000), ("1G", 1_000_000_000), ("0.1k", 100), ("3m", 3_000_000), ("7K", 7000),
    ] { XCTAssertEqual(parseCount(text), count, text) }
    for text in ["", "M", "-1", "-4M", "4MM", "x", "1.5", "4 M", "nanM", "infM", "1e30M", "99999999999999999999", "4T"]
    {
      XCTAssertNil(parseCount(text), text)
    }
  }

  func testBytesAreReadAsTyped() {
    for (text, bytes) in [
      ("2GiB", 2_147_483_648), ("1.5GiB", 1_610_612_736), ("500MiB", 524_288_000), ("64 KiB", 65_536),
      ("1TiB", 1_099_511_627_776), ("2GB", 2_000_000_000), ("3kB", 3000), ("64k", 64_000), ("4096", 4096),
    ] { XCTAssertEqual(parseBytes(text), bytes, text) }
    for text in ["", "GiB", "-1MiB", "lots", "nanGiB", "1e30GiB", "2gib"] { XCTAssertNil(parseBytes(text), text) }
    for (bytes, text) in [
      (512, "0.5 KiB"), (5_242_880, "5.0 MiB"), (3_221_225_472, "3.00 GiB"), (1_099_511_627_776, "1.00 TiB"),
    ] { XCTAssertEqual(formatBytes(bytes), text) }
  }

  func testDurationsReadWell() {
    for (seconds, text) in [
      (0, "0.0s"), (4.2, "4.2s"), (9.94, "9.9s"), (10, "10s"), (59.4, "59s"), (59.6, "1m00s"), (75, "1m15s"),
      (3599.4, "59m59s"), (3599.6, "1h00m"), (3661, "1h01m"), (360_000, "100h00m"), (.infinity, "?"), (.nan, "?"),
      (1e300, "?"),
    ] { XCTAssertEqual(formatDuration(seconds), text, "\(seconds)") }
  }

  func testCountsReadWell() {
    for (value, text) in [
      (0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1234, "-1,234"),
      (Int.min, "-9,223,372,036,854,775,808"),
    ] { XCTAssertEqual(formatCount(value), text) }
  }

  func testWhatRoundsToNothingHasNoSign() {
    for (value, text) in [
      (-0.0004, "0.000"), (-0.0, "0.000"), (0.0004, "0.000"), (-0.0006, "-0.001"), (12.3456, "12.346"),
      (-.infinity, "-inf"),
    ] { XCTAssertEqual(formatDecimal(value, 3), text) }
  }

  func testAnErrorIsOneLineOfFourParts() {
    XCTAssertEqual("\(UpcycleError("broke"))", "broke")
    XCTAssertEqual("\(UpcycleError("broke", at: "a.json"))", "a.json: broke")
    XCTAssertEqual(
      "\(UpcycleError("broke", at: "a.json", expected: "[2]", found: "[3]", hint: "convert again"))",
      "a.json: broke; expected [2], found [3] (convert again)")
    XCTAssertEqual("\(UpcycleError("broke", found: "[3]"))", "broke; found [3]")
    XCTAssertEqual("\(UpcycleError("two\nlines", at: "a\nb"))", "a b: two lines", "always one line")
    // What ends a line or steers a terminal, in the middle of what a file says.
    XCTAssertEqual(
      "\(UpcycleError("a\r\nb\u{1B}[31m", found: "c\u{2028}d\u{85}e\u{7F}é\tf"))", "a  b [31m; found c d e é f")
    XCTAssertEqual("\(UpcycleError("broke", found: String(repeating: "[", count: 30_000)))".count, 1014, "at a glance")
  }

  func testUsageErrorsExitWithTwoOthersWithOne() {
    XCTAssertEqual(UpcycleError("broke").exitCode, 1)
    XCTAssertEqual(UpcycleError.usage("no such option").exitCode, 2)
  }

  func testTheClockNeverGoesBack() {
    let before = monotonicSeconds()
    let after = monotonicSeconds()
    XCTAssertGreaterThanOrEqual(after, before)
    XCTAssertLessThan(after - before, 60)
  }
}
