import Foundation
import Groundwork
import XCTest

@testable import TokenData

/// Strings by seed, the same here and in Scripts/goldens/nasty.py, and the digests of what other libraries make of
/// them.
struct NastyStrings {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Goldens")

  let count: Int
  private let long: Int
  private let pieces: [String]
  private let ranges: [(low: UInt64, count: UInt64)]

  init() throws {
    let value = try JSONValue(contentsOf: Self.folder.appendingPathComponent("nasty.json"))
    count = try XCTUnwrap(value["count"]?.int)
    long = try XCTUnwrap(value["long"]?.int)
    pieces = try XCTUnwrap(value["pieces"]?.array).map { try XCTUnwrap($0.string) }
    ranges = try XCTUnwrap(value["ranges"]?.array).map { range in
      let bounds = try XCTUnwrap(range.array).map { UInt64(try XCTUnwrap($0.int)) }
      return (bounds[0], bounds[1] - bounds[0] + 1)
    }
  }

  /// String `index`; the last one is a line of 1 MB.
  subscript(index: Int) -> String {
    var random = SplitMix64(state: UInt64(index))
    var bytes: [UInt8] = []
    if index == count - 1 {
      while bytes.count < long {
        for byte in random.pick(pieces).utf8 { bytes.append(byte == 0x0A || byte == 0x0D ? 0x20 : byte) }
      }
    } else {
      for _ in 0..<1 + random.below(24) { bytes += Array(part(&random).utf8) }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func part(_ random: inout SplitMix64) -> String {
    let kind = random.below(10)
    if kind < 6 { return random.pick(pieces) }
    if kind < 9 {
      let range = random.pick(ranges)
      return String(Unicode.Scalar(UInt32(range.low + random.below(range.count))).map { String($0) } ?? "")
    }
    let piece = random.pick(pieces)
    return String(repeating: piece, count: Int(1 + random.below(20)))
  }

  /// FNV-1a over the ids (little-endian, 32 bits) and the text, folded to 32 bits.
  static func digest(_ ids: [Int32], _ text: String) -> UInt32 {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    for id in ids { for shift in [Int32(0), 8, 16, 24] { add(UInt8(truncatingIfNeeded: id >> shift)) } }
    for byte in text.utf8 { add(byte) }
    return UInt32(truncatingIfNeeded: value ^ (value >> 32))
  }

  /// The digests in Goldens/NAME.digests.
  static func digests(_ name: String) throws -> [UInt32] {
    let data = try readFile(folder.appendingPathComponent(name + ".digests"))
    let digits = data.filter { $0 != 0x0A }
    return try stride(from: 0, to: digits.count, by: 8).map { start in
      try XCTUnwrap(UInt32(String(decoding: digits[start..<start + 8], as: UTF8.self), radix: 16))
    }
  }
}

private struct SplitMix64 {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ bound: UInt64) -> UInt64 { next() % bound }

  mutating func pick<T>(_ items: [T]) -> T { items[Int(below(UInt64(items.count)))] }
}
