import Foundation
import Groundwork
import Synchronization
import TestKit
import XCTest

@testable import TokenData

/// A folder of small shards with known tokens: several frames and several files.
struct ShardFixture {
  let folder: URL
  let tokenizer: Tokenizer
  let documents: [[Int32]]
  var tokens: [Int32] { documents.flatMap { $0 } }

  /// - Parameter vocabularySize: above 65,536 the shards hold u32.
  init(frameTokens: Int = 16, shardTokens: Int = 100, documents count: Int = 40, vocabularySize: Int = 300)
    throws
  {
    folder = try Self.memoryFolder().appendingPathComponent("shards")
    tokenizer = try ShardFixture.tokenizer(vocabularySize)
    var random = RandomStream(seed: 3, "documents")
    documents = (0..<count).map { _ in
      [0] + (0..<random.next(below: 30)).map { _ in Int32(random.next(below: vocabularySize)) }
    }
    var options = ShardWriter.Options()
    options.frameTokens = frameTokens
    options.shardTokens = shardTokens
    let writer = try ShardWriter(folder: folder, tokenizer: tokenizer, options: options)
    for document in documents { try writer.append(document: document) }
    try writer.finish()
  }

  /// A fresh folder, in memory where the system has such: thousands of rewritten files are slow on a disk.
  private static func memoryFolder() throws -> URL {
    let url = URL(fileURLWithPath: "/dev/shm/upcycle-\(UUID().uuidString)")
    do { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false) } catch {
      return try temporaryFolder()
    }
    return url
  }

  /// A tokenizer of any size: characters, as many as needed.
  static func tokenizer(_ size: Int) throws -> Tokenizer {
    let pieces = ["<unk>", "<s>", "</s>"] + (0..<size - 3).map { "piece \($0)" }
    let value = JSONValue.object(["pieces": .array(pieces.map { .string($0) })])
    return try PieceFile.load(Data(value.text().utf8), file: "test.json")
  }

  func remove() { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }

  func file(_ name: String) -> URL { folder.appendingPathComponent(name) }
}

final class ShardTests: XCTestCase {
  func testEveryWindowEqualsTheWhole() throws {
    for vocabulary in [300, 70_000] {
      let fixture = try ShardFixture(vocabularySize: vocabulary)
      defer { fixture.remove() }
      let shards = try TokenShards(fixture.folder, tokenizer: fixture.tokenizer, cachedFrames: 2)
      let tokens = fixture.tokens
      XCTAssertEqual(shards.manifest.dtype, vocabulary > 65_536 ? .u32 : .u16)
      XCTAssertEqual(shards.count, tokens.count)
      XCTAssertGreaterThan(shards.manifest.shards.count, 3)
      for start in stride(from: 0, to: tokens.count, by: 7) {
        for length in [0, 1, 15, 16, 17, 100, 250] where start + length <= tokens.count {
          XCTAssertEqual(try shards.read(start..<start + length), Array(tokens[start..<start + length]))
        }
      }
      try shards.verify()
      XCTAssertThrowsError(try shards.read(0..<tokens.count + 1)) {
        XCTAssertTrue("\($0)".contains("a window outside the shards"), "\($0)")
      }
      XCTAssertThrowsError(try shards.read(-1..<2)) {
        XCTAssertTrue("\($0)".contains("a window outside the shards"), "\($0)")
      }
    }
  }

