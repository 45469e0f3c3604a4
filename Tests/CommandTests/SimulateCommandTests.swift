import Collectives
import Foundation
import Groundwork
import LabKit
import TestKit
import XCTest

@testable import Recipes

/// `farskip simulate --model` and the stages that simulate.
final class SimulateCommandTests: XCTestCase {
  private func json(_ arguments: [String], line: UInt = #line) throws -> JSONValue {
    let result = try launch("farskip", ["simulate"] + arguments + ["--json"])
    XCTAssertEqual(result.status, 0, result.error, line: line)
    return try JSONValue(parsing: Data(result.output.utf8), file: "simulate --json")
  }

  private func speedup(_ document: JSONValue, _ point: Int, _ method: String = "farskip") -> Double {
    document["points"]!.array![point]["methods"]![method]!["speedup"]!.double!
  }

  func testScalingIsPredictedFromTheFit() throws {
    let document = try json(["--model", "deepseek-v3-l6", "--gpus", "8,16,32", "--link", "310GB/s,50GB/s"])
    XCTAssertEqual(speedup(document, 0), 1.04, accuracy: 0.001, "fitted")
    XCTAssertEqual(speedup(document, 2), 1.22, accuracy: 0.05, "predicted")
    XCTAssertLessThan(speedup(document, 0), speedup(document, 1))
    XCTAssertGreaterThan(speedup(document, 1, "farskip_free"), speedup(document, 1))
    XCTAssertEqual(document["points"]?.array?[0]["methods"]?.object?.count, OverlapMethod.allCases.count)
    XCTAssertEqual(document["assumptions"]?["kappa_is_fitted"]?.bool, true)
    // Slower links leave more to hide than windows hold.
    let slow = try json(["--model", "deepseek-v3-l6", "--gpus", "32", "--link", "310GB/s,5GB/s"])
    XCTAssertLessThan(speedup(slow, 0), speedup(document, 2))
  }

  func testGivenNumbersStandInForTheFit() throws {
    let document = try json(["--model", "deepseek-v3-l6", "--gpus", "8", "--efficiency", "0.4", "--kappa", "1.10"])
    XCTAssertEqual(speedup(document, 0), 1.06, accuracy: 0.0005)
    XCTAssertEqual(document["assumptions"]?["kappa_is_fitted"]?.bool, false)
  }

  func testInferenceModesAndFoldersAreSimulated() throws {
    let prefill = try json(["--model", "deepseek-v3", "--mode", "prefill", "--gpus", "8", "--batch", "32"])
    let small = ["simulate", "--model", "deepseek-v2", "--mode", "prefill", "--batch", "16", "--sequence", "512"]
    XCTAssertFalse(try assertSucceeds("farskip", small).output.contains("-0.0"))
    let farskip = prefill["points"]!.array![0]["methods"]!["farskip"]!
    XCTAssertGreaterThan(farskip["overlap"]!.double!, 0.973)
    XCTAssertNil(farskip["overlap_backward"])
    let (short, long) = (
      try json(["--model", "deepseek-v3", "--mode", "decode", "--gpus", "16", "--sequence", "512"]),
      try json(["--model", "deepseek-v3", "--mode", "decode", "--gpus", "16", "--sequence", "8k"])
    )
    XCTAssertGreaterThan(speedup(short, 0), speedup(long, 0), "reading longer caches is no communication")
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = folder.appendingPathComponent("made").path
    XCTAssertEqual(try launch("hybrid", ["create", "--preset", "nano-dsv2", "--out", model]).status, 0)
    let made = try json(["--model", model, "--gpus", "2,16"])
    XCTAssertEqual(made["expert_layers"]?.int, 7)
    XCTAssertEqual(made["points"]?.array?.count, 2)
  }

  /// Copies of a dense model: gradients hide behind the backward pass as far as the link lets them.
  func testCopiesOfAModelWaitForSlowLinksAlone() throws {
    func points(_ link: String) throws -> [JSONValue] {
      try json(["--model", "llama-3.1-8b", "--replicas", "1,8,512", "--link", link]).array!
    }
    let (fast, slow) = (try points("1000TB/s"), try points("1GB/s"))
    let alone = fast[0]["ms"]!.double!
    XCTAssertEqual(slow[0]["ms"]!.double!, alone)
    for point in fast { XCTAssertEqual(point["efficiency"]!.double!, 1, accuracy: 0.001) }
    for (point, hosts) in [(slow[1], 8.0), (slow[2], 512.0)] {
      // Two exchanges of four bytes a parameter, which begin behind the forward passes and the top layer's backward.
      let messages = 2 * (hosts - 1) / hosts * 4 * 8_030_261_248 / 1e6
      XCTAssertEqual(point["ms"]!.double!, messages + alone / 2 + alone / 2 / 32, accuracy: 1)
      XCTAssertEqual(point["waiting_ms"]!.double!, point["ms"]!.double! - alone, accuracy: 1)
      XCTAssertLessThan(point["efficiency_sharded"]!.double!, point["efficiency"]!.double!)
    }
    XCTAssertTrue(
      try launch("farskip", ["simulate", "--model", "llama-3.1-8b", "--replicas", "8"]).output.contains(
        "50 GB/s a host"))
  }

