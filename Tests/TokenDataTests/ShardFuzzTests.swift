import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Random damage to a file's bytes.
enum Mutation {
  /// Changes a few bytes, cuts, or inserts.
  static func of(_ data: Data, _ random: inout RandomStream) -> Data {
    var bytes = [UInt8](data)
    for _ in 0...random.next(below: 4) where !bytes.isEmpty {
      let place = random.next(below: bytes.count)
      switch random.next(below: 6) {
      case 0: bytes[place] ^= 1 << UInt8(random.next(below: 8))
      case 1: bytes[place] = UInt8(random.next(below: 256))
      case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.next(below: 9)))
      case 3:
        bytes.insert(
          contentsOf: bytes[place..<min(bytes.count, place + 12)], at: random.next(below: bytes.count))
      case 4: bytes.replaceSubrange(place..<place + 1, with: random.pick(Self.tokens).utf8)
      default: if random.chance(0.2) { bytes.removeSubrange(place...) }
      }
    }
    return Data(bytes)
  }

  private static let tokens = [
    "0", "-1", "9223372036854775807", "1e309", "null", "true", "[", "]", "{", "}", "\"", ",", ":", "\\u0000",
    "\\",
    "\\ud800", "\u{FF}",
  ]
}

/// Mutated shards, document indexes and manifests: refused or read as they were, never a crash.
final class ShardFuzzTests: XCTestCase {
  func testMutatedShardsNeverCrash() throws {
    let fixture = try ShardFixture(shardTokens: 1 << 20, documents: 6)
    defer { fixture.remove() }
    let tokens = fixture.tokens
    let names = ["shard-00000.zst", "documents.zst", "manifest.json"]
    let originals = try names.map { try readFile(fixture.file($0)) }
    Fuzz.run("shards, their documents and manifests", place: fixture.folder.path) { _, random in
      let which = random.next(below: names.count)
      let mutated = Mutation.of(originals[which], &random)
      try mutated.write(to: fixture.file(names[which]))
      defer {
        try? originals[which].write(to: fixture.file(names[which]))
        try? originals[2].write(to: fixture.file(names[2]))
      }
      // The manifest follows the size, so that more than the size check is reached.
      if which == 0 {
        var manifest = try ShardManifest(parsing: originals[2], file: "manifest.json")
        manifest.shards[0].bytes = max(mutated.count, 1)
        manifest.shards[0].sha256 = sha256(mutated)
        try manifest.encoded().write(to: fixture.file(ShardManifest.fileName))
      }
      do {
        let read = try ShardDamageTests.readAll(fixture.folder)
        if which == 0 { XCTAssertEqual(read, tokens) }
      } catch { Fuzz.isClear(error, fixture.folder.path) }
      try TokenShards(fixture.folder).verify()
    }
  }
}
