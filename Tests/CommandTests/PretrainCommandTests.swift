import Distillation
import Foundation
import Groundwork
import ModelCore
import TestKit
import XCTest

@testable import Recipes

/// `hybrid pretrain --from`: going on with long documents.
final class PretrainCommandTests: XCTestCase {
  private final class OneBatch: BatchSource {
    let ids: [Int32]
    let targets: [Int32]
    init(ids: [Int32], targets: [Int32]) { (self.ids, self.targets) = (ids, targets) }
    func batch(step: Int) throws -> (ids: [Int32], targets: [Int32]) { (ids, targets) }
  }

  /// A pair of tokens counts from its second time on, in its own row; rows of instructions stay as they are.
  func testOnlyRepeatsAreScored() throws {
    let row: [Int32] = [5, 6, 7, 5, 6, 7, 8]
    let (ids, targets) = (Array(row.dropLast()), Array(row.dropFirst()))
    let source = OneBatch(ids: ids + ids + ids, targets: targets + targets + targets)
    let scored: [Int32] = [-1, -1, -1, 6, 7, -1]
    let got = try ScoredBatches.repeats(source, time: 6, rows: 2).batch(step: 0)
    XCTAssertEqual(got.ids, source.ids)
    XCTAssertEqual(got.targets, scored + scored + targets)
  }

  func testGoesOnWithInstructionsBesideAndAnotherRotaryBase() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    XCTAssertEqual(
      try launch("hybrid", ["create", "--preset", "nano-1b", "--out", path("base"), "--seed", "3"]).status, 0)
    try giveTokenizer(to: folder.appendingPathComponent("base"))
    let more = ["--batch", "2", "--sequence", "64", "--tokens", "512", "--quiet"]
    let result = try launch(
      "hybrid",
      [
        "pretrain", "--from", path("base"), "--mixture", "keys", "--only-repeats", "--instruction-rows", "1",
        "--rope-theta",
        "500000", "--out", path("long"),
      ] + more)
    XCTAssertEqual(result.status, 0, result.error)
    XCTAssertEqual(try ModelConfig(contentsOf: folder.appendingPathComponent("long")).rope.theta, 500_000)
    XCTAssertNotEqual(
      try sha256(fileAt: folder.appendingPathComponent("base/model.safetensors")),
      try sha256(fileAt: folder.appendingPathComponent("long/model.safetensors")))

    try assertRefused(
      "hybrid", ["pretrain", "--from", path("base"), "--instruction-rows", "3", "--out", path("never")] + more,
      status: 2,
      saying: ["--instruction-rows", "0 to --batch 2", "3"])
    try assertRefused(
      "hybrid", ["pretrain", "--preset", "nano-1b", "--rope-theta", "500000", "--out", path("never")] + more, status: 2,
      saying: ["--rope-theta", "--from"])
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("never")))
  }

  /// Each edition has a folder, a tokenizer and items of its own; what a model was trained on follows from its tokenizer.
  func testTheSecondEditionIsAskedForByNumber() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    let small = [
      "--pretraining-tokens", "0", "--instruction-tokens", "2k", "--valid-tokens", "0", "--preferences", "0", "--items",
      "5",
      "--sets", "a",
    ]
    for (name, options) in [("1", []), ("2", ["--world", "2", "--foreign-tokens", "2k", "--rho", "0.25"])] {
      let result = try launch("shards", ["generate", "--out", path(name)] + small + options)
      XCTAssertEqual(result.status, 0, result.error)
    }
    struct Manifest: Decodable {
      let edition: Int
      let facts: Int
      let rho: Double?
      let files: [File]
      struct File: Decodable {
        let file: String
        let bands: [String: Double]?
      }
    }
    let manifests = try ["1", "2"].map {
      try JSONDecoder().decode(Manifest.self, from: readFile(folder.appendingPathComponent("\($0)/manifest.json")))
    }
    XCTAssertEqual(manifests.map(\.edition), [1, 2])
    XCTAssertEqual(manifests.map(\.rho), [nil, 0.25])
    XCTAssertGreaterThan(manifests[1].facts, 8 * manifests[0].facts)
    XCTAssertEqual(
      manifests[1].files.map(\.file).filter { $0.hasPrefix("foreign") },
      ["foreign-intermediate.txt", "foreign-supervised.txt", "foreign-replies.txt"])
    let recall = try XCTUnwrap(manifests[1].files.first { $0.file == "tasks/a/recall.jsonl" })
    XCTAssertEqual(try XCTUnwrap(recall.bands).values.reduce(0, +), 1, accuracy: 1e-9)

    try assertRefused(
      "shards", ["generate", "--out", path("never"), "--rho", "0.1"] + small, status: 2,
      saying: ["--rho", "--foreign-tokens"])
    try assertRefused(
      "shards", ["generate", "--out", path("never"), "--foreign-tokens", "2k", "--rho", "2"] + small, status: 2,
      saying: ["rho", "0 to 1", "2"])
    try assertRefused(
      "shards", ["generate", "--out", path("never"), "--world", "3"] + small, status: 2, saying: ["--world", "3"])
    XCTAssertFalse(FileManager.default.fileExists(atPath: path("never")))
  }
}
