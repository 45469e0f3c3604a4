import Foundation
import Groundwork
import ModelCore
import Published
import TensorCore
import TestKit
import XCTest

/// Checkpoints as people meet them: every spelling gives the same model.
final class CheckpointNamesTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func tiny(tied: Bool = true) -> ModelConfig {
    ModelConfig(
      hiddenSize: 8, layerCount: 2, attentionHeads: 2, keyValueHeads: 1, intermediateSize: 12, vocabularySize: 16,
      tieWordEmbeddings: tied, maxPosition: 32)
  }

  /// Writes a model's tensors under other names, some of them several times, into one file.
  private func write(
    _ model: LanguageModel, file: String = CheckpointReader.singleName, adding more: [(String, [Int], [Float])] = [],
    _ rename: (String) -> String?
  ) throws {
    try model.config.save(to: folder)
    var all = more
    for parameter in model.parameters.parameters {
      if let name = rename(parameter.name) { all.append((name, parameter.shape, parameter.value.toArray())) }
    }
    let writer = try SafetensorsWriter(
      folder.appendingPathComponent(file), tensors: all.map { TensorSpec($0.0, $0.1) })
    for (name, _, values) in all { try writer.write(name, values) }
    try writer.commit()
  }

  private func assertSame(_ model: LanguageModel, line: UInt = #line) throws {
    let loaded = try LanguageModel(folder: folder)
    XCTAssertEqual(loaded.parameters.values.toArray(), model.parameters.values.toArray(), line: line)
  }

  func testTheBareBackbone() throws {
    for tied in [true, false] {
      let model = try LanguageModel(tiny(tied: tied), seed: 3)
      try write(model) { $0.hasPrefix("model.") ? String($0.dropFirst(6)) : $0 }
      try assertSame(model)
    }
  }

  func testTheLanguageModelOfAMultimodalOne() throws {
    let model = try LanguageModel(tiny(tied: false), seed: 3)
    let tower = ("vision_tower.patch.weight", [2], [Float(1), 2])
    for prefix in ["language_model.model.", "model.language_model."] {
      try write(model, adding: [tower]) { name in
        name.hasPrefix("model.")
          ? prefix + name.dropFirst(6) : prefix.hasPrefix("language") ? "language_model." + name : name
      }
      try assertSame(model)
    }
  }

  func testExpertsPackedIntoTwoTensors() throws {
    for preset in ["nano-qwen-moe", "nano-dsv2"] {
      var config = try ModelConfig.preset(preset)
      (config.vocabularySize, config.bosTokenId, config.eosTokenIds) = (16, nil, [])
      let model = try LanguageModel(config, seed: 3)
      let experts = try XCTUnwrap(config.experts)
      var packed: [(String, [Int], [Float])] = []
      for layer in experts.layers {
        func values(_ expert: Int, _ projection: TensorRole.Projection) throws -> [Float] {
          try XCTUnwrap(model.parameter(.expert(expert, projection), layer: layer)).value.toArray()
        }
        let all = 0..<experts.count
        let (width, hidden) = (experts.width, config.hiddenSize)
        packed.append(
          (
            "model.layers.\(layer).mlp.experts.gate_up_proj", [all.count, 2 * width, hidden],
            try all.flatMap { try values($0, .gate) + values($0, .up) }
          ))
        packed.append(
          (
            "model.layers.\(layer).mlp.experts.down_proj", [all.count, hidden, width],
            try all.flatMap { try values($0, .down) }
          ))
      }
      try write(model, adding: packed) { $0.contains(".mlp.experts.") ? nil : $0 }
      try assertSame(model)
    }
  }

  func testAWholeFileCountsMoreThanAStaleIndex() throws {
    let model = try LanguageModel(tiny(), seed: 3)
    try write(model) { $0 }
    try writeFile(
      #"{"weight_map": {"model.norm.weight": "model-00001-of-00002.safetensors"}}"#,
      to: folder.appendingPathComponent(CheckpointReader.indexName))
    try assertSame(model)
  }

  func testAnIndexMayListATiedHeadThatIsNotStored() throws {
    let model = try LanguageModel(tiny(), seed: 3)
    let shard = "model-00001-of-00001.safetensors"
    try write(model, file: shard) { $0 }
    let names = model.parameters.parameters.map(\.name) + ["lm_head.weight"]
    try writeFile(
      JSONValue.object(["weight_map": .object(Dictionary(uniqueKeysWithValues: names.map { ($0, .string(shard)) }))])
        .text(), to: folder.appendingPathComponent(CheckpointReader.indexName))
    try assertSame(model)
  }

  /// As transformers does: a head that is stored and is not the embedding is the head, whatever the flag says.
  func testAStoredHeadCountsMoreThanTheTieFlag() throws {
    let model = try LanguageModel(tiny(), seed: 3)
    let head = randomFloats(16 * 8, "head")
    try write(model, adding: [("lm_head.weight", [16, 8], head)]) { $0 }
    let loaded = try LanguageModel(folder: folder)
    XCTAssertFalse(loaded.config.tieWordEmbeddings)
    XCTAssertEqual(loaded.head.value.toArray(), head)
    // A copy of the embedding is none.
    try write(model, adding: [("lm_head.weight", [16, 8], model.embedding.value.toArray())]) { $0 }
    XCTAssertTrue(try LanguageModel(folder: folder).config.tieWordEmbeddings)
  }

  func testOtherFormatsAreNamedWithTheWayOut() throws {
    for (name, words) in [
      ("pytorch_model.bin", ["pickle", "save_pretrained"]), ("pytorch_model-00001-of-00002.bin", ["pickle"]),
      ("model.Q8_0.gguf", ["GGUF"]),
    ] {
      let file = folder.appendingPathComponent(name)
      try writeFile(Data([1]), to: file)
      XCTAssertThrowsError(try CheckpointReader(folder)) { error in
        for word in words + [name] { XCTAssertTrue("\(error)".contains(word), "\(error)") }
      }
      try FileManager.default.removeItem(at: file)
    }
    XCTAssertThrowsError(try ModelConfig(json: .object(["model_type": .string("rwkv")]), file: "config.json")) {
      XCTAssertTrue("\($0)".contains("rwkv") && "\($0)".contains("mistral"), "\($0)")
    }
  }
}
