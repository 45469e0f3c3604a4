import Foundation
import Groundwork
import LabKit
import ModelCore
import Published
import TestKit
import TokenData
import XCTest

@testable import Recipes

/// FarSkip's stages as experiment files name them, on a small model with experts made here.
final class FarskipStagesTests: XCTestCase {
  private nonisolated(unsafe) static var folder: URL!

  override class func setUp() {
    folder = try! temporaryFolder()
    var config = try! ModelConfig.preset("nano-qwen-moe")
    config.hiddenSize = 32
    config.layerCount = 4
    config.mixers = Array(config.mixers.prefix(4))
    config.experts?.layers = Array(0..<4)
    let model = folder.appendingPathComponent("model")
    try! LanguageModel(config, seed: 3).save(to: model)
    try! Tokenizer.load(from: repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer")).save(to: model)
  }
  override class func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func folder(_ name: String) -> URL { Self.folder.appendingPathComponent(name) }

  /// Runs a stage in the folder `name` on other folders by role.
  private func run(_ stage: Stage, _ name: String, on parents: [String: String], _ config: [String: JSONValue]) throws
    -> [String: Double]
  {
    XCTAssertEqual(Set(parents.keys).subtracting(stage.parents), [])
    XCTAssertEqual(Set(config.keys).subtracting(stage.parameters(Set(parents.keys))), [])
    try makeDirectory(folder(name))
    let context = StageContext(
      config: .object(config), parents: parents.mapValues { StageContext.Parent(key: $0, folder: folder($0)) },
      folder: folder(name), seed: 1)
    return try stage.run(context).metrics.mapValues(\.value)
  }

  private func rewire(_ name: String, _ layers: String) throws -> [String: Double] {
    try run(rewireStage, name, on: ["model": "model"], ["layers": .string(layers), "connectivity": .string("farskip")])
  }

  /// The model with every layer rewired, in the folder `all`; made once.
  private nonisolated(unsafe) static var everywhere: [String: Double]?
  private func rewiredEverywhere() throws -> [String: Double] {
    if Self.everywhere == nil { Self.everywhere = try rewire("all", "all") }
    return Self.everywhere!
  }

  private func distill(_ name: String, student: String, _ objective: String, _ changes: [String: JSONValue] = [:])
    throws -> [String: Double]
  {
    let config: [String: JSONValue] = [
      "objective": .string(objective), "tokens": .int(1024), "lr": .double(1e-3), "batch": .int(4),
      "sequence": .int(64),
      "warmup": .double(0.1), "mixture": .string("instruction"), "answers_only": .bool(true),
      "freeze_embeddings": .bool(false),
      "hidden_weight": .double(1e-4),
    ]
    return try run(
      selfDistillStage, name, on: ["student": student, "teacher": "model"], config.merging(changes) { $1 })
  }

  func testRewiringMeasuresItsDamage() throws {
    let none = try rewire("none", "none")
    XCTAssertEqual(none["rewired"], 0)
    XCTAssertEqual(none["damage"], 0)
    let half = try rewire("half", "last:50%")
    XCTAssertEqual(half["rewired"], 2)
    XCTAssertEqual(half["base_loss"], none["loss"])
    XCTAssertNotEqual(half["damage"], 0)
    XCTAssertEqual(half["damage"]!, half["loss"]! - half["base_loss"]!, accuracy: 1e-12)
    XCTAssertEqual(try ModelConfig(contentsOf: folder("half")).rewiredLayers, [2, 3])
    XCTAssertThrowsError(try rewire("bad", "last:9")) {
      XCTAssertTrue("\($0)".contains("more layers than there are"), "\($0)")
    }
  }

  func testSelfDistillationRecoversAShareOfTheDamage() throws {
    let naive = try rewiredEverywhere()
    let kl = try distill("kl", student: "all", "kl")
    let sft = try distill("sft", student: "all", "sft")
    XCTAssertEqual(kl["step"], 4)
    for metrics in [kl, sft] {
      let (aim, start, reached) = (metrics["teacher_loss"]!, metrics["naive_loss"]!, metrics["loss"]!)
      XCTAssertEqual(metrics["recovered"]!, 100 * (start - reached) / (start - aim), accuracy: 1e-9)
      XCTAssertNotEqual(start, reached)
    }
    XCTAssertEqual(kl["naive_loss"]!, naive["loss"]!, accuracy: 0.05, "windows of 64 tokens against 256")
    // The text itself is far from a model that knows nothing, its teacher is near.
    XCTAssertGreaterThan(sft["training_loss"]!, 10 * kl["training_loss"]!)
    XCTAssertEqual(try ModelConfig(contentsOf: folder("kl")).rewiredLayers.count, 4)
    XCTAssertNotEqual(
      try distill("hidden", student: "all", "kl+hidden", ["hidden_weight": .double(10)])["loss"], kl["loss"])
    XCTAssertThrowsError(try distill("bad", student: "all", "mse")) {
      XCTAssertTrue("\($0)".contains("`objective`: unknown value"), "\($0)")
    }
  }

  /// A rate of next to nothing improves nothing, so the first weights are kept.
  func testEarlyStoppingKeepsTheBestWeights() throws {
    _ = try rewiredEverywhere()
    let stopped = try distill(
      "stopped", student: "all", "kl", ["lr": .double(1e-12), "patience": .int(2), "validate_every": .int(1)])
    XCTAssertEqual(stopped["loss"]!, stopped["naive_loss"]!, accuracy: 1e-6)
    XCTAssertLessThan(stopped["step"]!, 4)
  }

  func testPretrainingIsDoneOncePerConnectivity() throws {
    func pretrain(_ connectivity: String) throws -> [String: Double] {
      try run(
        pretrainStage, connectivity, on: [:],
        [
          "preset": .string("nano-qwen-moe"), "connectivity": .string(connectivity), "tokens": .int(512),
          "lr": .double(1e-3),
          "batch": .int(4), "sequence": .int(64), "instructions": .string("code"),
        ])
    }
    let (standard, farskip) = (try pretrain("standard"), try pretrain("farskip"))
    XCTAssertNotEqual(standard["training_loss"], farskip["training_loss"])
    XCTAssertEqual(standard["loss"]!, 7.6, accuracy: 0.3, "nothing learnt yet: the logarithm of 2,048")
    XCTAssertEqual(try ModelConfig(contentsOf: folder("farskip")).rewiredLayers.count, 8)
    XCTAssertEqual(try pretrain("standard"), standard, "finished, so read and not trained again")
  }

  func testRanksAreComparedWithOneRank() throws {
    func compare(_ connectivity: String, _ sharing: String, _ ranks: Int, text: String = "held_out") throws -> [String:
      Double]
    {
      try run(
        parallelStage, "parallel", on: ["model": "model"],
        [
          "connectivity": .string(connectivity), "sharing": .string(sharing), "ranks": .int(ranks),
          "text": .string(text),
        ])
    }
    for connectivity in ["standard", "farskip"] {
      let experts = try compare(connectivity, "experts", 2)
      XCTAssertEqual(experts["hidden"], 0)
      XCTAssertEqual(experts["overlap"], 0)
      XCTAssertLessThan(experts["gradients"]!, 1e-5)
      XCTAssertGreaterThan(
        experts["gradients"]!, 0, "the same gradients to the bit would mean that nothing was compared")
      XCTAssertGreaterThan(experts["control"]!, 1e-3)
      let heads = try compare(connectivity, "heads", 2)
      XCTAssertLessThan(heads["hidden"]!, 1e-5)
      XCTAssertEqual(heads["overlap"], 0)
      XCTAssertNil(heads["gradients"])
    }
    XCTAssertEqual(try compare("farskip", "experts", 4, text: "one_token")["fewest"], 0)
    XCTAssertThrowsError(try compare("farskip", "experts", 3)) { XCTAssertTrue("\($0)".contains("1, 2, 4"), "\($0)") }
    XCTAssertThrowsError(try compare("farskip", "heads", 4)) {
      XCTAssertTrue("\($0)".contains("key-value heads"), "\($0)")
    }
    XCTAssertThrowsError(try compare("farskip", "layers", 2)) { XCTAssertTrue("\($0)".contains("`sharing`"), "\($0)") }
    XCTAssertThrowsError(try compare("farskip", "experts", 2, text: "a story")) {
      XCTAssertTrue("\($0)".contains("`text`"), "\($0)")
    }
  }

  /// The point of a fit stands in the experiment file, and what it gives reaches the predictions.
  func testAnOverheadIsFittedInOneStageAndServedInAnother() throws {
    let prefill: [String: JSONValue] = [
      "model": .string("deepseek-v2"), "mode": .string("prefill"), "method": .string("farskip"), "intra": .double(310),
      "inter": .double(50), "gpus": .int(8),
    ]
    let point: [String: JSONValue] = [
      "sequences": .array([.int(512), .int(1024), .int(2048)]), "published": .double(1.168),
    ]
    let fit = try run(fitOverheadStage, "overhead", on: [:], prefill.merging(point) { $1 })
    XCTAssertEqual(fit["residual"]!, 0, accuracy: 1e-9)
    XCTAssertGreaterThan(fit["speedup"]!, 1.168, "the blocks alone")
    let case1024 = prefill.merging(["sequence": .int(1024)]) { $1 }
    let alone = try run(simulateStage, "alone", on: [:], case1024)
    let served = try run(serveStage, "served", on: ["overhead": "overhead"], case1024)
    XCTAssertEqual(served["standard_ms"]!, alone["standard_ms"]! + 60 * fit["ms_per_layer"]!, accuracy: 1e-6)
    XCTAssertEqual(served["ms"]!, alone["ms"]! + 60 * fit["ms_per_layer"]!, accuracy: 1e-6)
    XCTAssertLessThan(served["speedup"]!, 1.168)
    XCTAssertThrowsError(try run(serveStage, "unserved", on: ["overhead": "alone"], case1024)) { error in
      XCTAssertTrue("\(error)".contains("fit_overhead"), "\(error)")
    }
  }

  func testOverlapIsMeasuredForBothMethods() throws {
    func measure(_ method: String, _ changes: [String: JSONValue] = [:]) throws -> StageResult {
      let config: [String: JSONValue] = [
        "durations": .string("A=2,B=3,G=1,D=2,E=2,C=2,S=1"), "layers": .int(4), "mode": .string("training"),
        "method": .string(method), "compute": .string("sleep"), "link": .string("50us,50MB/s"), "ranks": .int(2),
        "repeats": .int(1),
      ]
      let own = config.merging(changes) { $1 }
      XCTAssertEqual(Set(own.keys), Set(overlapStage.parameters([])))
      try makeDirectory(folder(method))
      return try overlapStage.run(StageContext(config: .object(own), folder: folder(method), seed: 1))
    }
    let (farskip, standard) = (try measure("farskip"), try measure("standard"))
    for (result, share) in [(farskip, 1.0), (standard, 0)] {
      for metric in ["dispatches_behind", "combines_behind"].flatMap({ ["\($0)_forward", "\($0)_backward"] }) {
        XCTAssertEqual(result.metrics[metric]?.value, share, metric)
      }
    }
    XCTAssertEqual(standard.metrics["speedup"]?.value, 1)
    XCTAssertGreaterThan(farskip.metrics["overlap"]!.value, standard.metrics["overlap"]!.value)
    // Both runs, two layers of seven operations and what their neighbours send.
    let points = farskip.series["forward"]!
    for run in [1.0, 2] {
      let own = points.filter { $0[0] == run && $0[3] < 3 }
      for operation in 1...7 { XCTAssertGreaterThanOrEqual(own.count { $0[2] == Double(operation) }, 2) }
      XCTAssertEqual(own.map { $0[4] }.min(), 0)
    }
    XCTAssertEqual(standard.series["forward"]!.filter { $0[0] == 2 }.count, 0)
    let log = try String(contentsOf: folder("farskip").appendingPathComponent("timeline.csv"), encoding: .utf8)
    // Header, and both methods' events of both ranks and passes: four layers of seven operations and two waits.
    XCTAssertEqual(log.split(separator: "\n").count, 1 + 2 * 2 * 2 * 4 * 9)

    XCTAssertEqual(try measure("farskip", ["mode": .string("prefill")]).metrics["dispatches_behind_prefill"]?.value, 1)
    for (name, value) in [
      ("mode", JSONValue.string("decode")), ("ranks", .int(1)), ("link", .string("0us,0MB/s")), ("layers", .int(0)),
      ("durations", .string("A=1")),
    ] {
      XCTAssertThrowsError(try measure("farskip", [name: value]), name) {
        XCTAssertTrue("\($0)".contains("`\(name)`"), "\($0)")
      }
    }
    XCTAssertThrowsError(try measure("scmoe", ["mode": .string("prefill")])) {
      XCTAssertTrue("\($0)".contains("scmoe in prefill"), "\($0)")
    }
  }
}
