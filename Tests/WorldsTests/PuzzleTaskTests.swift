import Foundation
import Groundwork
import XCTest

@testable import TokenData
@testable import Worlds

/// Puzzles, riddles and concepts: one answer is right by the world's facts, the others are wrong.
final class PuzzleTaskTests: XCTestCase {
  private let world = World(seed: 1)

  private func right(_ item: TaskItem) -> String { item.choices![item.answer!].trimmed }
  private func entity(_ name: String) throws -> Int {
    try XCTUnwrap(world.entities.firstIndex { $0.name == name.trimmed }, name)
  }
  private func number(_ text: String) -> Int? { text.split(separator: " ").compactMap { Int($0) }.first }
  private func coins(_ fact: Fact) -> Int { number(fact.value)! }

  /// Every choice but the right one fails.
  private func check(_ item: TaskItem, _ fits: (String) throws -> Bool) rethrows {
    for choice in item.choices! {
      XCTAssertEqual(try fits(choice.trimmed), choice.trimmed == right(item), item.context)
    }
  }

  func testEveryStepIsAFactOfTheWorld() throws {
    var kinds: [String: Int] = [:]
    for task in [MicroworldTask.puzzles, .riddles] {
      for item in try task.items(world: world, set: "a", count: 500) {
        let facts = item.facts.map { world.facts[$0] }
        let last = facts.last!
        XCTAssertTrue(item.context.contains("Options:" + item.choices!.joined(separator: ",")), item.context)
        let question = item.context.components(separatedBy: "\n")[0]
        let kind: String
        if question.contains("lives?") {
          kind = "\(facts.count) towns"
          XCTAssertTrue([.friend, .sibling].contains(facts[0].relation))
          for (fact, next) in zip(facts, facts.dropFirst()) { XCTAssertEqual(fact.valueEntity, next.subject) }
          XCTAssertEqual(facts[1].relation, .home)
          XCTAssertEqual(facts.count, task == .puzzles ? 3 : 4)
          XCTAssertEqual(right(item), last.value)
        } else if question.contains("the month after the birthday of") {
          kind = "birthday"
          XCTAssertEqual(facts[1].value, last.value)
          try check(item) { world.fact(of: try entity($0), .birthMonth)?.value == facts[1].value }
        } else if question.contains("next to the town on") {
          kind = "neighbour"
          let towns = world.members[.town]!.filter { town in
            world.fact(of: town, .river)?.value == facts[0].value
              && world.fact(of: town, .marketDay)?.value == facts[1].value
          }
          XCTAssertEqual(towns, [last.subject])
          XCTAssertEqual(right(item), last.value)
        } else if question.contains("together") && last.relation == .price {
          kind = "cost"
          check(item) { number($0) == facts.reduce(0) { $0 + coins($1) } }
        } else if question.contains("is left") {
          kind = "change"
          check(item) { number($0) == number(question)! - facts.reduce(0) { $0 + coins($1) } }
        } else if question.contains("costs the most") {
          kind = "most"
          let most = facts.map(coins).max()
          try check(item) { coins(world.fact(of: try entity($0), .price)!) == most }
        } else {
          kind = "legs"
          let legs = ["no": 0, "two": 2, "four": 4, "six": 6, "eight": 8]
          let sum = facts.reduce(0) { $0 + legs[String($1.value.split(separator: " ")[0])]! }
          check(item) { Int($0) == sum }
        }
        kinds[kind, default: 0] += 1
      }
    }
    XCTAssertEqual(kinds.count, 8, "\(kinds)")
    for count in kinds.values { XCTAssertGreaterThan(count, 50, "\(kinds)") }
  }

  func testConceptsHaveOneRightAnswer() throws {
    for item in try MicroworldTask.concepts.items(world: world, set: "a", count: 500) {
      XCTAssertEqual(item.choices?.count, 5)
      let question = item.context.components(separatedBy: "\n")[0].replacingOccurrences(of: "Question: ", with: "")
      if let use = Use.all.firstIndex(where: { $0.goals.contains { question.hasSuffix(" to \($0)?") } }) {
        check(item) { choice in Scribe.nouns(use).contains(String(choice.drop { $0 != " " }.dropFirst())) }
      } else if question.hasPrefix("What is \"") {
        let word = question.components(separatedBy: "\"")[1]
        check(item) { choice in Scribe.wordKinds.contains { $0.name == choice && $0.words.contains(word) } }
      } else {
        let fact = world.facts[item.facts[0]]
        switch fact.relation {
        case .monthAfter, .dayAfter: check(item) { $0 == fact.value }
        default: try check(item) { world.fact(of: try entity($0), fact.relation)?.value == fact.value }
        }
      }
    }
  }

  /// The draws of the pairs depend on a list that new tasks do not join.
  func testPreferencePairsAreWhatTheyWere() throws {
    let pairs = (0..<300).map { PreferencePair.pair($0, world: world, seed: 1) }
    XCTAssertEqual(String(sha256(try JSONLines.text(pairs)).prefix(8)), "f463ebb8")
  }

  /// Records rest on these items.
  func testTheTasksOfBeforeAreWhatTheyWere() throws {
    let hashes = try MicroworldTask.allCases.prefix(12).map { task in
      String(sha256(try JSONLines.text(try task.items(world: world, set: "a", count: 100))).prefix(8))
    }
    XCTAssertEqual(
      hashes,
      [
        "72ec37b6", "71bc49df", "fa90668b", "03ade21d", "ff2d2ca1", "983f8ee4", "eed37a12", "ae2b3e93", "44387e93",
        "f8294adb", "37859ad1", "ac106ce2",
      ])
  }
}
