import TestKit
import XCTest

/// Every program says what it is made of.
final class VersionTests: XCTestCase {
  func testVersionNamesCommitLibrariesKernelsAndThreads() throws {
    for program in ["xecomla", "zebra", "hylo", "farskip", "hybrid", "shards", "lab"] {
      let result = try launch(program, ["--version"])
      XCTAssertEqual(result.status, 0, program)
      let lines = result.output.split(separator: "\n")
      XCTAssert(lines.first?.hasPrefix("\(program) ") == true, result.output)
      XCTAssertEqual(
        lines.dropFirst().map { $0.prefix { $0 != ":" } }, ["commit", "BLAS", "kernels", "threads"], result.output)
      XCTAssert(result.output.contains("OpenBLAS"), result.output)
    }
    XCTAssert(try launch("xecomla", ["convert", "--version"]).output.hasPrefix("xecomla "), "behind a subcommand too")
    XCTAssert(try launch("shards", ["--help"]).output.contains("--version"))
  }
}