  /// 64 files stay open; the others are read as well, and hold no descriptor.
  func testAFolderOfMoreFilesThanStayOpen() throws {
    let fixture = try ShardFixture(frameTokens: 2, shardTokens: 4)
    defer { fixture.remove() }
    func openFiles() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter { descriptor in
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
        return target?.hasPrefix(fixture.folder.path + "/") == true
      }.count
    }
    let shards = try TokenShards(fixture.folder, cachedFrames: 1)
    XCTAssertGreaterThan(shards.manifest.shards.count, 70)
    XCTAssertEqual(try openFiles(), 64)
    XCTAssertEqual(try shards.read(0..<shards.count), fixture.tokens)
    try shards.verify()
    XCTAssertEqual(try openFiles(), 64)
  }

  func testThreadsReadSideBySide() throws {
    for vocabulary in [300, 70_000] {
      let fixture = try ShardFixture(vocabularySize: vocabulary)
      defer { fixture.remove() }
      let shards = try TokenShards(fixture.folder, cachedFrames: 3)
      let tokens = fixture.tokens
      let wrong = Mutex(0)
      DispatchQueue.concurrentPerform(iterations: 8) { worker in
        for start in stride(from: worker, to: tokens.count - 40, by: 7) {
          if try! shards.read(start..<start + 40) != Array(tokens[start..<start + 40]) { wrong.withLock { $0 += 1 } }
        }
      }
      XCTAssertEqual(wrong.withLock { $0 }, 0)
    }
  }

  func testDocumentsKeepTheirBoundaries() throws {
    let fixture = try ShardFixture()
    defer { fixture.remove() }
    let shards = try TokenShards(fixture.folder)
    XCTAssertEqual(try shards.documents().count, fixture.documents.count)
    for (number, document) in fixture.documents.enumerated() {
      XCTAssertEqual(try shards.read(shards.document(number)), document)
    }
    XCTAssertThrowsError(try shards.document(fixture.documents.count)) {
      XCTAssertTrue("\($0)".contains("no such document"), "\($0)")
    }
  }

  func testZstdGivesTheRawTokens() throws {
    let zstd = URL(fileURLWithPath: "/usr/bin/zstd")
    guard FileManager.default.isExecutableFile(atPath: zstd.path) else {
      throw XCTSkip("skipped: no zstd command")
    }
    let fixture = try ShardFixture(shardTokens: 1 << 20)
    defer { fixture.remove() }
    let process = Process()
    process.executableURL = zstd
    process.arguments = ["-dc", fixture.file("shard-00000.zst").path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let raw = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    XCTAssertEqual(process.terminationStatus, 0)
    XCTAssertEqual(
      raw,
      Data(fixture.tokens.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }))
  }

  // MARK: Writing

  func testEmptyCorpusAndForeignFoldersAreRefused() throws {
    let parent = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: parent) }
    let tokenizer = try ShardFixture.tokenizer(10)
    let empty = try ShardWriter(folder: parent.appendingPathComponent("a"), tokenizer: tokenizer)
    XCTAssertThrowsError(try empty.finish()) { XCTAssertTrue("\($0)".contains("empty")) }
    let foreign = parent.appendingPathComponent("b")
    try writeFile("precious", to: foreign.appendingPathComponent("thesis.txt"))
    XCTAssertThrowsError(try ShardWriter(folder: foreign, tokenizer: tokenizer)) {
      XCTAssertTrue("\($0)".contains("not overwritten"))
    }
    let file = parent.appendingPathComponent("c")
    try writeFile("precious", to: file)
    XCTAssertThrowsError(try ShardWriter(folder: file, tokenizer: tokenizer))
    XCTAssertThrowsError(
      try ShardWriter(folder: URL(fileURLWithPath: "/proc/nowhere/shards"), tokenizer: tokenizer))
    let bad = try ShardWriter(folder: parent.appendingPathComponent("d"), tokenizer: tokenizer)
    XCTAssertThrowsError(try bad.append(document: [10])) {
      XCTAssertTrue("\($0)".contains("token id outside the vocabulary"), "\($0)")
    }
    XCTAssertThrowsError(try bad.append(document: [-1])) {
      XCTAssertTrue("\($0)".contains("token id outside the vocabulary"), "\($0)")
    }
  }

  func testUnfinishedWriterLeavesNothingAndOldShardsStay() throws {
    let fixture = try ShardFixture()
    defer { fixture.remove() }
    do {
      let writer = try ShardWriter(folder: fixture.folder, tokenizer: fixture.tokenizer)
      try writer.append(document: [1, 2, 3])
    }
    XCTAssertEqual(try TokenShards(fixture.folder).count, fixture.tokens.count)
    let writer = try ShardWriter(folder: fixture.folder, tokenizer: fixture.tokenizer)
    try writer.append(document: [1, 2, 3])
    try writer.finish()
    XCTAssertEqual(try TokenShards(fixture.folder).read(0..<3), [1, 2, 3])
    let beside = try FileManager.default.contentsOfDirectory(
      atPath: fixture.folder.deletingLastPathComponent().path)
    XCTAssertEqual(beside, ["shards"])
  }

  func testAnotherTokenizerIsRefused() throws {
    let fixture = try ShardFixture()
    defer { fixture.remove() }
    XCTAssertThrowsError(try TokenShards(fixture.folder, tokenizer: try ShardFixture.tokenizer(301))) {
      XCTAssertTrue("\($0)".contains("another tokenizer"))
    }
  }

  // MARK: Documents of text files

  func testDocumentsEndAtTheirSeparators() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("text.txt")
    func documents(_ text: String, _ separator: String) throws -> [String] {
      try writeFile(text, to: file)
      var out: [String] = []
      try DocumentReader(file, separator: .init(separator)).forEachDocument { bytes, _ in
        out.append(String(decoding: bytes, as: UTF8.self))
      }
      return out
    }
    let text = "a\nb\n<|endoftext|>\r\n\nc <|endoftext|>\n<|endoftext|>\n<|endoftext|>\nd"
    XCTAssertEqual(try documents(text, "auto"), ["a\nb", "c <|endoftext|>", "d"])
    XCTAssertEqual(try documents("a\n\n\nb\nc\n", "blank-line"), ["a", "b\nc"])
    XCTAssertEqual(try documents("a\n\nb\n", "line"), ["a", "b"])
    XCTAssertEqual(try documents("a\n---\nb\n", "---"), ["a", "b"])
    XCTAssertEqual(try documents("\na\n\nb\n", "file"), ["\na\n\nb\n"])
    XCTAssertEqual(try documents("a\n\nb\n", "auto"), ["a\n\nb"])
    XCTAssertEqual(try documents("", "auto"), [])
    XCTAssertEqual(try documents("\n\n", "auto"), [])
    XCTAssertThrowsError(try DocumentReader(folder.appendingPathComponent("absent.txt")))
    XCTAssertThrowsError(try DocumentReader(folder))
  }

  func testPackedTextComesBack() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let tokenizer = try TokenizerTests.trained()
    let writer = try ShardWriter(folder: folder.appendingPathComponent("s"), tokenizer: tokenizer)
    let texts = ["One day.", TokenizerTests.story, "é"]
    for text in texts { try writer.append(document: tokenizer.encodeDocument(text, appendingEnd: true)) }
    try writer.finish()
    let shards = try TokenShards(folder.appendingPathComponent("s"), tokenizer: tokenizer)
    for (number, text) in texts.enumerated() {
      XCTAssertEqual(tokenizer.decode(try shards.read(shards.document(number))), text)
    }
  }
}
