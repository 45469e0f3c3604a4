import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Documents in the forms that training text comes in, and files that are no text.
final class DocumentReaderTests: XCTestCase {
  private static let files = NastyStrings.folder.appendingPathComponent("documents")

  private func write(_ bytes: [UInt8], _ name: String) throws -> String {
    let folder = try temporaryFolder()
    addTeardownBlock { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent(name)
    try writeFile(Data(bytes), to: file)
    return file.path
  }

  private func documents(
    _ path: String, separator: DocumentSeparator = .automatic, field: String = "text", badLines: BadLines = BadLines()
  ) throws -> [String] {
    var documents: [String] = []
    try DocumentReader(path, separator: separator, field: field, badLines: badLines).forEachDocument { text, _ in
      documents.append(String(decoding: text, as: UTF8.self))
    }
    return documents
  }

  func testJSONLinesByNameAndByContent() throws {
    let text =
      "{\"id\": 1, \"text\": \"one\\nline \\u00e9\"}\n\n{\"text\": \"two\", \"text\": \"zwei\"}\r\n{\"text\": null}\n"
    for name in ["a.jsonl", "a.ndjson", "a.txt", "a"] {
      XCTAssertEqual(try documents(write(Array(text.utf8), name)), ["one\nline é", "zwei"], name)
    }
    let nested = "{\"meta\": {\"text\": \"no\"}, \"a\": {\"b\": \"deep\"}}"
    XCTAssertEqual(try documents(write(Array(nested.utf8), "n.jsonl"), field: "a.b"), ["deep"])
    XCTAssertEqual(try documents(write(Array("{x} is no JSON".utf8), "n.txt")), ["{x} is no JSON"])
  }

  func testBadLinesAreNamedAndCounted() throws {
    let path = try write(
      Array("{\"text\": \"a\"}\n\n{\"text\": 7}\n{\"other\": \"b\"}\nnot\n{\"text\": \"c\"}".utf8), "b.jsonl")
    XCTAssertThrowsError(try documents(path)) {
      XCTAssertTrue("\($0)".contains("b.jsonl:3") && !"\($0)".contains("\n"), "\($0)")
    }
    let badLines = BadLines(limit: 3)
    XCTAssertEqual(try documents(path, badLines: badLines), ["a", "c"])
    XCTAssertEqual(badLines.count, 3)
    XCTAssertThrowsError(try documents(path, badLines: BadLines(limit: 2))) {
      XCTAssertTrue("\($0)".contains("b.jsonl:5"), "\($0)")
    }
  }

  func testAByteOrderMarkIsNoText() throws {
    XCTAssertEqual(try documents(write([0xEF, 0xBB, 0xBF] + Array("hi\n".utf8), "a.txt")), ["hi"])
    XCTAssertEqual(try documents(write([0xEF, 0xBB, 0xBF] + Array("{\"text\": \"hi\"}".utf8), "a.jsonl")), ["hi"])
  }

  /// Made by `gzip` and `zstd` (Scripts/goldens/make_documents.sh): two members or frames each, 3,000 lines.
  func testCompressedFilesStreamThrough() throws {
    let expected = (0..<3000).map { "document \($0) says \(String(repeating: "ab", count: $0 % 50))" }
    for name in ["lines.txt.gz", "lines.txt.zst"] {
      let path = Self.files.appendingPathComponent(name).path
      XCTAssertEqual(try documents(path, separator: .everyLine), expected, name)
      XCTAssertEqual(try documents(path, separator: .file), [expected.joined(separator: "\n") + "\n"], name)
      let cut = try Data(contentsOf: URL(fileURLWithPath: path)).dropLast(7)
      XCTAssertThrowsError(try documents(write(Array(cut), name), separator: .everyLine), name)
    }
    XCTAssertEqual(try documents(Self.files.appendingPathComponent("lines.jsonl.gz").path), expected)
  }

  /// Whose first line goes on in the second member.
  func testTheKindOfAFileIsToldBeyondItsFirstMember() throws {
    let place = try write([], "parts.gz")
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/bash")
    shell.arguments = [
      "-c", "(printf '{\"text\": \"hello' | gzip; printf ' world\"}\\n{\"text\": \"b\"}\\n' | gzip) > '\(place)'",
    ]
    try shell.run()
    shell.waitUntilExit()
    XCTAssertEqual(try documents(place), ["hello world", "b"])
  }

  /// What `gzip` and `zstd` write and unpack: an empty member, zeros that fill a block, frames without content (pzstd). What
  /// they call damaged is refused.
  func testMembersPaddingAndSkippableFrames() throws {
    func packed(_ ending: String) throws -> [UInt8] {
      Array(try readFile(Self.files.appendingPathComponent("lines.txt.\(ending)")))
    }
    let (gzip, zstd) = try (packed("gz"), packed("zst"))
    let empty: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    let zeros = [UInt8](repeating: 0, count: 3 << 20)
    func skippable(_ kind: UInt8, _ count: UInt8) -> [UInt8] {
      [0x50 + kind, 0x2A, 0x4D, 0x18, count, 0, 0, 0] + [UInt8](repeating: 7, count: Int(count))
    }
    func read(_ name: String, _ parts: [UInt8]...) throws -> [String] {
      try documents(write(parts.flatMap { $0 }, name), separator: .everyLine)
    }
    func assertDamaged(_ name: String, _ parts: [UInt8]...) throws {
      let path = try write(parts.flatMap { $0 }, name)
      XCTAssertThrowsError(try documents(path, separator: .everyLine), name) {
        XCTAssertTrue("\($0)".contains("\(name): is ") && !"\($0)".contains("\n"), "\($0)")
      }
    }
    let lines = try read("whole.gz", gzip)
    XCTAssertEqual(lines.count, 3000)
    XCTAssertEqual(try read("padded.gz", gzip, zeros), lines)
    XCTAssertEqual(try read("zero.gz", empty, gzip, empty, [0]), lines)
    XCTAssertEqual(try read("twice.gz", gzip, empty, gzip), lines + lines)
    XCTAssertEqual(try read("pzstd.zst", skippable(0, 4), zstd), lines)
    XCTAssertEqual(try read("around.zst", skippable(15, 0), zstd, skippable(3, 200)), lines)
    try assertDamaged("more.gz", gzip, zeros, [1])
    try assertDamaged("member.gz", gzip, [0], gzip)
    try assertDamaged("garbage.gz", gzip, [1, 2, 3])
    try assertDamaged("cut.gz", gzip, Array(empty.dropLast()))
    try assertDamaged("cut.zst", zstd, Array(skippable(0, 9).dropLast()))
    try assertDamaged("frame.zst", skippable(0, 4), Array(zstd.dropLast(3)))
    try assertDamaged("zeros.zst", zstd, [UInt8](repeating: 0, count: 8))
  }

  func testChunksCutAnywhereGiveTheSameDocuments() throws {
    let text = Array("a\nb\n\n<|endoftext|>\r\n\nc é\n<|endoftext|>\nd".utf8)
    for separator in [DocumentSeparator.automatic, .everyLine, .blankLine, .file] {
      func cut(_ size: Int) throws -> [String] {
        var cutter = DocumentCutter(separator, name: "t")
        var found: [String] = []
        for start in stride(from: 0, to: text.count, by: size) {
          try text[start..<min(start + size, text.count)].withUnsafeBufferPointer {
            try cutter.take($0, isLast: start + size >= text.count) { part, _, offset in
              XCTAssertTrue(text[offset...].starts(with: part), "\(separator), chunks of \(size)")
              found.append(String(decoding: part, as: UTF8.self))
            }
          }
        }
        return found
      }
      let whole = try cut(text.count)
      for size in 1..<12 { XCTAssertEqual(try cut(size), whole, "\(separator), chunks of \(size)") }
    }
  }

  func testFilesThatAreNoTextAreRefusedWithAWayOut() throws {
    for (bytes, word) in [
      (Array("PAR1....".utf8), "Parquet"), ([0xFF, 0xFE, 0x41, 0], "UTF-16"),
      ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "xz"),
      (Array("BZh9".utf8), "bzip2"), ([0x50, 0x4B, 3, 4], "zip"), ([0x41, 0, 0x42], "binary"),
      ([0x41, 0xE9, 0x42, 0x42, 0x42], "UTF-8"),
    ] {
      XCTAssertThrowsError(try documents(write(bytes, "x.txt")), word) {
        let error = $0 as? UpcycleError
        XCTAssertEqual(error?.exitCode, 1, word)
        XCTAssertTrue("\($0)".contains(word) && error?.hint != nil && !"\($0)".contains("\n"), "\($0)")
      }
    }
    XCTAssertThrowsError(try documents(write(Array("[{}]".utf8), "x.json"))) {
      XCTAssertTrue("\($0)".contains("is one JSON array"), "\($0)")
    }
    XCTAssertThrowsError(try DocumentReader(write(Array("\n[\n{}\n]".utf8), "chats.txt"), format: .jsonl)) {
      XCTAssertTrue("\($0)".contains("is one JSON array") && "\($0)".contains("jq -c '.[]'"), "\($0)")
    }
    XCTAssertEqual(try documents(write([], "empty.txt")), [])
  }

