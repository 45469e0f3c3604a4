import Foundation
import Groundwork
import TestKit
import XCTest

@testable import LabKit

/// What a sweep does with stages, inputs and numbers that are wrong.
final class SweepRefusalTests: XCTestCase {
  /// Whose first stage does this.
  private func plan(in lab: TestLaboratory, making: @escaping @Sendable () throws -> StageResult) throws -> Plan {
    var registry = StageRegistry()
    registry.register(Stage(name: "make", version: 1, parameters: ["size"]) { _ in try making() })
    for name in ["train", "score"] {
      registry.register(
        Stage(name: name, version: 1, parents: ["model"], parameters: ["tokens", "rank"]) { _ in StageResult() })
    }
    return try Plan(lab.laboratory.spec("demo/t"), profile: "micro", threads: 1, registry: registry)
  }

  func testAFailingStageLeavesNoDoneMarker() throws {
    let lab = try TestLaboratory()
    let plan = try plan(in: lab) { throw UpcycleError("no such model") }
    assertError("no such model") { try lab.sweep(plan).run() }
    XCTAssertFalse(try lab.sweep(plan).isDone(plan.order[0]))
  }

  /// As a makefile runs it, by its key.
  func testAStageWithoutItsInputSaysWhatItNeeds() throws {
    let lab = try TestLaboratory()
    let plan = try plan(in: lab) { throw InputAbsent("data/text.txt") }
    assertError("demo/t base, make: an input is absent", "expected data/text.txt") {
      try lab.sweep(plan).run(stage: plan.order[0])
    }
  }

  func testParametersThatAreNoNumbersAreNamed() throws {
    let lab = try TestLaboratory()
    for (old, new, words) in [
      ("= budget * unit", "= budget / 0", "\"= budget / 0\" is not a finite number"),
      ("budget: 1,", "budget: Infinity,", "the variable \"budget\" is not a finite number"),
      ("size: \"$size\"", "size: NaN", "a parameter is not a finite number"),
    ] {
      try lab.write("t.json5", TestLaboratory.spec.replacingOccurrences(of: old, with: new))
      assertError("t.json5", "cell \"", words) { _ = try lab.plan() }
    }
  }

  /// Cells that would be recorded under different names and say the same.
  func testACellMayNotDifferByWhatTheProfileSets() throws {
    let lab = try TestLaboratory()
    func write(varying variable: String) throws {
      let cells = [10, 20].map { "{ id: \"of \($0)\", set: { \(variable): \($0) }, pipeline: \"train\" }" }
      try lab.write(
        "t.json5",
        TestLaboratory.spec.replacingOccurrences(
          of: "\"another method\" },", with: "\"another method\" }], cells: [\(cells.joined(separator: ", ")),"))
    }
    try write(varying: "unit")
    assertError("\"of 10\" and \"of 20\" differ by \"unit\", which the profile micro sets for all cells", "t.json5") {
      _ = try lab.plan()
    }
    XCTAssertEqual(try lab.plan(profile: "smoke").jobs.count, 1, "whose numbers mean nothing")
    try write(varying: "size")
    XCTAssertEqual(try lab.plan(seeds: [1]).jobs.count, 4)
  }

  /// An axis that reaches no stage would give one number under several names.
  func testAnAxisThatNoStageTakesIsRefused() throws {
    let lab = try TestLaboratory()
    func plan(_ axis: String, values: String = "[1, 2]") throws -> Plan {
      let matrix =
        "matrix: { id: \"x {\(axis)}\", pipeline: \"train\", axes: [{ variable: \"\(axis)\", values: \(values) }] },"
      let text = TestLaboratory.spec
      let (start, end) = (text.range(of: "  matrix: {")!, text.range(of: "  report: {")!)
      let spec = text.replacingCharacters(in: start.lowerBound..<end.lowerBound, with: matrix + "\n")
        .replacingOccurrences(of: "budget: 1, rank: null", with: "budget: 1, rank: null, warmth: 0")
        .replacingOccurrences(of: "published: \"method\", ", with: "").replacingOccurrences(
          of: "published: \"kv\", ", with: ""
        )
        .replacingOccurrences(of: "published: \"avg\", ", with: "").replacingOccurrences(
          of: "kept: true", with: "digits: 1"
        )
        .replacingOccurrences(of: "a: \"small\", b: \"base\"", with: "a: \"x 1\", b: \"x 2\"")
      try lab.write("t.json5", spec)
      return try lab.plan()
    }
    assertError("\"x 1\" and \"x 2\" differ by \"warmth\", which no stage of theirs takes", "t.json5") {
      _ = try plan("warmth")
    }
    XCTAssertEqual(try plan("rank").jobs.count, 4)
    assertError("values", "one value or more") { _ = try plan("rank", values: "[]") }
  }

  /// What a stage cannot do without is missed before anything runs.
  func testAMissingRoleIsRefusedBeforeAnythingRuns() throws {
    let lab = try TestLaboratory()
    try lab.write(
      "t.json5",
      TestLaboratory.spec.replacingOccurrences(
        of: "{ stage: \"score\", from: { model: \"train\" } }", with: "{ stage: \"score\" }"))
    assertError("the stage \"score\" (score) needs a \"model\" to build on", "t.json5") { _ = try lab.plan() }
  }

  /// What others write is looked at from outside, whatever it is.
  func testATrainingWhoseTableIsDamagedIsNotShown() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try writeFile(
      #"{"plan": {"batch": 4611686018427387904, "time": 5, "tokens": 100}}"#,
      to: folder.appendingPathComponent("run/plan.json"))
    for (step, isShown) in [("1", true), ("nan", false), ("1e300", false), ("1.5", false)] {
      try writeFile("step,loss,seconds\n\(step),4,1.0\n", to: folder.appendingPathComponent("run/metrics.csv"))
      XCTAssertEqual(SweepView.Training(in: folder) != nil, isShown, step)
    }
  }

  func testNumbersThatCannotBeRecordedAreNamed() throws {
    let lab = try TestLaboratory()
    let plan = try plan(in: lab) { StageResult(metrics: ["loss": Metric(.nan)]) }
    assertError("not a finite number", "found loss") { try lab.sweep(plan).run() }
  }

  func testStagesThatAreUnknownOrMisusedAreNamedBeforeAnythingRuns() throws {
    let lab = try TestLaboratory()
    let spec = try lab.laboratory.spec("demo/t")
    assertError("no stage is called \"make\"", "no stages are registered") {
      _ = try Plan(spec, profile: "micro", threads: 1, registry: StageRegistry())
    }
    var registry = StageRegistry()
    registry.register(Stage(name: "make", version: 1, parameters: ["width"]) { _ in StageResult() })
    assertError("unknown parameter \"size\"", "known: width") {
      _ = try Plan(spec, profile: "micro", threads: 1, registry: registry)
    }
    assertError("no profile \"huge\"", "micro, smoke") {
      _ = try Plan(spec, profile: "huge", threads: 1, registry: registry)
    }
  }
}
