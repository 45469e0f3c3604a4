import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Mutated texts, packed files, chats and chat templates: refused in one line or read; never
/// a crash, and memory in proportion to the file.
final class DocumentFuzzTests: XCTestCase {
  private static let lines = """
    {"text": "once", "id": 1}
    {"text": "a \\u00e9 \\ud83d\\ude00", "n": [1, {"x": null}]}
    {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "there"}], "tools": null}

    """

  /// Reads mutants of `seeds` from files whose names end in `ending`.
  private func fuzz(
    _ kind: String, _ seeds: [Data], ending: String, part: Int = 1,
    mutate: (Data, inout RandomStream) -> Data = { TextMutation.of(String(decoding: $0, as: UTF8.self), &$1) },
    read: (URL) throws -> Void
  ) throws {
    let folder = try memoryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appendingPathComponent("mutant.\(ending)")
    Fuzz.run(kind, part: part, place: url.path) { round, random in
      try mutate(seeds[round % seeds.count], &random).write(to: url)
      try read(url)
    }
  }

  func testMutatedLines() throws {
    try fuzz("documents and chats", [Data(Self.lines.utf8)], ending: "jsonl") { url in
      do { try DocumentReader(url).forEachDocument { _, _ in } } catch { Fuzz.isClear(error, url.path) }
      try DocumentReader(url).forEachConversation(as: { $0 }) { _, _ in }
    }
  }

  func testMutatedPackedFiles() throws {
    let files = NastyStrings.folder.appendingPathComponent("documents")
    for ending in ["txt.gz", "txt.zst"] {
      let packed = try readFile(files.appendingPathComponent("lines.\(ending)"))
      try fuzz("documents in .\(ending)", [packed], ending: ending, part: 2, mutate: Mutation.of) { url in
        try DocumentReader(url, separator: .everyLine).forEachDocument { _, _ in }
      }
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
    try fuzz("chat templates", sources, ending: "jinja", part: 2) { url in
      let text = String(decoding: try readFile(url), as: UTF8.self)
      _ = try ChatTemplate(text, file: url.path).text(chat, addingPrompt: true)
    }
  }
}
