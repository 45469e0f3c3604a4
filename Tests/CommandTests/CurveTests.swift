import Foundation
import Groundwork
import TestKit
import XCTest

/// `hybrid curve` on trainings that come with the repository.
final class CurveTests: XCTestCase {
  func testTrainingsStandSideBySide() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let (svg, csv) = (folder.appendingPathComponent("curves.svg"), folder.appendingPathComponent("curves.csv"))
    let runs = ["experiments/teachers/nano-1b-seed1", "experiments/teachers/nano-3b-seed1"]
    let result = try assertSucceeds("hybrid", ["curve"] + runs + ["--plot", svg.path, "--csv", csv.path])
    let lines = result.output.split(separator: "\n")
    XCTAssertEqual(lines.count, 3, result.output)
    XCTAssertTrue(lines[1].hasPrefix(runs[0]) && lines[1].contains("   3,997,696    3,997,696 "), result.output)
    XCTAssertTrue(result.error.contains("wrote \(svg.path)"), result.error)

    let table = try CSV(contentsOf: csv)
    XCTAssertEqual(table.header, ["run", "quantity", "tokens", "value"])
    XCTAssertEqual(Set(table.rows.map { $0[0] }), Set(runs))
    XCTAssertEqual(Set(table.rows.map { $0[1] }), ["loss"], "there was no teacher to follow and no held-out text")
    let first = table.rows.filter { $0[0] == runs[0] }.compactMap { Double($0[3]) }
    XCTAssertTrue((100...200).contains(first.count), "\(first.count) means")
    XCTAssertGreaterThan(first[0], 4)
    XCTAssertLessThan(try XCTUnwrap(first.last), 2)
    XCTAssertTrue(String(decoding: try readFile(svg), as: UTF8.self).contains("nano-3b-seed1"), "the legend")

    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("run"), withIntermediateDirectories: true)
    // Whole batches of the tokens asked for are all there is to train on.
    try writeFile(
      #"{"plan": {"batch": 8, "time": 256, "tokens": 8000}}"#, to: folder.appendingPathComponent("run/plan.json"))
    try writeFile(
      "step,loss,ce,kl,gradient_norm,rate,seconds\n" + (1...3).map { "\($0),3,3,0,1,1e-3,\($0)\n" }.joined(),
      to: folder.appendingPathComponent("run/metrics.csv"))
    let finished = try assertSucceeds("hybrid", ["curve", folder.path]).output
    XCTAssertTrue(finished.contains("        6,144        6,144 "), finished)
    // Students that learn layer by layer have no loss of next tokens.
    try writeFile(
      "step,loss,gradient_norm,rate,seconds\n" + (1...3).map { "\($0),7.5,0,1e-3,\($0)\n" }.joined(),
      to: folder.appendingPathComponent("run/metrics.csv"))
    XCTAssertTrue(try assertSucceeds("hybrid", ["curve", folder.path]).output.contains("7.5"))
    // Early stopping by the loss measures it on held-out text, by a task it does not.
    try writeFile("step,value\n0,4.5\n2,3.25\n", to: folder.appendingPathComponent("run/validation.csv"))
    for (metric, isLoss) in [("loss", true), (#"task("recall", items: 100)"#, false)] {
      let record: JSONValue = .object([
        "plan": .object(["batch": .int(8), "time": .int(256), "tokens": .int(8000)]),
        "identity": .object(["student": .string("0123, answers, \(metric) every 2, patience 5, delta 0.001")]),
      ])
      try writeFile(record.text(pretty: true), to: folder.appendingPathComponent("run/plan.json"))
      let shown = try assertSucceeds("hybrid", ["curve", folder.path]).output
      XCTAssertEqual(shown.contains("3.2500"), isLoss, shown)
    }
    try FileManager.default.removeItem(at: folder.appendingPathComponent("run"))

    try assertRefused("hybrid", ["curve", folder.path], status: 1, saying: ["holds no training", "distill"])
  }
}