  func testTextNamesItsAssumptionsAndAPictureIsDrawn() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let (svg, trace) = (folder.appendingPathComponent("picture.svg"), folder.appendingPathComponent("trace.json"))
    let result = try launch(
      "farskip", ["simulate", "--model", "llama-4-scout", "--plot", svg.path, "--timeline", trace.path])
    XCTAssertEqual(result.status, 0, result.error)
    for words in ["48 blocks with experts", "1307.4 TFLOP/s", "(fitted)", "310 GB/s", "fitted on", "two-batch"] {
      XCTAssertTrue(result.output.contains(words), words)
    }
    XCTAssertTrue(String(decoding: try readFile(svg), as: UTF8.self).contains("</svg>"))
    XCTAssertTrue(String(decoding: try readFile(trace), as: UTF8.self).contains("farskip backward"))
  }

  func testImpossibleScenariosAreRefused() throws {
    func refuse(_ arguments: [String], _ words: [String], line: UInt = #line) throws {
      try assertRefused("farskip", ["simulate"] + arguments, status: 2, saying: words, line: line)
    }
    let model = ["--model", "deepseek-v3"]
    try refuse(model + ["--link", "310GB/s,0GB/s"], ["--link", "never delivers"])
    try refuse(model + ["--link", "310"], ["--link", "is not a bandwidth"])
    try refuse(["--model", "gpt"], ["--model", "deepseek-v2-lite", "llama-4-scout"])
    try refuse(["--model", "llama-3.2-1b"], ["dense model"])
    try refuse(["--model", "experiments/teachers/nano-1b-seed1"], ["dense model"])
    try refuse(model + ["--gpus", "8,12"], ["256 experts", "8, 16, 32"])
    try refuse(["--model", "deepseek-v2", "--gpus", "10"], ["whole nodes"])
    try refuse(["--model", "llama-4-scout", "--mode", "prefill", "--gpus", "16"], ["40 heads", "8, 10"])
    try refuse(model + ["--gpus", "1"], ["communicates nothing"])
    try refuse(model + ["--gpus", "eight"], ["--gpus"])
    try refuse(model + ["--mode", "both"], ["both"])
    try refuse(model + ["--efficiency", "2"], ["--efficiency"])
    try refuse(model + ["--kappa", "0.5"], ["--kappa"])
    try refuse(model + ["--layers", "4"], ["--durations"])
    try refuse(model + ["--durations", "A=2,B=3,G=1,D=4,E=5,C=4,S=2"], ["--model and --durations"])
    try refuse(["--durations", "A=2,B=3,G=1,D=4,E=5,C=4,S=2", "--gpus", "8"], ["--durations"])
    try refuse(["--model", "llama-3.1-8b", "--replicas", "8,some"], ["--replicas", "some"])
    try refuse(["--model", "llama-3.1-8b", "--replicas", "8", "--mode", "decode"], ["--replicas", "--mode"])
    try refuse([], ["--model or --durations"])
  }

  // MARK: Stages

  private func run(_ stage: Stage, _ config: [String: JSONValue]) throws -> StageResult {
    try stage.run(StageContext(config: .object(config), folder: FileManager.default.temporaryDirectory))
  }

  private let scenario: [String: JSONValue] = [
    "model": .string("deepseek-v3-l6"), "mode": .string("training"), "gpus": .int(32), "batch": .null,
    "sequence": .null,
    "method": .string("farskip"), "peak": .null, "efficiency": .null, "kappa": .null, "intra": .int(310),
    "inter": .int(50),
  ]

  func testStagesMeasureWhatTheCommandPrints() throws {
    let metrics = try run(simulateStage, scenario).metrics
    XCTAssertEqual(metrics["speedup"]!.value, 1.22, accuracy: 0.05)
    XCTAssertEqual(metrics["ms"]!.value * metrics["speedup"]!.value, metrics["standard_ms"]!.value, accuracy: 1e-9)
    XCTAssertThrowsError(try run(simulateStage, scenario.merging(["gpus": .int(12)]) { $1 })) {
      XCTAssertTrue("\($0)".contains("does not divide the 256 experts"), "\($0)")
    }
    XCTAssertThrowsError(
      try run(simulateStage, scenario.merging(["mode": .string("prefill"), "method": .string("scmoe")]) { $1 })
    ) { XCTAssertTrue("\($0)".contains("has no schedule for prefill"), "\($0)") }
    let shares = try run(
      simulateSharesStage,
      scenario.merging([
        "percents": .array([.int(10), .int(50), .int(70)]), "kappa": .int(1), "method": .string("farskip-free"),
      ]) { $1 })
    // A tenth of the step, all hidden; more does not fit into the windows of the forward pass.
    let curve = shares.series["speedup"]!
    XCTAssertEqual(curve[0][1], 1 / 0.9, accuracy: 0.001)
    XCTAssertTrue(curve.allSatisfy { $0[1] <= 100 / (100 - $0[0]) + 1e-9 }, "\(curve)")
    let stack = try run(
      simulateDurationsStage,
      [
        "durations": .string("A=2,B=3,G=1,D=4,E=5,C=4,S=2"), "layers": .int(4), "method": .string("farskip"),
        "kappa": .int(1),
      ]
    ).metrics
    XCTAssertEqual(
      [stack["forward"]!.value, stack["backward"]!.value, stack["formula_difference"]!.value], [57, 104, 0])
    let bar = try run(
      simulateSensitivityStage,
      ["assumption": .string("published rows"), "low": .string("-0.005"), "high": .string("+0.005")])
    XCTAssertLessThan(bar.metrics["low"]!.value, bar.metrics["high"]!.value)
    XCTAssertThrowsError(
      try run(simulateSensitivityStage, ["assumption": .string("published rows"), "low": .string("-1"), "high": .null])
    ) { XCTAssertTrue("\($0)".contains("is set otherwise"), "\($0)") }
  }
}
