import Foundation
import Groundwork
import TestKit
import XCTest

/// `farskip` on several ranks: threads, and processes of Open MPI.
final class FarskipRanksTests: XCTestCase {
  private let short = ["overlap", "--durations", "A=1,B=2,G=1,D=1,E=1,C=1,S=1", "--layers", "2", "--repeats", "2", "--json"]

  private func overlap(_ result: CommandResult) throws -> JSONValue {
    XCTAssertEqual(result.status, 0, result.error)
    return try JSONValue(parsing: Data(result.output.utf8), file: "farskip overlap --json")
  }

  func testOverlapOnThreadsAndProcesses() throws {
    let threads = try overlap(try launch("farskip", short + ["--ranks", "3"]))
    XCTAssertEqual(threads["ranks"]?.int, 3)
    XCTAssertEqual(threads["transport"]?.string, "threads")
    let processes = try overlap(try launchRanks(2, "farskip", short + ["--mode", "prefill"]))
    XCTAssertEqual(processes["ranks"]?.int, 2)
    XCTAssertEqual(processes["transport"]?.string, "mpi")
    for outcome in [threads, processes] {
      XCTAssertGreaterThanOrEqual(outcome["isolated_dispatch_ms"]!.double!, 1)
      XCTAssertGreaterThan(outcome["methods"]!["farskip"]!["overlap"]!.double!, outcome["methods"]!["standard"]!["overlap"]!.double!)
    }
  }

  func testRefusals() throws {
    for (more, words) in [
      (["--link", "50us,0GB/s"], ["--link", "bandwidth"]), (["--ranks", "1"], ["one rank"]),
      (["--link", "2ms,1GB/s"], ["latency"]), (["--layers", "0"], ["--layers"]), (["--repeats", "many"], ["--repeats"]),
    ] {
      try assertRefused("farskip", short + more, status: 2, saying: words)
    }
    for more in [["--link", "50us,0GB/s"], ["--layers", "many"]] {
      let ranks = try launchRanks(2, "farskip", short + more)
      XCTAssertEqual(ranks.status, 2, ranks.error)
      XCTAssertEqual(ranks.errorLines.count, 1, ranks.error)
    }
  }
}
