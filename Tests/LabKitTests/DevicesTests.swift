import Foundation
import Groundwork
import XCTest

@testable import LabKit

/// Machines that a plan is counted for, and the columns that it then has.
final class DevicesTests: XCTestCase {
  func testADescriptionIsRead() throws {
    let devices = try Devices("8x989T,80GB@40%")
    XCTAssertEqual(devices.count, 8)
    XCTAssertEqual(devices.peak, 989e12)
    XCTAssertEqual(devices.memory, 80_000_000_000)
    XCTAssertEqual(devices.rate, 3.1648e15, accuracy: 1e6)
    XCTAssertEqual(devices.hours(3.1648e15 * 7200), 2, accuracy: 1e-9)
    XCTAssertTrue(devices.hold(640_000_000_000))
    XCTAssertFalse(devices.hold(640_000_000_001))
    let cluster = try Devices("1024x1.3P@37.5%")
    XCTAssertEqual(cluster.rate, 1024 * 1.3e15 * 0.375, accuracy: 1e9)
    XCTAssertNil(cluster.memory)
    XCTAssertTrue(cluster.hold(.max), "of a memory that nobody described")
    XCTAssertEqual(try Devices(Devices.papers.description), .papers)
  }

  func testAnythingElseIsRefused() {
    for text in [
      "", "8", "8x989T", "989T@40%", "8x989@40%", "8x989G@40%", "x989T@40%", "8x989T@40", "8x989T@0%", "8x989T@101%",
      "0x989T@40%", "-8x989T@40%", "8x0T@40%", "8x1.2.3T@40%", "8x989T,@40%", "8x989T,80@40%", "8x989T,80XB@40%",
      "8x989T,0GB@40%", "8 x 989T @ 40%", "8x989T@40%,80GB", "99999999999999999999x1T@40%",
      "8x\(String(repeating: "9", count: 400))T@40%",
    ] {
      XCTAssertThrowsError(try Devices(text), text) { error in
        XCTAssertEqual((error as? UpcycleError)?.kind, .usage, text)
        XCTAssertTrue("\(error)".contains("`machine`: is no machine") && "\(error)".contains("8x989T@40%"), "\(error)")
      }
    }
  }

  func testNumbersHaveTheirUnits() {
    XCTAssertEqual(
      [0, 2.5e10, 7.94e13, 1e15, 7.94e19, 3e21].map(formatOperations),
      ["0", "25.0 GFLOP", "79.4 TFLOP", "1.0 PFLOP", "79.4 EFLOP", "3.0 ZFLOP"])
    XCTAssertEqual(
      [0, 0.001, 0.2, 1, 9.64, 47.9, 78.1].map(formatHours),
      ["0", "3.6s", "12m00s", "1.0 h", "9.6 h", "47.9 h", "3.3 days"])
  }

  /// Two devices of 1 TFLOP/s, half of it reached: 3.6e15 operations are an hour. A training that wants 3 GiB finds no room in 2.
  func testAPlanIsCountedForThem() throws {
    let lab = try TestLaboratory()
    let plan = try lab.plan(seeds: [1])
    let (gib, devices) = (1 << 30, try Devices("2x1T,1GiB@50%"))
    let costs = plan.nodes.compactMapValues { node -> StageCost? in
      switch node.stage.name {
      case "make": StageCost(operations: 0, read: 0, written: gib, state: 0)
      case "train": StageCost(operations: 3.6e15, read: gib, written: gib, state: 3 * gib)
      default: nil
      }
    }
    func outline() throws -> Outline { try Outline([plan], in: lab.laboratory, costs: costs, on: devices) }
    let text = try outline().text
    for words in [
      "2 devices of 1 TFLOP/s and 1.07374 GB, 50 % of the peak reached: 1.0 TFLOP/s", "3.6 PFLOP", "! 3.00 GiB",
      "in all 3.6 PFLOP, 1.0 h; 2 stages of unknown work", "! does not fit", "to do: 4\n",
    ] { XCTAssertTrue(text.contains(words), "\(words) in\n\(text)") }
    let lines = text.split(separator: "\n").map(String.init)
    let head = try XCTUnwrap(lines.first { $0.hasSuffix("time") })
    for line in lines where line.contains("to do   ") {
      let seed = try XCTUnwrap(line.range(of: line.contains("any seed") ? "any seed" : "seed 1"))
      XCTAssertEqual(line.distance(from: line.startIndex, to: seed.lowerBound), head.count + 2, "aligned: \(line)")
    }

    let json = try XCTUnwrap(outline().json.array?.first)
    XCTAssertEqual(json["machine"]?.string, "2x1T,1GiB@50%")
    XCTAssertEqual(json["flops"]?.double, 3.6e15)
    XCTAssertEqual(try XCTUnwrap(json["hours"]?.double), 1, accuracy: 1e-12)
    XCTAssertEqual(json["uncounted"]?.int, 2)
    let stages = try XCTUnwrap(json["stages"]?.array)
    let train = try XCTUnwrap(stages.first { $0["stage"]?.string == "train" })
    XCTAssertEqual(train["state_bytes"]?.int, 3 * gib)
    XCTAssertEqual(train["fits"]?.bool, false)
    let score = try XCTUnwrap(stages.first { $0["stage"]?.string == "score" })
    XCTAssertEqual([score["flops"], score["hours"], score["read_bytes"]], [.null, .null, .null])
    XCTAssertNil(try Outline([plan], in: lab.laboratory).json.array?.first?["flops"], "without a machine")

    try lab.sweep(plan).run()
    XCTAssertTrue(try outline().text.contains("in all 0, 0\n"), "what is finished costs nothing any more")
  }
}
