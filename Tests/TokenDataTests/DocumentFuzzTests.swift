import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Mutated texts, packed files, chats, chat templates and answers that are programs: refused in one line or read; never
/// a crash, and memory in proportion to the file.
final class DocumentFuzzTests: XCTestCase {
  private static let lines = """
    {"text": "once", "id": 1}
    {"text": "a \\u00e9 \\ud83d\\ude00", "n": [1, {"x": null}]}
    {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "there"}], "tools": null}

    """

  /// Reads mutants of `seeds` from files whose names end in `ending`.
  private func fuzz(
    _ seeds: [Data], ending: String, seed: UInt64, count: Int, mutate: (Data, inout RandomStream) -> Data,
    read: (URL) throws -> Void
  ) throws {
    let folder = try memoryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appendingPathComponent("mutant.\(ending)")
    var random = RandomStream(seed: seed, "fuzz documents")
    restartPeakMemory()
    let before = peakMemory()
    for round in 0..<count {
      try mutate(seeds[round % seeds.count], &random).write(to: url)
      do { try read(url) } catch {
        XCTAssertTrue(error is UpcycleError, "\(error)")
        XCTAssertTrue("\(error)".hasPrefix(url.path), "\(error)")
        XCTAssertFalse("\(error)".contains("\n"), "\(error)")
      }
    }
    XCTAssertLessThan(peakMemory() - before, 64 << 20)
  }

  func testMutatedLines() throws {
    try fuzz(
      [Data(Self.lines.utf8)], ending: "jsonl", seed: 51, count: TextMutation.count,
      mutate: { TextMutation.of(String(decoding: $0, as: UTF8.self), &$1) }
    ) { url in
      try DocumentReader(url).forEachDocument { _, _ in }
      try DocumentReader(url).forEachConversation { _, _ in }
    }
  }

  func testMutatedPackedFiles() throws {
    let files = NastyStrings.folder.appendingPathComponent("documents")
    for (index, ending) in ["txt.gz", "txt.zst"].enumerated() {
      let packed = try readFile(files.appendingPathComponent("lines.\(ending)"))
      try fuzz(
        [packed], ending: ending, seed: 52 + UInt64(index), count: Mutation.count / 10, mutate: Mutation.of
      ) { url in try DocumentReader(url, separator: .everyLine).forEachDocument { _, _ in } }
    }
  }

  func testMutatedChatTemplates() throws {
    let file = NastyStrings.folder.appendingPathComponent("templates.json")
    let golden = try JSONReader.parse(readFile(file), file: file.path) { try TemplateValue(&$0) }
    guard case .dictionary(let fields) = golden, case .dictionary(let templates)? = fields["templates"] else {
      return XCTFail("no templates")
    }
    let sources = templates.entries.map { Data($0.value.text.utf8) }
    var chat = Conversation()
    for (role, text) in [("system", "be short"), ("user", "hi"), ("assistant", "there"), ("user", "bye")] {
      chat.append(role: role, text)
    }
    try fuzz(
      sources, ending: "jinja", seed: 54, count: TextMutation.count / 4,
      mutate: { TextMutation.of(String(decoding: $0, as: UTF8.self), &$1) }
    ) { url in
      let text = String(decoding: try readFile(url), as: UTF8.self)
      _ = try ChatTemplate(text, file: url.path).text(chat, addingPrompt: true)
    }
  }

  func testMutatedPrograms() {
    var random = RandomStream(seed: 55, "fuzz programs")
    let seed = "sort | reverse | take 2 | join | repeat 99 | letters | upper | add 3 | times 7 | unique | sum"
    restartPeakMemory()
    let before = peakMemory()
    for _ in 0..<TextMutation.count {
      let text = String(decoding: TextMutation.of(seed, &random), as: UTF8.self)
      for input in [["4", "-1", "9223372036854775807"], ["b", "a", "é"], []] {
        _ = TinyProgram(parsing: text)?.run(input)
      }
    }
    XCTAssertLessThan(peakMemory() - before, 64 << 20)
  }
}
