import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Damaged shards are refused with file, offset and reason, and never crash the reader.
final class ShardDamageTests: XCTestCase {
  static func readAll(_ folder: URL) throws -> [Int32] {
    let shards = try TokenShards(folder)
    _ = try shards.documents()
    return try shards.read(0..<shards.count)
  }

  func testEveryFlippedByteIsFound() throws {
    let fixture = try ShardFixture(shardTokens: 1 << 20, documents: 8)
    defer { fixture.remove() }
    let tokens = fixture.tokens
    for name in ["shard-00000.zst", "documents.zst", "manifest.json"] {
      let url = fixture.file(name)
      let original = try readFile(url)
      for index in original.indices {
        for bit in [UInt8(1), 0x80] {
          var damaged = original
          damaged[index] ^= bit
          try damaged.write(to: url)
          XCTAssertThrowsError(try TokenShards(fixture.folder).verify(), "\(name) byte \(index)")
          // Reading alone may miss a byte that does not matter, but never gives other tokens.
          if let read = try? Self.readAll(fixture.folder) {
            XCTAssertEqual(read, tokens, "\(name) byte \(index)")
          }
        }
      }
      try original.write(to: url)
    }
    try TokenShards(fixture.folder).verify()
  }

  func testEveryTruncationIsFound() throws {
    let fixture = try ShardFixture(shardTokens: 1 << 20, documents: 8)
    defer { fixture.remove() }
    let url = fixture.file("shard-00000.zst")
    let original = try readFile(url)
    for count in 0..<original.count {
      try original.prefix(count).write(to: url)
      XCTAssertThrowsError(try TokenShards(fixture.folder)) {
        XCTAssertTrue("\($0)".contains("shard-00000.zst: damaged at byte \(count): truncated"), "\($0)")
      }
    }
  }

  func testReasonsAreNamed() throws {
    let fixture = try ShardFixture(shardTokens: 1 << 20)
    defer { fixture.remove() }
    let url = fixture.file("shard-00000.zst")
    let original = try readFile(url)
    func reason(_ change: (inout Data) -> Void) throws -> String {
      var data = original
      change(&data)
      try data.write(to: url)
      defer { try? original.write(to: url) }
      do { try TokenShards(fixture.folder).verify() } catch { return "\(error)" }
      return "none"
    }
    XCTAssertTrue(try reason { $0[20] ^= 4 }.contains("shard-00000.zst: damaged at byte 0: frame 0"))
    XCTAssertTrue(try reason { $0[$0.count - 1] ^= 4 }.contains("no seek table"))
    XCTAssertTrue(try reason { $0[$0.count - 9] ^= 1 }.contains("seek table"))
    XCTAssertTrue(try reason { $0 = Data(count: $0.count) }.contains("not a token shard"))
    try FileManager.default.removeItem(at: url)
    XCTAssertThrowsError(try TokenShards(fixture.folder)) { XCTAssertTrue("\($0)".contains("no such file"), "\($0)") }
  }

  func testForeignVocabularyIsRefused() throws {
    // The same tokens under a manifest that claims a smaller vocabulary.
    let fixture = try ShardFixture()
    defer { fixture.remove() }
    var manifest = try ShardManifest(folder: fixture.folder)
    manifest.tokenizer.vocabularySize = 100
    try manifest.write(to: fixture.folder)
    XCTAssertThrowsError(try TokenShards(fixture.folder).verify()) {
      XCTAssertTrue("\($0)".contains("outside the vocabulary"))
    }
  }

  func testManifestIsChecked() throws {
    let fixture = try ShardFixture()
    defer { fixture.remove() }
    let good = try ShardManifest(folder: fixture.folder)
    func refused(_ change: (inout ShardManifest) -> Void, _ line: UInt = #line) throws {
      var manifest = good
      change(&manifest)
      try manifest.encoded().write(to: fixture.file(ShardManifest.fileName))
      XCTAssertThrowsError(try Self.readAll(fixture.folder), line: line)
    }
    try good.encoded().write(to: fixture.file(ShardManifest.fileName))
    XCTAssertNoThrow(try Self.readAll(fixture.folder))
    try refused { $0.tokens += 1 }
    try refused { $0.version = 2 }
    try refused { $0.format = "other" }
    try refused { $0.dtype = .u32 }
    try refused { $0.frameTokens = 17 }
    try refused { $0.frameTokens = 0 }
    try refused { $0.shards[0].file = "../shard-00000.zst" }
    try refused { $0.shards[0].tokens = Int.max }
    try refused { $0.shards[0].tokens = -5 }
    try refused { $0.shards = [] }
    try refused { $0.documents.count += 1 }
    try refused { $0.documents.count = 0 }
    try refused { $0.documents.file = "manifest.json" }
  }
}
