import Foundation
import Groundwork
import TestKit
import XCTest

/// `lab run --jobs`: other processes do the work, and nothing but the time shows it.
final class JobsTests: XCTestCase {
  func testTwoJobsMeasureWhatOneDoes() throws {
    let cells = ["--cell", "ce - kl -", "--cell", "literally ce 1 kl 0.01", "--cell", "literally ce 1 kl 0.1"]
    var metrics: [[String: JSONValue]] = []
    var counts: [Substring] = []
    for jobs in ["1", "2"] {
      let root = try laboratory()
      defer { try? FileManager.default.removeItem(at: root) }
      let result = try assertSucceeds(
        "lab",
        ["run", "xecomla/table12", "--profile", "smoke", "--root", root.path, "--threads", "1", "--jobs", jobs]
          + cells)
      counts.append(try XCTUnwrap(result.output.firstMatch(of: /(\d+) stages run/)?.output.1, result.output))
      metrics.append(try finished(root))
    }
    XCTAssertEqual(counts[0], counts[1], "stages run")
    XCTAssertEqual(metrics[0], metrics[1])
    XCTAssertGreaterThan(metrics[0].count, 3)
  }

  func testJobsOutOfRangeAreRefused() throws {
    try assertRefused("lab", ["run", "xecomla/kv", "--jobs", "0"], status: 2, saying: ["--jobs", "1 to 256"])
  }

  /// A root with X-EcoMLA's experiments, without records, and the models that they start from.
  private func laboratory() throws -> URL {
    let root = try temporaryFolder()
    let (here, there) = (
      repositoryRoot().appendingPathComponent("experiments"), root.appendingPathComponent("experiments")
    )
    try makeDirectory(there.appendingPathComponent("xecomla"))
    try FileManager.default.createSymbolicLink(
      at: there.appendingPathComponent("teachers"), withDestinationURL: here.appendingPathComponent("teachers"))
    for name in ["common.json5", "table12.json5", "published"] {
      try FileManager.default.copyItem(
        at: here.appendingPathComponent("xecomla/\(name)"), to: there.appendingPathComponent("xecomla/\(name)"))
    }
    return root
  }

  /// Metrics of all finished stages by key.
  private func finished(_ root: URL) throws -> [String: JSONValue] {
    let cache = root.appendingPathComponent("runs/cache")
    return try FileManager.default.contentsOfDirectory(atPath: cache.path).reduce(into: [:]) { all, key in
      let file = cache.appendingPathComponent("\(key)/done.json")
      guard FileManager.default.fileExists(atPath: file.path) else { return }
      all[key] = try JSONValue(contentsOf: file)["result"]?["metrics"]
    }
  }
}