  /// Also far behind the first block, at the end, and in a text that streams through.
  func testTextThatStopsBeingTextIsRefusedAnywhere() throws {
    // The first block of 64 KiB ends within an é.
    let lines = Array(String(repeating: "A line of text,é .\n", count: 5000).utf8)
    let count = lines.count
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let cases: [([UInt8], String)] = [
      (lines + [0xE9, 0x0A] + lines, "no UTF-8 character at \(count)"),
      (lines + [0xFF, 0xFE], "no UTF-8 character at \(count)"),
      (lines + [0x41, 0, 0x42], "a zero byte at \(count + 1), so a binary file"),
      (lines + [0xC3], "no UTF-8 character at \(count)"),
      (mark + lines + [0x80], "no UTF-8 character at \(count + 3)"),
      ([0x63, 0x61, 0x66, 0xE9, 0x0A], "no UTF-8 character at 3"),
      ([0x63, 0x61, 0x66, 0xC3], "no UTF-8 character at 3"),
    ]
    for (bytes, words) in cases {
      let path = try write(bytes, "x.txt")
      let shell = Process()
      shell.executableURL = URL(fileURLWithPath: "/bin/bash")
      shell.arguments = ["-c", "gzip -k '\(path)'"]
      try shell.run()
      shell.waitUntilExit()
      for place in [path, path + ".gz"] {
        for separator in [DocumentSeparator.automatic, .everyLine, .file] {
          XCTAssertThrowsError(try documents(place, separator: separator), "\(words), \(separator)") {
            for word in ["\(place): is not text", words] { XCTAssertTrue("\($0)".contains(word), "\($0)") }
          }
        }
      }
    }
    XCTAssertEqual(try documents(write(lines, "x.txt"), separator: .everyLine).count, 5000)
  }

