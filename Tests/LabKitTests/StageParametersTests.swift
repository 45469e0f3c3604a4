import Foundation
import Groundwork
import XCTest

@testable import LabKit

/// How stages come to their parameters.
final class StageParametersTests: XCTestCase {
  private struct Shape: StageParameters {
    enum Start: String, CaseIterable { case svd, random }

    var kvRank: Int?
    var layers: [Int]
    @OneOf var start: Start

    enum CodingKeys: String, CodingKey, CaseIterable {
      case kvRank = "kv_rank"
      case layers
      case start = "init"
    }
  }

  private struct Size: StageParameters {
    var batch: Int
    var share: Double

    enum CodingKeys: String, CodingKey, CaseIterable { case batch, share }

    /// A stage that builds on a model takes its batch from there.
    static func names(buildingOn roles: Set<String>) -> [String] { roles.isEmpty ? allNames : ["share"] }
  }

  /// The resolved parameters of a stage `make` whose `with` is given, in a spec with these variables.
  private func config(_ with: String, defaults: String = "kv_rank: 8, layers: [1, 2], init: \"svd\", batch: 4") throws
    -> JSONValue
  {
    let lab = try TestLaboratory()
    try lab.write(
      "p.json5",
      """
      {
        title: "p", place: "Demo", defaults: { \(defaults), unused: 1 }, profiles: { micro: { seeds: [1] } },
        pipelines: { made: [{ stage: "make", with: { \(with) } }] },
        matrix: { id: "{id}", cells: [{ id: "one", pipeline: "made" }] },
        report: { columns: [{ header: "id", ours: "one" }] },
      }
      """)
    var registry = StageRegistry()
    registry.register(
      Stage(name: "make", version: 1, parents: ["model?"], parameters: (Shape.self, Size.self)) { _, _, _ in
        StageResult()
      })
    let plan = try Plan(lab.laboratory.spec("demo/p"), profile: "micro", threads: 1, registry: registry)
    return plan.nodes[plan.order[0]]!.config
  }

  func testAParameterTakesTheVariableOfItsName() throws {
    XCTAssertEqual(
      try config("share: 0.5").text(), #"{"batch":4,"init":"svd","kv_rank":8,"layers":[1,2],"share":0.5}"#)
    XCTAssertEqual(
      try config("share: 0.5"),
      try config("share: 0.5, kv_rank: \"$kv_rank\", layers: \"$layers\", init: \"$init\", batch: \"$batch\""))
  }

  func testWithSaysOtherwise() throws {
    let given = try config("share: \"= batch / 8\", kv_rank: null, batch: \"$kv_rank\"")
    XCTAssertEqual(given.text(), #"{"batch":8,"init":"svd","layers":[1,2],"share":0.5}"#)
  }

  func testANullVariableIsNoParameter() throws {
    let given = try config("share: 1", defaults: "kv_rank: null, layers: [], init: \"random\", batch: 1")
    XCTAssertEqual(given.text(), #"{"batch":1,"init":"random","layers":[],"share":1}"#)
  }

  func testUnknownParametersAreErrorsBeforeAnythingRuns() {
    assertError("p.json5", "unknown parameter \"kv_rnak\"", "batch, init, kv_rank, layers, share") {
      _ = try config("share: 1, kv_rnak: 4")
    }
    assertError("unknown parameter \"unused\"") { _ = try config("share: 1, unused: null") }
  }

  func testParametersThatCannotBeReadAreErrorsBeforeAnythingRuns() {
    for (with, words) in [
      ("share: 1, init: \"svdd\"", ["p.json5", "\"make\"", "`init`", "svd, random", "svdd"]),
      ("share: 1, kv_rank: \"eight\"", ["`kv_rank`", "a whole number", "eight"]),
      ("share: 1, layers: [1, \"x\"]", ["`layers`", "[1,\"x\"]"]), ("kv_rank: 1", ["`share`", "is missing"]),
      ("share: 1, kv_rank: -1", ["`kv_rank`", "0 to 2^48", "-1"]),
      ("share: 1.5, batch: 4.5", ["`batch`", "a whole number", "4.5"]),
      ("share: 1, batch: 0", ["`batch`", "1 to 2^48", "0"]),
      ("share: 1, layers: [1, 4611686018427387904]", ["`layers`", "0 to 2^48", "4611686018427387904"]),
    ] {
      XCTAssertThrowsError(try config(with), with) { error in
        for word in words { XCTAssertTrue("\(error)".contains(word), "\(error)") }
      }
    }
  }

  func testWhatAStageBuildsOnDecidesItsParameters() {
    let stage = Stage(name: "s", version: 1, parents: ["model?"], parameters: (Shape.self, Size.self)) { _, _, _ in
      StageResult()
    }
    XCTAssertEqual(stage.parameters([]), ["kv_rank", "layers", "init", "batch", "share"])
    XCTAssertEqual(stage.parameters(["model"]), ["kv_rank", "layers", "init", "share"])
  }
}
