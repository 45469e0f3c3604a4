import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData
@testable import Worlds

/// Tasks of one long text, whose answers are written: everything is read off the text again by other code than wrote it.
final class ReadingTaskTests: XCTestCase {
  private let world = World(seed: 1)

  private func items(_ task: MicroworldTask, _ count: Int = 300) throws -> [TaskItem] {
    try task.items(world: world, set: "a", count: count)
  }

  /// The text, what is asked after `mark`, and the answer.
  private func parts(_ item: TaskItem, at mark: String) -> (text: String, question: String, answer: String) {
    let halves = item.context.components(separatedBy: mark)
    return (halves.dropLast().joined(separator: mark), halves.last!, item.answerText!)
  }

  /// Long for models of 512 positions, which then have 80 for the answer.
  func testContextsAndAnswersFitTheLadder() throws {
    let tokenizer = try Tokenizer.load(from: repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer"))
    for task in MicroworldTask.longReading {
      let items = try items(task)
      let lengths = items.map { tokenizer.encode($0.context).count }
      XCTAssertGreaterThanOrEqual(lengths.min()!, 170, "\(task)")
      XCTAssertLessThanOrEqual(lengths.max()!, 432, "\(task)")
      for item in items { XCTAssertLessThanOrEqual(tokenizer.encode(item.answerText!).count, 60, item.answerText!) }
    }
  }

  func testRepliesAreWorthWhatTheyHaveInCommon() throws {
    for task in MicroworldTask.longReading {
      for item in try items(task, 50) {
        let answer = item.answerText!
        XCTAssertEqual(item.credit(generated: " \(answer)\nQuestion: more"), 1)
        XCTAssertTrue(item.accepts(generated: " \(answer)\nQuestion: more"))
        XCTAssertEqual(item.credit(generated: ""), 0)
        XCTAssertEqual(item.credit(generated: "\n\(answer)"), 0, "what follows the stop is no reply")
        XCTAssertFalse(item.accepts(generated: answer + " so"))
        XCTAssertLessThan(try XCTUnwrap(item.credit(generated: answer + " and something else")), 1)
        XCTAssertGreaterThan(try XCTUnwrap(item.credit(generated: answer + " and something else")), 0)
      }
    }
    XCTAssertNil(try MicroworldTask.problems.items(world: world, set: "a", count: 1)[0].credit(generated: "12"))
  }

  /// By hand, as LongBench counts.
  func testOverlapsByHand() {
    func check(_ overlap: TextOverlap, _ a: String, _ b: String, _ expected: Double) {
      XCTAssertEqual(overlap.share(a, b), expected, accuracy: 1e-12, "\(a) | \(b)")
      XCTAssertEqual(overlap.share(b, a), expected, accuracy: 1e-12)
    }
    check(.words, "In the shed.", "in a shed", 1)
    check(.words, "the red red lamp", "red lamp", 0.8)
    check(.words, "12 days", "days: 12", 1)
    check(.wordsInOrder, "12 days", "days: 12", 0.5)
    check(.wordsInOrder, "On Monday a storm came.", "on Monday the storm", 2 * 3 / 9.0)
    check(.charactersInOrder, "sort | take 2", "sort | take 3", 2 * 12 / 26.0)
    check(.charactersInOrder, "abc", "xyz", 0)
    for overlap in [TextOverlap.words, .wordsInOrder, .charactersInOrder] {
      check(overlap, "", "", 0)
      check(overlap, "", "lamp", 0)
    }
  }

  func testStudiesHoldTheirAnswers() throws {
    var kinds: [String: Int] = [:]
    for item in try items(.studies) {
      let (text, asked, answer) = parts(item, at: "\nQuestion: ")
      let question = asked.components(separatedBy: "?")[0]
      let trials = text.components(separatedBy: "\nTrial ").dropFirst()
      XCTAssertEqual(trials.count, 5)
      let about = trials.filter { trial in
        let opening = trial.components(separatedBy: " days. ")[0]
        let given = opening.components(separatedBy: " got ")[1].components(separatedBy: " for ")[0]
        let place = opening.components(separatedBy: "in the ")[1].components(separatedBy: " got")[0]
        return question.contains(given) || (question.hasPrefix("What did") && question.contains("in the \(place) "))
      }
      switch question.split(separator: " ").prefix(2).joined(separator: " ") {
      case "How many":
        XCTAssertTrue(about[0].components(separatedBy: ": ")[1].hasPrefix(answer + " "), item.context)
      case "For how": XCTAssertTrue(about[0].contains(" for \(answer)."), item.context)
      case "Where did": XCTAssertTrue(about[0].contains(" \(answer) got "), item.context)
      case "What did": XCTAssertTrue(about[0].contains(" got \(answer) for "), item.context)
      case "What made":
        XCTAssertEqual(trials.filter { $0.contains(" got \(answer) for ") }.count, 1, item.context)
      default: XCTAssertTrue(question.hasPrefix("Did "), question)
      }
      if question.hasPrefix("What made") || question.hasPrefix("Did ") {
        // One trial alone had the outcome.
        let told = try XCTUnwrap(Scribe.fields.flatMap(\.outcomes).first { question.hasSuffix($0.asked) }).told
        let better = trials.filter { trial in
          trial.components(separatedBy: ". ").contains { $0.contains(told) && !$0.contains("nobody") }
        }
        XCTAssertEqual(better.count, 1, item.context)
        let treatment =
          question.hasPrefix("Did ") ? question.components(separatedBy: " make the ")[0].dropFirst(4) : answer[...]
        let isBetter = better.contains { $0.contains(" got \(treatment) for ") }
        if question.hasPrefix("What made") { XCTAssertTrue(isBetter, item.context) }
        if question.hasPrefix("Did ") { XCTAssertEqual(answer, isBetter ? "yes" : "no", item.context) }
      }
      let words = question.split(separator: " ").prefix(question.hasPrefix("Did ") ? 1 : 2)
      kinds[words.joined(separator: " "), default: 0] += 1
    }
    XCTAssertEqual(kinds.count, 6, "\(kinds)")
  }

  func testMeetingsHoldTheirSummaries() throws {
    for item in try items(.meetings) {
      let (text, asked, answer) = parts(item, at: "\nQuestion: What was said about ")
      let topic = asked.components(separatedBy: "?")[0]
      let lines = text.components(separatedBy: "\n")
      let start = try XCTUnwrap(lines.firstIndex { $0.contains(topic + ".") })
      // Two who want something, and what was taken.
      let words = answer.components(separatedBy: ". ")
      let wanted = words[0].components(separatedBy: " and ").map { $0.components(separatedBy: " wanted ") }
      for (offset, wish) in wanted.enumerated() {
        XCTAssertTrue(lines[start + 1 + offset].hasPrefix(wish[0] + ": "), item.context)
        XCTAssertTrue(lines[start + 1 + offset].contains(wish[1]), item.context)
      }
      let taken = words[1].replacingOccurrences(of: "They took ", with: "").dropLast()
      XCTAssertTrue(wanted.contains { $0[1] == taken }, answer)
      let decision = try XCTUnwrap(
        lines[(start + 3)...].first { $0.contains("we take") || $0.contains("So it is") || $0.contains("it is.") })
      XCTAssertTrue(decision.contains(taken), item.context)
    }
  }

  func testPapersAgreeOnTheSummary() throws {
    for item in try items(.news) {
      let papers = item.context.components(separatedBy: "Paper ").dropFirst()
      XCTAssertEqual(papers.count, 3)
      let answer = item.answerText!
      let rescuer = answer.components(separatedBy: ". ")[1].components(separatedBy: ",")[0]
      let (day, town) = (
        answer.split(separator: " ")[1], answer.components(separatedBy: ". ")[0].split(separator: " ").last!
      )
      for paper in papers {
        for part in [Substring(rescuer), day, town] { XCTAssertTrue(paper.contains(part), "\(part): \(item.context)") }
      }
    }
  }

  func testChatsHoldTheirSummaries() throws {
    for item in try items(.chats) {
      let chats = item.context.components(separatedBy: "\n\n")
      XCTAssertEqual(chats.count, 4)
      for (index, chat) in chats.enumerated() {
        let halves = chat.components(separatedBy: "\nSummary:")
        let summary = index < 3 ? halves[1].trimmed : item.answerText!
        // What is written in capitals or behind an article was said.
        let words = summary.split { " .,".contains($0) }
        for word in words where word.first!.isUppercase { XCTAssertTrue(halves[0].contains(word), "\(word): \(chat)") }
      }
      XCTAssertTrue(item.context.hasSuffix("\nSummary:"))
    }
  }

  /// The next line calls what was defined last, or used last from another file; an interpreter says what comes out.
  func testTheNextLineIsWhatTheProgramDoes() throws {
    for task in [MicroworldTask.completions, .repositories] {
      for item in try items(task) {
        var defined: [String: TinyProgram] = [:]
        var open: [String] = []
        var list = ""
        for line in item.context.split(separator: "\n") {
          let words = line.split(separator: " ").map(String.init)
          if words[0] == "program" {
            let text = line.components(separatedBy: " = ")[1]
            defined[words[1]] = try XCTUnwrap(TinyProgram(parsing: text))
            if task == .completions { open.append(words[1]) }
          } else if words[0] == "from" {
            open.append(words[3])
          } else if words[0] == "call" {
            XCTAssertEqual(words[1], open.removeLast())
            list = line.components(separatedBy: " with ")[1].components(separatedBy: " gives ")[0]
          }
        }
        XCTAssertEqual(open.count, 1, item.context)
        let output = try XCTUnwrap(defined[open[0]]?.run(list.split(separator: " ").map(String.init)))
        XCTAssertEqual(item.answerText, "call \(open[0]) with \(list) gives \(output.joined(separator: " "))")
      }
    }
  }
}
