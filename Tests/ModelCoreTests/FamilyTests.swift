import Foundation
import Groundwork
import ModelCore
import TensorCore
import TestKit
import XCTest

/// Every family against transformers: small checkpoints as it saves them, its logits, and 64 tokens of its greedy text
/// (Scripts/goldens/make_families.py).
final class FamilyTests: XCTestCase {
  private struct Golden {
    var name: String
    var folder: URL
    var ids: [Int32]
    var logits: [Float]
    var text: [Int32]
  }

  private func goldens() throws -> [Golden] {
    let all = repositoryRoot().appendingPathComponent("Tests/Goldens/families")
    return try FileManager.default.contentsOfDirectory(atPath: all.path).sorted().map { name in
      let folder = all.appendingPathComponent(name)
      let expected = try SafetensorsFile(folder.appendingPathComponent("expected.safetensors"))
      return Golden(
        name: name, folder: folder, ids: try expected.readIntegers("ids").map { Int32($0) },
        logits: try expected.readFloats("logits"), text: try expected.readIntegers("text").map { Int32($0) })
    }
  }

  /// The id with the highest logit of the last row.
  private func best(_ model: LanguageModel, _ hidden: Tensor) -> Int32 {
    let logits = model.logits(hidden.rows(hidden.rowCount - 1..<hidden.rowCount)).toArray()
    return Int32(logits.indices.max { logits[$0] < logits[$1] }!)
  }

  func testLogitsAndGreedyTextAreThoseOfTransformers() throws {
    let goldens = try goldens()
    XCTAssertEqual(goldens.count, 14)
    for golden in goldens {
      let model = try LanguageModel(folder: golden.folder)
      let time = golden.ids.count
      assertClose(
        model.logits(ids: golden.ids, batch: 1, time: time).toArray(), golden.logits, golden.name, tolerance: 1e-4)
      let cache = model.makeCache()
      var next = best(model, try model.extend(cache, golden.ids))
      var text: [Int32] = []
      while text.count < golden.text.count {
        text.append(next)
        next = best(model, try model.extend(cache, [next]))
      }
      XCTAssertEqual(text, golden.text, golden.name)
    }
  }

  func testDecodingInTwoPiecesSplitAnywhereIsTheForwardPass() throws {
    for golden in try goldens() {
      let model = try LanguageModel(folder: golden.folder)
      // Long enough for every window to have passed its cache's end.
      let ids = golden.ids + golden.text
      let whole = model.logits(ids: ids, batch: 1, time: ids.count).toArray()
      for split in stride(from: 1, to: ids.count, by: 7) {
        let cache = model.makeCache()
        var states = try model.extend(cache, Array(ids[..<split])).toArray()
        let copy = cache.snapshot()
        states += try model.extend(copy, Array(ids[split...])).toArray()
        let logits = model.logits(Tensor([ids.count, model.config.hiddenSize], values: states)).toArray()
        assertClose(logits, whole, "\(golden.name), split at \(split)", tolerance: 1e-4)
      }
    }
  }

  func testACacheWithAWindowStopsGrowing() throws {
    let golden = try XCTUnwrap(goldens().first { $0.name == "mistral" })
    let model = try LanguageModel(folder: golden.folder)
    let cache = model.makeCache()
    _ = try model.extend(cache, golden.ids + golden.text)
    let perToken = model.config.kvNumbersPerToken
    XCTAssertEqual(cache.bytes, 4 * perToken * (12 - 1 + 12), "a window of 12 and pieces of 12")
    XCTAssertEqual(cache.bytes, model.config.cacheBytes(context: 88, .float32))
  }

  /// Programs that know no `rope_parameters` find the rope, and we read the same model.
  func testOlderProgramsFindTheRopeOfEveryFamily() throws {
    for golden in try goldens() {
      let config = try ModelConfig(contentsOf: golden.folder)
      let keys = config.stockKeys
      XCTAssertEqual(try ModelConfig(json: .object(keys), file: golden.name), config, golden.name)
      guard golden.name == "gemma3" else { continue }
      XCTAssertEqual(keys["rope_theta"]?.double, 900)
      XCTAssertEqual(keys["rope_scaling"]?["rope_type"]?.string, "linear")
      XCTAssertEqual(keys["rope_local_base_freq"]?.double, 300)
    }
  }

  func testWhatIsSavedIsLoadedAndSpelledAsTheFamilyDoes() throws {
    for golden in try goldens() {
      let model = try LanguageModel(folder: golden.folder)
      XCTAssertEqual(try ModelConfig(json: model.config.json, file: golden.name), model.config, golden.name)
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(at: folder) }
      try model.save(to: folder)
      func file(_ folder: URL) throws -> [String: [Int]] {
        let file = try SafetensorsFile(folder.appendingPathComponent(CheckpointReader.singleName))
        return Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.shape) })
      }
      XCTAssertEqual(try file(folder), try file(golden.folder), golden.name)
      let loaded = try LanguageModel(folder: folder)
      XCTAssertEqual(loaded.config, model.config, golden.name)
      XCTAssertEqual(loaded.parameters.values.toArray(), model.parameters.values.toArray(), golden.name)
    }
  }
}
