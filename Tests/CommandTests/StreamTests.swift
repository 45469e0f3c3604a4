import Foundation
import TestKit
import XCTest

/// Full, closed and broken standard streams: results that cannot be written are an error, progress is not.
final class StreamTests: XCTestCase {
  private nonisolated(unsafe) static var folder: URL!

  override class func setUp() {
    folder = try! temporaryFolder()
    _ = try! launch("hybrid", ["create", "--preset", "nano-1b", "--out", folder.path + "/model"])
  }
  override class func tearDown() { try? FileManager.default.removeItem(at: folder) }

  /// In a shell; TOOLS is the folder of the executables, MODEL a model.
  private func shell(_ line: String) throws -> CommandResult {
    let tools = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path
    return try launch("/bin/bash", ["-c", "TOOLS=\(tools); MODEL=\(Self.folder.path)/model; \(line)"])
  }

  func testFullOutputIsOneLine() throws {
    for command in [
      "$TOOLS/hybrid info --model $MODEL", "$TOOLS/hybrid info --model $MODEL --json", "$TOOLS/lab list",
      "$TOOLS/hybrid --help", "$TOOLS/xecomla convert --help",
    ] {
      let result = try shell("\(command) > /dev/full")
      XCTAssertEqual(result.status, 1, "\(command): \(result.error)")
      XCTAssertEqual(
        result.error, "error: standard output: cannot write: No space left on device\n", command)
    }
  }

  func testClosedOutputIsOneLine() throws {
    let result = try shell("$TOOLS/hybrid info --model $MODEL >&-")
    XCTAssertEqual(result.status, 1, result.error)
    XCTAssertEqual(result.error, "error: standard output: cannot write: Bad file descriptor\n")
  }

  func testClosedPipeEndsQuietly() throws {
    let result = try shell("$TOOLS/lab list | true; exit ${PIPESTATUS[0]}")
    XCTAssert([0, 141].contains(result.status), "\(result.status)")
    XCTAssertEqual(result.error, "")
  }

  /// A log whose disk is full, or a closed standard error, stops nothing, and no file gets its number.
  func testErrorsOfStandardErrorAreIgnored() throws {
    for stream in ["2>/dev/full", "2>&-", "2> >(true)"] {
      let result = try shell("$TOOLS/hybrid throughput --model $MODEL --contexts 16 --tokens 1 --json \(stream)")
      XCTAssertEqual(result.status, 0, "\(stream): \(result.error)")
      XCTAssert(result.output.hasPrefix("["), stream)
    }
    let refused = try shell("$TOOLS/hybrid info --model nosuch 2>/dev/full")
    XCTAssert([1, 2].contains(refused.status), "\(refused.status)")
    let out = Self.folder.appendingPathComponent("made")
    let made = try shell("$TOOLS/hybrid create --preset nano-1b --out \(out.path) 2>&-")
    XCTAssertEqual(made.status, 0)
    XCTAssertEqual(
      try Data(contentsOf: out.appendingPathComponent("model.safetensors")),
      try Data(contentsOf: Self.folder.appendingPathComponent("model/model.safetensors")))
  }

  /// A file that may not grow further is an error, not a signal.
  func testFileSizeLimit() throws {
    let result = try shell("ulimit -f 100; $TOOLS/hybrid create --preset nano-1b --out \(Self.folder.path)/large")
    XCTAssertEqual(result.status, 1, result.error)
    XCTAssertEqual(result.errorLines.count, 1)
    XCTAssert(result.error.contains("File too large"), result.error)
  }
}
