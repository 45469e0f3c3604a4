import Foundation
import Groundwork
import ModelCore
import TestKit
import XCTest

final class SafetensorsLlama2CTests: XCTestCase {
  func testKnownFilesHaveTheirKnownShapes() throws {
    for (path, parameters, vocabulary, context) in [
      ("stories260K/stories260K.bin", 260_032, 512, 512), ("babyllama/babyllama_tok361.bin", 969_216, 361, 256),
      ("babyllama/babyllama_tok105.bin", 936_448, 105, 256),
    ] {
      let file = try Llama2CFile(sharedFolder("data/checkpoints/\(path)"))
      XCTAssertEqual(file.config.parameterCount, parameters)
      XCTAssertEqual(file.config.vocabularySize, vocabulary)
      XCTAssertEqual(file.config.maxPosition, context)
      XCTAssertTrue(file.config.tieWordEmbeddings)
      XCTAssertEqual(file.names, Set(file.config.tensors.map(\.name)))
    }
  }

  func testImportedFolderHoldsTheSameNumbers() throws {
    let source = try Llama2CFile(sharedFolder("data/checkpoints/stories260K/stories260K.bin"))
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try writeModelFolder(source.config, from: source, to: folder)
    XCTAssertEqual(try ModelConfig(contentsOf: folder), source.config)
    let reader = try CheckpointReader(folder)
    for spec in source.config.tensors {
      var values = [Float](repeating: 0, count: spec.count)
      try values.withUnsafeMutableBufferPointer { try source.read(spec, into: $0.baseAddress!) }
      XCTAssertEqual(try reader.readFloats(spec.name, shape: spec.shape), values, spec.name)
      XCTAssertTrue(values.contains { $0 != 0 }, spec.name)
    }
  }

  /// A made-up file: head rows come out half-split, everything else in place, the untied head from the end.
  func testRowsOfRotaryPairsAreReordered() throws {
    let header: [Int32] = [8, 3, 2, 2, 1, -5, 4]
    let (dim, hidden, layers, keyWidth, vocabulary, context) = (8, 3, 2, 4, 5, 4)
    let floats =
      vocabulary * dim + layers * (dim + dim * dim + 2 * keyWidth * dim + dim * dim + dim + 3 * hidden * dim) + dim
      + context * 4 + vocabulary * dim
    var bytes = Data()
    for value in header { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
    for i in 0..<floats { withUnsafeBytes(of: Float(i)) { bytes.append(contentsOf: $0) } }
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appendingPathComponent("made.bin")
    try bytes.write(to: url)
    let file = try Llama2CFile(url)
    XCTAssertFalse(file.config.tieWordEmbeddings)
    func values(_ name: String) throws -> [Float] {
      let spec = try XCTUnwrap(file.config.tensors.first { $0.name == name })
      var values = [Float](repeating: -1, count: spec.count)
      try values.withUnsafeMutableBufferPointer { try file.read(spec, into: $0.baseAddress!) }
      return values
    }
    let query = vocabulary * dim + layers * dim
    let rows = try values("model.layers.0.self_attn.q_proj.weight")
    // Head dim 4: stored pairs (0,1), (2,3) become halves: rows 0, 2, 1, 3 of each head.
    XCTAssertEqual((0..<8).map { Int(rows[$0 * dim]) - query }, [0, 2, 1, 3, 4, 6, 5, 7].map { $0 * dim })
    XCTAssertEqual(try values("lm_head.weight").last, Float(floats - 1))
    XCTAssertEqual(try values("model.norm.weight").first, Float(floats - vocabulary * dim - context * 4 - dim))

    try bytes.dropLast(4).write(to: url)
    XCTAssertThrowsError(try Llama2CFile(url)) { XCTAssertTrue("\($0)".contains("truncated"), "\($0)") }
    for (damaged, words) in [
      (bytes + Data([0]), "is not a version 0 llama2.c checkpoint"), (bytes.prefix(20), "a header of 28 bytes"),
      (Data(repeating: 0xFE, count: 4096), "is not a llama2.c checkpoint (dim)"),
    ] as [(Data, String)] {
      try damaged.write(to: url)
      XCTAssertThrowsError(try Llama2CFile(url)) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
    }
  }
}
