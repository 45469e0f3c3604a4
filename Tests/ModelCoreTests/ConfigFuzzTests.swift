import Foundation
import Groundwork
import ModelCore
import TestKit
import XCTest

/// Mutated configs of every known model, and mutated checkpoint indexes: refused in one line or read as something that
/// can be counted; never a crash, and memory in proportion to the file.
final class ConfigFuzzTests: XCTestCase {
  func testMutatedConfigsOfAllModels() throws {
    let seeds = try ModelConfig.presetNames.map { try ModelConfig.preset($0).json.text(pretty: true) }
    Fuzz.run("configs") { round, random in
      let data = TextMutation.of(seeds[round % seeds.count], &random)
      let config = try ModelConfig(json: JSONValue(parsing: data, file: "c"), file: "c")
      XCTAssertGreaterThan(config.parameterCount, 0)
      XCTAssertGreaterThanOrEqual(config.kvNumbersPerToken, 0)
      _ = config.json.text()
    }
  }

  func testMutatedIndexes() throws {
    let folder = try memoryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let config = try ModelConfig.preset("nano-smol")
    let writer = try CheckpointWriter(
      folder, tensors: [TensorSpec("a", [4, 3]), TensorSpec("b", [5]), TensorSpec("c", [2, 2])], shardBytes: 30)
    for (name, count) in [("a", 12), ("b", 5), ("c", 4)] { try writer.write(name, [Float](repeating: 1, count: count)) }
    try writer.commit()
    try config.save(to: folder)
    let index = folder.appendingPathComponent(CheckpointReader.indexName)
    let seed = try String(contentsOf: index, encoding: .utf8)
    Fuzz.run("indexes") { _, random in
      try TextMutation.of(seed, &random).write(to: index)
      let reader = try CheckpointReader(folder)
      for name in reader.names ?? [] { _ = try reader.readFloats(name, shape: reader.shape(of: name)!) }
    }
  }
}
