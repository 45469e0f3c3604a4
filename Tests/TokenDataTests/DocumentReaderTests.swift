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
    XCTAssertThrowsError(try documents(path, badLines: BadLines(limit: 2)))
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

  func testChunksCutAnywhereGiveTheSameDocuments() throws {
    let text = Array("a\nb\n\n<|endoftext|>\r\n\nc é\n<|endoftext|>\nd".utf8)
    for separator in [DocumentSeparator.automatic, .everyLine, .blankLine, .file] {
      func cut(_ size: Int) throws -> [String] {
        var cutter = DocumentCutter(separator, name: "t")
        var found: [String] = []
        for start in stride(from: 0, to: text.count, by: size) {
          try text[start..<min(start + size, text.count)].withUnsafeBufferPointer {
            try cutter.take($0, isLast: start + size >= text.count) { part, _ in
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
        XCTAssertEqual(error?.exitCode, 2, word)
        XCTAssertTrue("\($0)".contains(word) && error?.hint != nil && !"\($0)".contains("\n"), "\($0)")
      }
    }
    XCTAssertThrowsError(try documents(write(Array("[{}]".utf8), "x.json")))
    XCTAssertEqual(try documents(write([], "empty.txt")), [])
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
    XCTAssertThrowsError(try inputPaths([folder.path + "/*.none"]))
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

  func testALongLineIsReadInItsOwnMemory() throws {
    let text = String(repeating: "word ", count: 4_000_000)
    let path = try write(Array("{\"skip\": [\"\(text)\"], \"text\": \"short\"}\n".utf8), "long.jsonl")
    let start = clock()
    XCTAssertEqual(try documents(path), ["short"])
    XCTAssertLessThan(Double(clock() - start) / Double(CLOCKS_PER_SEC), 4)
  }
}
