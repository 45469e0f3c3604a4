import Foundation
import Groundwork
import XCTest

@testable import Worlds

/// Programs as answers: judged by what they do.
final class ProgramTaskTests: XCTestCase {
  private let world = World(seed: 1)

  func testItemsAcceptWhatBehavesAlikeAndNothingElse() throws {
    for task in [MicroworldTask.programs, .edits] {
      for item in try task.items(world: world, set: "a", count: 200) {
        let solution = try XCTUnwrap(TinyProgram(parsing: item.answerText!))
        XCTAssertTrue((3...4).contains(solution.operations.count))
        XCTAssertEqual(item.tests?.count, 6)
        XCTAssertTrue(item.accepts(generated: " \(solution.text)\nInput: 1 2"), item.context)
        XCTAssertTrue(item.accepts(generated: " \(solution.text) | repeat 1"), "another program that does the same")
        XCTAssertFalse(item.accepts(generated: " \(solution.text) | reverse | drop 1"))
        XCTAssertFalse(item.accepts(generated: " \(solution.description)"), "words are no program")
        XCTAssertFalse(item.accepts(generated: ""))
        for left in solution.operations.indices {
          var shorter = solution
          shorter.operations.remove(at: left)
          XCTAssertFalse(item.accepts(generated: " \(shorter.text)"), "\(item.context) \(shorter.text)")
        }
      }
    }
  }

  /// The description decides the program: read back by other code than wrote it.
  func testDescriptionsSayTheSolution() throws {
    for task in [MicroworldTask.programs, .edits] {
      for item in try task.items(world: world, set: "b", count: 100) {
        let words = item.context.replacingOccurrences(of: "Task: ", with: "").replacingOccurrences(
          of: ".\nProgram:", with: "")
        let read = words.components(separatedBy: ", then ").map { phrase -> String in
          let number = phrase.split(separator: " ").compactMap { Int($0) }.first
          if phrase.hasPrefix("take the first") { return "take \(number!)" }
          if phrase.hasPrefix("drop the first") { return "drop \(number!)" }
          if phrase.hasPrefix("add "), number != nil { return "add \(number!)" }
          if phrase.hasPrefix("repeat the list") { return "repeat \(number!)" }
          return [
            "turn the list around": "reverse", "sort the list": "sort", "double every number": "double",
            "remove what comes twice": "unique", "write the words in capitals": "upper", "add up all numbers": "sum",
            "count the items": "count", "find the largest number": "max", "find the smallest number": "min",
            "join the items to one word": "join", "split the words into letters": "letters",
          ][phrase]!
        }
        XCTAssertEqual(read.joined(separator: " | "), item.answerText)
      }
    }
  }

  /// No training text writes a program that is asked for.
  func testAskedProgramsStandInNoTrainingText() throws {
    var asked = Set<String>()
    for task in [MicroworldTask.programs, .edits] {
      for set in ["a", "b"] {
        asked.formUnion(try task.items(world: world, set: set, count: 500).map { $0.answerText! })
      }
    }
    var (seen, long) = (0, 0)
    for mixture in MicroworldCorpus.Mixture.allCases {
      let corpus = MicroworldCorpus(world: world, mixture: mixture, seed: 1)
      for index in 0..<6000 where [.programs, .drill(.programs), .drill(.edits)].contains(corpus.kind(index)) {
        for line in corpus.document(index).split(separator: "\n") where line.lowercased().hasPrefix("program") {
          let text = line.drop { $0 != ":" && $0 != "=" }.dropFirst().trimmingCharacters(in: .whitespaces)
          XCTAssertFalse(asked.contains(text), "\(line)")
          seen += 1
          if text.split(separator: "|").count > 2 { long += 1 }
        }
      }
    }
    XCTAssertGreaterThan(seen, 2000)
    XCTAssertGreaterThan(long, 500, "compositions as long as those asked for are practised")
  }

  func testBadItemsAreRefused() throws {
    var item = try MicroworldTask.programs.items(world: world, set: "a", count: 1)[0]
    XCTAssertNil(item.problem)
    item.tests = []
    XCTAssertEqual(item.problem, "pass@1 without tests")
  }

  /// Every committed model was trained on these texts: new tasks leave them as they are.
  func testTrainingTextIsWhatItWas() {
    for (mixture, expected) in [(MicroworldCorpus.Mixture.pretraining, "912a868b"), (.instruction, "723899d0")] {
      let corpus = MicroworldCorpus(world: world, mixture: mixture, seed: 1)
      let sample = sha256((0..<200).map { corpus.document($0) }.joined(separator: "\n"))
      XCTAssertEqual(String(sample.prefix(8)), expected, "\(mixture)")
    }
  }
}
