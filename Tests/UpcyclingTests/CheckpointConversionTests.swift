import Foundation
import Groundwork
import ModelCore
import Published
import TestKit
import XCTest

@testable import Upcycling

final class CheckpointConversionTests: XCTestCase {
  private func folder() throws -> URL {
    let url = try temporaryFolder()
    addTeardownBlock { try? FileManager.default.removeItem(at: url) }
    return url
  }

  func testConvertedFolderIsTheModelConvertedInMemory() throws {
    let root = try folder()
    let base = try tinyBase()
    let source = root.appendingPathComponent("base")
    try base.save(to: source)
    try writeFile("{}", to: source.appendingPathComponent("tokenizer.json"))
    let out = root.appendingPathComponent("out")
    for rule in [RankRule.fixed, .dynamic] {
      var conversion = tinyConversion()
      conversion.rankRule = rule
      conversion.layers = .list([0, 2])
      let report = try convertCheckpoint(from: source, to: out, conversion)
      let memory = try convert(base: base, conversion)
      let disk = try LanguageModel(folder: out)
      XCTAssertEqual(disk.config, memory.model.config)
      XCTAssertEqual(logits(disk), logits(memory.model))
      XCTAssertEqual(report.layers.map(\.kvRank), memory.report.layers.map(\.kvRank))
      XCTAssertEqual(report.parameters, disk.parameters.count)
    }
    XCTAssertEqual(
      try FileManager.default.contentsOfDirectory(atPath: out.path).sorted(),
      ["config.json", "model.safetensors", "tokenizer.json"])
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: root.path).sorted(), ["base", "out"])
  }

  /// The Hub's download cache: a snapshot of links, to files that may be gone tomorrow.
  func testARewiredFolderIsWholeByItself() throws {
    let root = try folder()
    let blobs = root.appendingPathComponent("hub/blobs")
    var config = try ModelConfig.preset("nano-qwen-moe")
    (config.vocabularySize, config.bosTokenId, config.eosTokenIds) = (16, nil, [])
    let base = try LanguageModel(config, seed: 4)
    try base.save(to: blobs)
    try writeFile("{}", to: blobs.appendingPathComponent("tokenizer.json"))
    for isRelative in [true, false] {
      let snapshot = root.appendingPathComponent("hub/snapshots/\(isRelative)")
      try makeDirectory(snapshot)
      for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        try FileManager.default.createSymbolicLink(
          atPath: snapshot.appendingPathComponent(name).path,
          withDestinationPath: (isRelative ? "../../blobs" : blobs.path) + "/" + name)
      }
      let out = root.appendingPathComponent("out-\(isRelative)")
      _ = try rewireCheckpoint(at: snapshot, .all, as: .standard, to: out)
    }
    try FileManager.default.removeItem(at: root.appendingPathComponent("hub"))
    for isRelative in [true, false] {
      let model = try LanguageModel(folder: root.appendingPathComponent("out-\(isRelative)"))
      XCTAssertEqual(model.parameters.values.toArray(), base.parameters.values.toArray())
    }
  }

  func testDtypeFollowsTheBaseUnlessAsked() throws {
    let root = try folder()
    let source = root.appendingPathComponent("base")
    try tinyBase().save(to: source, type: .bfloat16)
    let out = root.appendingPathComponent("out")
    func type() throws -> ElementType? {
      try CheckpointReader(out).type(of: ModelConfig(contentsOf: out).embeddingTensor)
    }
    _ = try convertCheckpoint(from: source, to: out, tinyConversion())
    XCTAssertEqual(try type(), .bfloat16)
    _ = try convertCheckpoint(from: source, to: out, tinyConversion(), type: .float32)
    XCTAssertEqual(try type(), .float32)
  }

  /// What no conversion touches has the base's own 16-bit numbers, and the same ones when written wider.
  func testUntouchedTensorsKeepTheirNumbers() throws {
    let root = try folder()
    let base = try tinyBase()
    var conversion = tinyConversion()
    conversion.layers = .list([1])
    for (name, type) in [("brain", ElementType.bfloat16), ("half", .float16)] {
      let (source, out) = (root.appendingPathComponent(name), root.appendingPathComponent("out"))
      try base.save(to: source, type: type)
      let before = try CheckpointReader(source)
      for written in [type, .float32] {
        _ = try convertCheckpoint(from: source, to: out, conversion, type: written)
        let (config, after) = (try ModelConfig(contentsOf: out), try CheckpointReader(out))
        let untouched = config.tensors.filter { tensor in
          if tensor.layer == 1, case .mixer = tensor.role { return false }
          return true
        }
        XCTAssertEqual(untouched.count, base.config.tensors.count - 4, "all but q, k, v and o of one layer")
        for tensor in untouched {
          XCTAssertEqual(after.type(of: tensor), written)
          XCTAssertEqual(
            try after.readFloats(tensor.name, shape: tensor.shape),
            try before.readFloats(tensor.name, shape: tensor.shape), "\(name) as \(written): \(tensor.name)")
        }
      }
    }
  }

  func testRefusalsLeaveNothingBehind() throws {
    let root = try folder()
    let source = root.appendingPathComponent("base")
    try tinyBase().save(to: source)
    let foreign = root.appendingPathComponent("notes")
    try makeDirectory(foreign)
    try writeFile("mine", to: foreign.appendingPathComponent("diary.txt"))
    XCTAssertThrowsError(try convertCheckpoint(from: source, to: foreign, tinyConversion())) {
      XCTAssertEqual(($0 as? UpcycleError)?.exitCode, 2)
      XCTAssertTrue("\($0)".contains("holds files but no model"), "\($0)")
    }
    XCTAssertThrowsError(try convertCheckpoint(from: source, to: source, tinyConversion())) {
      XCTAssertTrue("\($0)".contains("is the base model itself"), "\($0)")
    }
    // A checkpoint that lost a tensor.
    let reader = try CheckpointReader(source)
    var specs = try ModelConfig(contentsOf: source).tensors
    let lost = specs.removeLast()
    let broken = root.appendingPathComponent("broken")
    let writer = try CheckpointWriter(broken, tensors: specs)
    for spec in specs { try writer.write(spec.name, reader.readFloats(spec.name, shape: spec.shape)) }
    try writer.commit()
    try ModelConfig(contentsOf: source).save(to: broken)
    XCTAssertThrowsError(try convertCheckpoint(from: broken, to: root.appendingPathComponent("out"), tinyConversion()))
    {
      XCTAssertTrue("\($0)".contains(lost.name), "\($0)")
    }
    XCTAssertEqual(
      try FileManager.default.contentsOfDirectory(atPath: root.path).sorted(), ["base", "broken", "notes"])
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: foreign.path), ["diary.txt"])
  }

  func testFoldersOfKilledRunsAreRemoved() throws {
    let root = try folder()
    let source = root.appendingPathComponent("base")
    try tinyBase().save(to: source)
    // Under the folder's lock nobody else writes, whatever process the hidden name speaks of.
    try makeDirectory(root.appendingPathComponent(".out.2147483000.tmp"))
    try makeDirectory(root.appendingPathComponent(".out.1.tmp"))
    _ = try convertCheckpoint(from: source, to: root.appendingPathComponent("out"), tinyConversion())
    XCTAssertEqual(
      try FileManager.default.contentsOfDirectory(atPath: root.path).sorted(), ["base", "out"])
  }

  func testNonFiniteWeightsAreNamed() throws {
    let base = try tinyBase()
    base.parameters["model.layers.1.self_attn.v_proj.weight"]!.value.pointer[3] = .nan
    XCTAssertThrowsError(try convert(base: base, tinyConversion())) {
      XCTAssertTrue("\($0)".contains("layers.1.self_attn.v_proj"), "\($0)")
    }
  }

  func testOptionsSurviveJSON() throws {
    var conversion = tinyConversion()
    conversion.queryRank = .paper
    conversion.layers = .percent(50)
    let data = try JSONEncoder().encode(conversion)
    XCTAssertEqual(try JSONDecoder().decode(LatentConversion.self, from: data), conversion)
  }
}
