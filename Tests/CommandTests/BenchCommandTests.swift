import Foundation
import Groundwork
import TestKit
import XCTest

/// What stands beside our speed is measured fairly.
final class BenchCommandTests: XCTestCase {
  /// PyTorch's and llama.cpp's threads would spin in each other's way: each kind of peer has a process of its own, and runs
  /// a short request once more before the one that counts.
  func testEveryPeerHasAProcessOfItsOwn() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let (python, seen) = (folder.appendingPathComponent("python"), folder.appendingPathComponent("seen"))
    let ready = #"{"ready": true, "versions": {"torch": "0"}}"#
    let answer = #"{"seconds": [0.5], "amount": 224, "unit": "tokens/s", "versions": {}}"#
    try writeFile(
      """
      #!/bin/bash
      echo '\(ready)'
      while read -r line; do echo "$$ $line" >>'\(seen.path)'; echo '\(answer)'; done

      """, to: python)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: python.path)
    let result = try assertSucceeds(
      "bench", ["--only", "decode_llama_d256", "--repeats", "2", "--python", python.path, "--json"])
    struct Report: Decodable {
      struct Entry: Decodable { var peers: [String: Double] }
      var entries: [Entry]
    }
    let report = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
    XCTAssertEqual(report.entries[0].peers, ["llama.cpp": 448, "transformers": 448])

    var kinds: [Substring: Set<Substring>] = [:]
    let requests = try String(contentsOf: seen, encoding: .utf8).split(separator: "\n")
    for request in requests {
      let words = request.split(separator: " ")
      kinds[words[0], default: []].insert(words[1])
    }
    XCTAssertEqual(kinds.values.map(\.count), [1, 1], "\(requests)")
    XCTAssertEqual(requests.count, 6)
    // Both sides of a short run are warmed up, of a long one (a busy machine) neither.
    let warm = requests.count { $0.hasSuffix("--warmup 1") }
    XCTAssert(warm == 4 || warm == 0, "\(requests)")
  }
}
