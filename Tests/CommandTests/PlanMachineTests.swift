import Foundation
import Groundwork
import TestKit
import XCTest

@testable import LabKit

/// `lab plan --machine`: what an experiment would take elsewhere.
final class PlanMachineTests: XCTestCase {
  private let table = ["plan", "xecomla/table3", "--profile", "paper"]

  private func json(_ arguments: [String]) throws -> JSONValue {
    let text = try assertSucceeds("lab", arguments + ["--json"]).output
    return try XCTUnwrap(JSONValue(parsing: Data(text.utf8), file: "lab plan --json").array?.first)
  }

  func testPublishedSizesAreCountedForAMachine() throws {
    let plan = try json(table + ["--machine", "8x989T,80GB@40%"])
    let stages = try XCTUnwrap(plan["stages"]?.array)
    let distill = try XCTUnwrap(stages.first { $0["stage"]?.string == "distill" })
    // Student, its backward pass and teacher, each two operations a weight or more; 3.4 B tokens on Llama-3.1-8B.
    let flops = try XCTUnwrap(distill["flops"]?.double)
    XCTAssertGreaterThan(flops, 4 * 2 * 7.5e9 * 3.39e9)
    XCTAssertLessThan(flops, 4 * 2 * 8.03e9 * 3.4e9)
    XCTAssertEqual(try XCTUnwrap(distill["hours"]?.double), flops / (8 * 989e12 * 0.4 * 3600), accuracy: 1e-6)
    XCTAssertEqual(distill["fits"]?.bool, true)
    let known = stages.compactMap { $0["flops"]?.double }
    XCTAssertEqual(try XCTUnwrap(plan["flops"]?.double), known.reduce(0, +), accuracy: 1e6)
    XCTAssertEqual(plan["uncounted"]?.int, stages.count - known.count)
    XCTAssertGreaterThan(stages.count, known.count, "nobody knows the tasks' length")
    // 16 bytes a parameter, at parity as many as the base has, and 2 of the teacher's: too much for one of these.
    let alone = try json(table + ["--machine", "1x989T,80GB@40%"])
    let same = try XCTUnwrap(alone["stages"]?.array?.first { $0["key"] == distill["key"] })
    XCTAssertEqual(same["fits"]?.bool, false)
    XCTAssertEqual(same["state_bytes"]?.int, 18 * 8_030_261_248)
  }

  func testTheTextHasColumnsAndATotal() throws {
    let text = try assertSucceeds("lab", table).output
    XCTAssertTrue(text.contains("\(Devices.papers.description): 8 devices of 1307.4 TFLOP/s and 192 GB, 22 %"), text)
    for words in ["weights read", "in memory", " EFLOP", " GiB", " h  seed 42", "in all ", "stages of unknown work"] {
      XCTAssertTrue(text.contains(words), "\(words) in\n\(text)")
    }
    XCTAssertFalse(text.contains("of unknown length"), text)
    // The ladder's own models, where they are asked for.
    let ours = try assertSucceeds("lab", ["plan", "xecomla/table3", "--machine", "2x0.05T@80%"]).output
    XCTAssertTrue(ours.contains("2 devices of 0.05 TFLOP/s, 80 % of the peak reached"), ours)
    XCTAssertFalse(ours.contains("EFLOP"), ours)
    XCTAssertFalse(try assertSucceeds("lab", ["plan", "xecomla/table3"]).output.contains("FLOP"), "nobody asked")
  }

  func testABadDescriptionIsRefused() throws {
    for machine in ["8x989T", "989T@40%", "8x989T,80@40%"] {
      try assertRefused(
        "lab", table + ["--machine", machine], status: 2, saying: ["--machine: is no machine", machine])
    }
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("sweep.mk").path
    try assertRefused(
      "lab", table + ["--machine", "8x989T@40%", "--makefile", file], status: 2,
      saying: ["--machine", "says nothing with --makefile"])
    XCTAssertFalse(FileManager.default.fileExists(atPath: file))
  }
}