  /// Against Foundation, for stretches of every length and alignment.
  func testFaultsOfText() {
    let random = RandomStream(seed: 1, "faults of text")
    let letters: [UInt8] = [0x41, 0x41, 0x41, 0x41, 0x7F, 1, 0, 0x80, 0xC3, 0xA9, 0xE2, 0x82, 0xAC, 0xED, 0xF0, 0x9F]
    for round in 0..<4000 {
      let bytes = (0..<round % 40).map { place -> UInt8 in
        let draw = random.uniform(at: UInt64(round * 40 + place))
        // Mostly ASCII, so that long stretches are text.
        return letters[Int(draw * draw * draw * Double(letters.count))]
      }
      let fault = bytes.withUnsafeBufferPointer { TextFault(in: $0) }
      func isText(_ part: some Collection<UInt8>) -> Bool {
        !part.contains(0) && String(validating: part, as: UTF8.self) != nil
      }
      XCTAssertEqual(fault == nil, isText(bytes), "\(bytes)")
      if let fault {
        XCTAssertTrue(isText(bytes[..<fault.offset]), "\(bytes)")
        XCTAssertFalse((fault.offset + 1...bytes.count).contains { isText(bytes[..<$0]) }, "\(bytes)")
      }
    }
  }

  func testInputsAreFilesFoldersAndPatterns() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in ["b.txt", "a.jsonl.gz", "c.csv", "sub/d.md", ".git/e.txt"] {
      try writeFile("x", to: folder.appendingPathComponent(name))
    }
    let names = try inputPaths([folder.path]).map { String($0.dropFirst(folder.path.count + 1)) }
    XCTAssertEqual(names, ["a.jsonl.gz", "b.txt", "sub/d.md"])
    XCTAssertEqual(try inputPaths([folder.path + "/*.txt", "-"]), [folder.path + "/b.txt", "-"])
    XCTAssertThrowsError(try inputPaths([folder.path + "/*.none"])) {
      XCTAssertTrue("\($0)".contains("matches no file"), "\($0)")
    }
    // What is left out of a corpus without a word would be missed late.
    try writeFile("PAR1", to: folder.appendingPathComponent("sub/train-0.parquet"))
    XCTAssertThrowsError(try inputPaths([folder.path])) {
      for word in ["Parquet", "sub/train-0.parquet", "read_parquet('sub/train-0.parquet').to_json('sub/train-0.jsonl'"]
      {
        XCTAssertTrue("\($0)".contains(word) && !"\($0)".contains("\n"), "\($0)")
      }
    }
    XCTAssertEqual(try inputPaths([folder.path + "/*.txt"]), [folder.path + "/b.txt"])
  }

  /// Of a folder, files and links to files; a link to nothing that is named is told as one.
  func testOnlyFilesOfAFolderAreInputs() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.path + "/" + name }
    for name in ["a.txt", "sub.txt/b.txt", "old.parquet/c.txt"] {
      try writeFile("x", to: URL(fileURLWithPath: path(name)))
    }
    for (link, target) in [("link.txt", "a.txt"), ("nothing.txt", "nowhere"), ("folder.txt", "sub.txt")] {
      try FileManager.default.createSymbolicLink(atPath: path(link), withDestinationPath: target)
    }
    XCTAssertEqual(mkfifo(path("pipe.txt"), 0o600), 0)
    XCTAssertEqual(
      try inputPaths([folder.path]), ["a.txt", "link.txt", "old.parquet/c.txt", "sub.txt/b.txt"].map(path))
    XCTAssertEqual(try inputPaths([path("nothing.txt")]), [path("nothing.txt")])
    XCTAssertThrowsError(try documents(path("nothing.txt"))) {
      XCTAssertTrue("\($0)".contains("nothing.txt: no such file; found a link to nowhere"), "\($0)")
    }
  }

  func testALongLineIsReadInItsOwnMemory() throws {
    let text = String(repeating: "word ", count: 4_000_000)
    let path = try write(Array("{\"skip\": [\"\(text)\"], \"text\": \"short\"}\n".utf8), "long.jsonl")
    let start = clock()
    XCTAssertEqual(try documents(path), ["short"])
    XCTAssertLessThan(Double(clock() - start) / Double(CLOCKS_PER_SEC), 4)
  }
}
