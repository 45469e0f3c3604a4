import Foundation
import TestKit
import TokenData
import XCTest

/// Which tokens are answers.
final class AnswerMaskTests: XCTestCase {
  private func tokenizer() throws -> Tokenizer {
    try Tokenizer.load(from: repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer"))
  }

  /// The text of the marked tokens, runs apart by "|".
  private func marked(_ text: String, _ tokenizer: Tokenizer, end: Bool = false) throws -> String {
    let ids = end ? tokenizer.encodeDocument(text, appendingEnd: true) : tokenizer.encode(text)
    let answers = AnswerMask(tokenizer).answers(ids)
    var runs: [[Int32]] = []
    for (index, id) in ids.enumerated() where answers[index] {
      if index > 0 && answers[index - 1] { runs[runs.count - 1].append(id) } else { runs.append([id]) }
    }
    return runs.map { tokenizer.decode($0) }.joined(separator: "|")
  }

  func testAnswersOfEveryKindAreMasked() throws {
    let tokenizer = try tokenizer()
    XCTAssertEqual(
      try marked("User: Where is the cat?\nAssistant: On the mat.\nUser: Why?\nAssistant: It is warm.\n", tokenizer),
      " On the mat.\n| It is warm.\n")
    XCTAssertEqual(try marked("Question: 3 + 4?\nAnswer: 7\nNo answers: here", tokenizer), " 7\n")
    XCTAssertEqual(try marked("Task: sort the list.\nProgram: sort\nInput: b a\nOutput: a b", tokenizer), " sort\n")
    XCTAssertEqual(try marked("A story without any.\nThe end.", tokenizer), "")
    // The document's end ends an answer, and belongs to it.
    let ids = tokenizer.encodeDocument("Answer: 7", appendingEnd: true)
    let answers = AnswerMask(tokenizer).answers(ids + tokenizer.encodeDocument("7 is not one."))
    XCTAssertTrue(answers[ids.count - 1])
    XCTAssertEqual(answers[ids.count...].filter { $0 }.count, 0)
    XCTAssertEqual(AnswerMask(tokenizer).answers([]), [])
  }
}
