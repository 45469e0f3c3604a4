import Foundation
import Groundwork
import ModelCore
import Published
import TestKit
import XCTest

/// Mutated files must be refused or read, never crash or allocate more than they are long.
final class SafetensorsFuzzTests: XCTestCase {
  /// One of several mutations: bit flips, byte changes, cuts, insertions, a length field, digits, copied spans.
  private func mutate(_ bytes: inout [UInt8], _ random: inout RandomStream, headerLength: Int) {
    func draw(_ count: Int) -> Int { random.next(below: count) }
    for _ in 0...draw(4) {
      guard !bytes.isEmpty else { return }
      let front = min(bytes.count, headerLength + 16)
      let at = draw(4) == 0 ? draw(bytes.count) : draw(front)
      switch draw(7) {
      case 0: bytes[at] ^= 1 << UInt8(draw(8))
      case 1: bytes[at] = UInt8(draw(256))
      case 2: bytes.removeSubrange(at..<min(bytes.count, at + 1 + draw(8)))
      case 3: bytes.insert(contentsOf: (0...draw(8)).map { _ in UInt8(draw(256)) }, at: at)
      case 4: bytes[draw(min(8, bytes.count))] = UInt8(draw(256))
      case 5:
        let digits = bytes.indices.prefix(front).filter { (0x30...0x39).contains(bytes[$0]) }
        if !digits.isEmpty { bytes[digits[draw(digits.count)]] = 0x30 + UInt8(draw(10)) }
      default:
        let from = draw(front)
        bytes.insert(contentsOf: Array(bytes[from..<min(bytes.count, from + 1 + draw(40))]), at: at)
      }
    }
  }

  private func seedFile(_ folder: URL) throws -> [UInt8] {
    let url = folder.appendingPathComponent("seed.safetensors")
    let specs = [TensorSpec("model.embed_tokens.weight", [4, 3]), TensorSpec("b", [5]), TensorSpec("c", [])]
    let writer = try SafetensorsWriter(
      url, tensors: specs, type: .bfloat16, metadata: ["format": "pt", "note": "\u{1F600}\n"])
    for spec in specs { try writer.write(spec.name, [Float](repeating: 1.5, count: spec.count)) }
    try writer.commit()
    return [UInt8](try Data(contentsOf: url))
  }

  func testMutatedFilesNeverCrash() throws {
    let folder = try memoryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let seed = try seedFile(folder)
    let headerLength = Int(seed[0]) + Int(seed[1]) << 8
    let url = folder.appendingPathComponent("mutant.safetensors")
    Fuzz.run("safetensors", place: url.path) { _, random in
      var bytes = seed
      mutate(&bytes, &random, headerLength: headerLength)
      try Data(bytes).write(to: url)
      let file = try SafetensorsFile(url)
      XCTAssertLessThanOrEqual(file.tensors.reduce(0) { $0 + $1.range.count }, bytes.count)
      for info in file.tensors {
        if let values = try? file.readFloats(info.name) { XCTAssertEqual(values.count, info.count) }
        if let values = try? file.readIntegers(info.name) { XCTAssertEqual(values.count, info.count) }
      }
    }
  }

  func testMutatedConfigsNeverCrash() throws {
    let base = try ModelConfig.preset("nano-1b")
    let latent = LatentConfig(
      qRank: 46, kvRank: 64, nopeHeadDim: 4, ropeHeadDim: 4, valueHeadDim: 8, upProjectionHeads: 16,
      layerRanks: [3: .init(q: 40, kv: 60)], rope: RopeConfig(scaling: .yarn(.init(factor: 2, originalMaxPosition: 64)))
    )
    let seed = Array(try base.withLatentAttention(latent).json.text().utf8)
    Fuzz.run("bytes of configs") { _, random in
      var bytes = seed
      mutate(&bytes, &random, headerLength: seed.count)
      let config = try ModelConfig(json: JSONValue(parsing: Data(bytes), file: "c"), file: "c")
      XCTAssertEqual(try ModelConfig(json: config.json, file: "again"), config)
      XCTAssertGreaterThan(config.parameterCount, 0)
    }
  }

  func testDeepAndHugeConfigsAreRefused() {
    for text in [
      String(repeating: "[", count: 200_000), String(repeating: "{\"a\":", count: 200_000), "{\"hidden_size\": 1e400}",
      "\"x\"", "",
    ] {
      XCTAssertThrowsError(try ModelConfig(json: JSONValue(parsing: Data(text.utf8), file: "c"), file: "c")) {
        XCTAssertTrue($0 is UpcycleError, "\($0)")
      }
    }
  }

  func testMutatedLlama2CHeadersNeverCrash() throws {
    let folder = try memoryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appendingPathComponent("mutant.bin")
    Fuzz.run("llama2.c files", place: url.path) { _, random in
      var bytes = Data()
      for _ in 0..<7 {
        // Small, large or negative.
        let value = Int32(truncatingIfNeeded: random.nextBits()) >> random.pick([27, 20, 0])
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
      }
      bytes.append(Data(count: random.next(below: 4096)))
      try bytes.write(to: url)
      _ = try Llama2CFile(url)
    }
  }
}
