import Evaluation
import Foundation
import Groundwork
import TestKit
import TokenData
import Worlds
import XCTest

/// Mutated request, item, sample and preference files: refused in one line that names file and line, or read; never a
/// crash, and memory in proportion to what they ask for.
final class RequestFuzzTests: XCTestCase {
  private static let requests = """
    {"prompt_tokens": 4, "max_tokens": 2, "id": "a"}
    {"prompt": "Once", "max_tokens": 8, "arrival": 0.5}
    {"prompt_tokens": [1, 2, 3], "max_tokens": 1}

    """
  private static let items = """
    {"task": "p", "id": "3", "context": "x", "answer_text": "count", "stop": "\\n", "metric": "pass@1", "facts": [], \
    "tests": [{"input": "ab", "output": "1"}]}
    {"task": "q", "id": "4", "context": "x", "choices": [" a", " b"], "answer": 1, "metric": "acc", "facts": ["f"]}

    """
  private static let pairs = """
    {"prompt": "User: a", "chosen": " b", "rejected": " c"}
    {"prompt": "User: d", "chosen": " e", "rejected": " f"}

    """

  private func fuzz(_ kind: String, _ text: String, memory: Int = 64 << 20, read: (URL) throws -> Void) throws {
    let folder = try memoryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appendingPathComponent("mutant.jsonl")
    Fuzz.run(kind, memory: memory, place: url.path) { _, random in
      try TextMutation.of(text, &random).write(to: url)
      try read(url)
    }
  }

  /// A request may ask for a prompt of a million random tokens.
  func testMutatedRequests() throws {
    try fuzz("requests", Self.requests, memory: 256 << 20) { url in
      let requests = try ServingRequest.read(url, vocabulary: 100) { Array($0.utf8).map { Int32($0) } }
      XCTAssertTrue(requests.allSatisfy { $0.arrival >= 0 && $0.arrival <= 86_400 && $0.maximum <= 1 << 24 })
    }
  }

  func testMutatedItems() throws { try fuzz("items", Self.items) { _ = try TaskItem.read($0) } }

  func testMutatedPreferences() throws { try fuzz("preferences", Self.pairs) { _ = try PreferencePair.read($0) } }
}
