import Foundation
import Groundwork
import TestKit
import XCTest

/// transformers beside us, where `UPCYCLE_PEER_PYTHON` names a Python with torch and transformers.
enum TransformersPeer {
  static let python = ProcessInfo.processInfo.environment["UPCYCLE_PEER_PYTHON"]

  struct Question {
    let folder: URL
    let ids: [Int32]
    /// Tokens to write behind the ids.
    let new: Int
  }

  struct Answer {
    /// [ids, vocabulary]
    let logits: [[Float]]
    let greedy: [Int]
  }

  /// One process answers all questions, since loading torch takes longest.
  /// - Parameter scratch: where modelling files are copied to
  static func answers(_ questions: [Question], scratch: URL) throws -> [Answer] {
    let script = repositoryRoot().appendingPathComponent("Scripts/goldens/transformers_logits.py").path
    let result = try launch(
      XCTUnwrap(python), [script] + questions.flatMap { [$0.folder.path, "\($0.ids)", "\($0.new)"] },
      environment: ["HF_HOME": scratch.path])
    if result.status != 0 { throw UpcycleError("transformers_logits.py ends with \(result.status): \(result.error)") }
    let answers = try result.output.split(separator: "\n").map { line in
      let value = try JSONValue(parsing: Data(line.utf8), file: "transformers_logits.py")
      return Answer(
        logits: (value["logits"]?.array ?? []).map { ($0.array ?? []).compactMap { $0.double.map { Float($0) } } },
        greedy: value["greedy"]?.array?.compactMap(\.int) ?? [])
    }
    guard answers.count == questions.count, zip(answers, questions).allSatisfy({ $0.logits.count == $1.ids.count })
    else {
      throw UpcycleError("transformers_logits.py answers other questions", found: "\(answers.count) answers")
    }
    return answers
  }
}
