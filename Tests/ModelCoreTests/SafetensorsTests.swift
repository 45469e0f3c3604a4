import Foundation
import Groundwork
import ModelCore
import TestKit
import XCTest

final class SafetensorsTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  /// A file from a header text and data bytes.
  private func file(header: String, data: [UInt8], name: String = "x.safetensors") throws -> URL {
    var bytes = Data()
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { bytes.append(contentsOf: $0) }
    bytes.append(Data(header.utf8))
    bytes.append(contentsOf: data)
    let url = folder.appendingPathComponent(name)
    try bytes.write(to: url)
    return url
  }

  private func assertRefused(_ header: String, _ data: [UInt8], _ word: String, line: UInt = #line) throws {
    let url = try file(header: header, data: data)
    XCTAssertThrowsError(try SafetensorsFile(url), line: line) {
      guard let error = $0 as? UpcycleError else { return XCTFail("\($0)", line: line) }
      XCTAssertTrue(error.description.contains(word), "\"\(error)\" does not say \(word)", line: line)
      XCTAssertTrue(error.description.contains("x.safetensors"), line: line)
    }
  }

  func testEveryBFloat16PatternIsExact() throws {
    let url = folder.appendingPathComponent("all.safetensors")
    let values = (0...UInt16.max).map { BFloat16.decode($0) }
    let writer = try SafetensorsWriter(url, tensors: [TensorSpec("all", [256, 256])], type: .bfloat16)
    try writer.write("all", values)
    try writer.commit()
    let read = try SafetensorsFile(url).readFloats("all")
    for (index, value) in read.enumerated() {
      let bits = UInt16(index)
      if value.isNaN {
        XCTAssertTrue(values[index].isNaN)
      } else {
        XCTAssertEqual(value.bitPattern, UInt32(bits) << 16)
        XCTAssertEqual(BFloat16.encode(value), bits)
      }
    }
  }

  func testEveryHalfPatternIsExact() throws {
    let url = folder.appendingPathComponent("all.safetensors")
    let values = (0...UInt16.max).map { Half.decode($0) }
    let writer = try SafetensorsWriter(url, tensors: [TensorSpec("all", [65536])], type: .float16)
    try writer.write("all", values)
    try writer.commit()
    let read = try SafetensorsFile(url).readFloats("all")
    for index in values.indices {
      let exact = Float(Float16(bitPattern: UInt16(index)))
      if exact.isNaN {
        XCTAssertTrue(values[index].isNaN && read[index].isNaN)
      } else {
        XCTAssertEqual(values[index].bitPattern, exact.bitPattern)
        XCTAssertEqual(read[index].bitPattern, exact.bitPattern)
        XCTAssertEqual(Half.encode(exact), UInt16(index))
      }
    }
  }

  /// What was infinite stays so; what would become so is refused.
  func testNumbersBeyondHalfAreRefused() throws {
    let url = folder.appendingPathComponent("loud.safetensors")
    let cases: [(value: Float, fits: Bool)] = [
      (65504, true), (65519, true), (65520, false), (-70000, false), (.greatestFiniteMagnitude, false),
      (.infinity, true), (.nan, true), (0, true),
    ]
    for (value, fits) in cases {
      XCTAssertEqual(Half.isTooLarge(value), !fits, "\(value)")
      let writer = try SafetensorsWriter(url, tensors: [TensorSpec("loud", [2, 2])], type: .float16)
      if fits {
        XCTAssertNoThrow(try writer.write("loud", [1, 2, 3, value]))
        continue
      }
      XCTAssertThrowsError(try writer.write("loud", [1, 2, 3, value])) { error in
        for word in ["does not fit float16", "loud.safetensors: loud", "65504", "bfloat16"] {
          XCTAssertTrue("\(error)".contains(word), "\(error)")
        }
      }
    }
    let whole = try SafetensorsWriter(url, tensors: [TensorSpec("loud", [1])], type: .bfloat16)
    XCTAssertNoThrow(try whole.write("loud", [70000]))
  }

  func testRoundingIsToNearestEven() {
    let stream = RandomStream(seed: 1, "rounding")
    for i in 0..<200_000 {
      let bits = UInt32(truncatingIfNeeded: stream.bits(at: UInt64(i)))
      let value = Float(bitPattern: bits)
      if value.isNaN {
        XCTAssertTrue(Half.decode(Half.encode(value)).isNaN)
        XCTAssertTrue(BFloat16.decode(BFloat16.encode(value)).isNaN)
        continue
      }
      XCTAssertEqual(Half.encode(value), Float16(value).bitPattern, "\(value)")
      // Small values, where halves are subnormal or vanish.
      let small = value.significand * 0x1p-20
      XCTAssertEqual(Half.encode(small), Float16(small).bitPattern, "\(small)")
    }
    XCTAssertEqual(BFloat16.encode(1 + 0x1p-8), 0x3F80)  // tie, down to even
    XCTAssertEqual(BFloat16.encode(1 + 3 * 0x1p-8), 0x3F82)  // tie, up to even
    XCTAssertEqual(BFloat16.encode(Float.greatestFiniteMagnitude), 0x7F80)
  }

  func testWhatIsWrittenIsReadBack() throws {
    let url = folder.appendingPathComponent("pair.safetensors")
    let a: [Float] = (0..<12).map { Float($0) * 0.5 - 1 }
    let writer = try SafetensorsWriter(
      url, tensors: [TensorSpec("a", [3, 4]), TensorSpec("b\"\\é", []), TensorSpec("none", [0, 4])])
    try writer.write("a", a)
    try writer.write("b\"\\é", [7])
    try writer.write("none", [])
    XCTAssertFalse(FileManager.default.fileExists(atPath: url.path))
    try writer.commit()
    let file = try SafetensorsFile(url)
    XCTAssertEqual(file.metadata, ["format": "pt"])
    XCTAssertEqual(file.names.sorted(), ["a", "b\"\\é", "none"])
    XCTAssertEqual(file.info("a")?.shape, [3, 4])
    XCTAssertEqual(try file.readFloats("a"), a)
    XCTAssertEqual(try file.readFloats("b\"\\é"), [7])
    XCTAssertEqual(try file.readFloats("none"), [])
    XCTAssertThrowsError(try file.readFloats("c")) { XCTAssertTrue("\($0)".contains("no such tensor"), "\($0)") }
  }

  func testReadsIntegersAndUnalignedData() throws {
    // A header of odd length leaves the data unaligned.
    let header =
      #"{"ids":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"w":{"dtype":"F32","shape":[1],"data_offsets":[16,20]}} "#
    for padding in ["", " ", "  "] {
      let data: [UInt8] = [5, 0, 0, 0, 0, 0, 0, 0, 254, 255, 255, 255, 255, 255, 255, 255, 0, 0, 128, 63]
      let file = try SafetensorsFile(file(header: header + padding, data: data))
      XCTAssertEqual(try file.readIntegers("ids"), [5, -2])
      XCTAssertEqual(try file.readFloats("w"), [1])
      XCTAssertThrowsError(try file.readFloats("ids")) { XCTAssertTrue("\($0)".contains("expected F32"), "\($0)") }
      XCTAssertThrowsError(try file.readIntegers("w")) {
        XCTAssertTrue("\($0)".contains("expected I64 or I32"), "\($0)")
      }
    }
  }

  func testMalformedHeadersAreRefused() throws {
    let four: [UInt8] = [0, 0, 0, 0]
    func one(_ dtype: String, _ shape: String, _ offsets: String) -> String {
      #"{"w":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)}}"#
    }
    XCTAssertNoThrow(try SafetensorsFile(file(header: one("F32", "[1]", "[0,4]"), data: four)))
    try assertRefused(one("F99", "[1]", "[0,4]"), four, "F99")
    try assertRefused(one("F32", "[2]", "[0,4]"), four, "8 bytes")
    try assertRefused(one("F32", "[2]", "[0,8]"), four, "truncated")
    try assertRefused(one("F32", "[1]", "[0,4]"), four + [1], "behind the last tensor")
    try assertRefused(one("F32", "[1]", "[1,5]"), four + [1], "hole")
    try assertRefused(one("F32", "[1]", "[4,0]"), four, "rising")
    try assertRefused(one("F32", "[4294967296,4294967296,4294967296]", "[0,4]"), four, "2^63")
    try assertRefused(one("F32", "[1]", "[0,99999999999999999999]"), four, "below 2^63")
    try assertRefused(one("F32", "[-1]", "[0,4]"), four, "below 0")
    try assertRefused(
      one("F32", "[1]", "[0,4]").replacingOccurrences(of: "}}", with: ",\"x\":1}}"), four, "unknown field")
    try assertRefused("[]", [], "'{'")
    try assertRefused(#"{"w":{"dtype":"F32"}}"#, four, "needs")
    let twice =
      #"{"w":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
    try assertRefused(twice, four, "twice")
    let overlap =
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#
    try assertRefused(overlap, four + [0, 0], "overlap")
  }

  func testMissingTruncatedAndForeignFilesAreRefused() throws {
    let missing = folder.appendingPathComponent("absent.safetensors")
    XCTAssertThrowsError(try SafetensorsFile(missing)) { XCTAssertTrue("\($0)".contains("no such file")) }
    XCTAssertThrowsError(try SafetensorsFile(folder)) { XCTAssertTrue("\($0)".contains("regular file")) }
    let url = folder.appendingPathComponent("short.safetensors")
    for bytes in [Data(), Data([1, 2, 3]), Data(repeating: 0xFF, count: 64)] {
      try bytes.write(to: url)
      XCTAssertThrowsError(try SafetensorsFile(url)) {
        XCTAssertTrue("\($0)".contains("is not a safetensors file"), "\($0)")
      }
    }
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 2471645608\n"
    try Data(pointer.utf8).write(to: url)
    XCTAssertThrowsError(try SafetensorsFile(url)) {
      XCTAssertTrue("\($0)".contains("Git LFS pointer") && "\($0)".contains("git lfs pull"), "\($0)")
    }
    try (Data([200, 0, 0, 0, 0, 0, 0, 0]) + Data("{}".utf8)).write(to: url)
    XCTAssertThrowsError(try SafetensorsFile(url)) { XCTAssertTrue("\($0)".contains("truncated"), "\($0)") }
  }

  func testShardsAreReadThroughTheirIndex() throws {
    let specs = (0..<5).map { TensorSpec("t\($0)", [4, 8]) }
    let values = (0..<5).map { tensor in (0..<32).map { Float(tensor * 100 + $0) } }
    // A single file first, then shards over it, then a single file again: no leftovers either way.
    for shardBytes in [1 << 20, 300, 1 << 20] {
      let writer = try CheckpointWriter(folder, tensors: specs, shardBytes: shardBytes)
      for (spec, value) in zip(specs, values) { try writer.write(spec.name, value) }
      try writer.commit()
      let reader = try CheckpointReader(folder)
      XCTAssertEqual(reader.names, Set(specs.map(\.name)))
      for (spec, value) in zip(specs, values) {
        XCTAssertEqual(try reader.readFloats(spec.name, shape: spec.shape), value)
      }
      let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }
        .sorted()
      XCTAssertEqual(
        files,
        shardBytes == 300
          ? [
            "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors",
            "model.safetensors.index.json",
          ] : ["model.safetensors"])
    }
  }

  func testReaderIsStrict() throws {
    let writer = try CheckpointWriter(folder, tensors: [TensorSpec("w", [2, 3])])
    try writer.write("w", [1, 2, 3, 4, 5, 6])
    try writer.commit()
    let reader = try CheckpointReader(folder)
    XCTAssertThrowsError(try reader.readFloats("w", shape: [3, 2])) {
      XCTAssertTrue("\($0)".contains("[3, 2]") && "\($0)".contains("[2, 3]"), "\($0)")
    }
    XCTAssertThrowsError(try reader.readFloats("v", shape: [1])) { XCTAssertTrue("\($0)".contains("missing"), "\($0)") }
  }

  func testBadIndexIsRefused() throws {
    let index = folder.appendingPathComponent(CheckpointReader.indexName)
    for (text, word) in [
      ("{}", "weight_map"), ("[", "JSON"), (#"{"weight_map":{"a":"../evil.safetensors"}}"#, "shard name"),
      (#"{"weight_map":{"a":3}}"#, "shard name"), (#"{"weight_map":{"a":"gone.safetensors"}}"#, "no such file"),
    ] {
      try Data(text.utf8).write(to: index)
      XCTAssertThrowsError(try CheckpointReader(folder)) { XCTAssertTrue("\($0)".contains(word), "\($0)") }
    }
    _ = try file(header: "{}", data: [], name: "empty.safetensors")
    try Data(#"{"weight_map":{"a":"empty.safetensors"}}"#.utf8).write(to: index)
    // A tied head may be listed and not stored; what is asked for must be.
    let reader = try CheckpointReader(folder)
    XCTAssertEqual(reader.names, [])
    XCTAssertThrowsError(try reader.readFloats("a", shape: [1])) {
      XCTAssertTrue("\($0)".contains("does not hold") && "\($0)".contains("empty.safetensors"), "\($0)")
    }
  }

  func testUnwritableFolderIsOneLine() throws {
    let blocked = folder.appendingPathComponent("file")
    try Data().write(to: blocked)
    XCTAssertThrowsError(try CheckpointWriter(blocked.appendingPathComponent("inside"), tensors: [])) {
      XCTAssertTrue($0 is UpcycleError, "\($0)")
    }
  }

  func testAbandonedWriterLeavesNothing() throws {
    do {
      let writer = try CheckpointWriter(folder, tensors: [TensorSpec("w", [4])])
      try writer.write("w", [1, 2, 3, 4])
    }
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.path), [])
  }
}
