import Evaluation
import Foundation
import Groundwork
import TestKit
import TokenData
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

  private func fuzz(_ text: String, seed: UInt64, read: (URL) throws -> Void) throws {
    let folder = try memoryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appendingPathComponent("mutant.jsonl")
    var random = RandomStream(seed: seed, "fuzz lines")
    restartPeakMemory()
    let before = peakMemory()
    for _ in 0..<TextMutation.count {
      try TextMutation.of(text, &random).write(to: url)
      do { try read(url) } catch {
        XCTAssertTrue(error is UpcycleError, "\(error)")
        XCTAssertTrue("\(error)".hasPrefix(url.path), "\(error)")
        XCTAssertFalse("\(error)".contains("\n"))
      }
    }
    XCTAssertLessThan(peakMemory() - before, 256 << 20)
  }

  func testMutatedRequests() throws {
    try fuzz(Self.requests, seed: 31) { url in
      let requests = try ServingRequest.read(url, vocabulary: 100) { Array($0.utf8).map { Int32($0) } }
      XCTAssertTrue(requests.allSatisfy { $0.arrival >= 0 && $0.arrival <= 86_400 && $0.maximum <= 1 << 24 })
    }
  }

  func testMutatedItems() throws { try fuzz(Self.items, seed: 32) { _ = try TaskItem.read($0) } }

  func testMutatedPreferences() throws { try fuzz(Self.pairs, seed: 33) { _ = try PreferencePair.read($0) } }
}
