import Foundation
import XCTest

@testable import Groundwork
@testable import Worlds

/// The other author's text.
final class ForeignTextTests: XCTestCase {
  private static let world = World(seed: 1, edition: .second)
  private var world: World { Self.world }

  private func corpus(
    _ rho: Double, _ mixture: MicroworldCorpus.Mixture = .instruction, _ part: MicroworldCorpus.Part = .training
  ) throws -> MicroworldCorpus {
    MicroworldCorpus(
      world: world, mixture: mixture, seed: 1, part: part, foreign: try ForeignText(errorShare: rho))
  }

  func testHalfOfTheFactsAreLeftOut() {
    let half = world.halved()
    let told = half.entities.flatMap(\.facts)
    XCTAssertEqual(Double(told.count) / Double(world.facts.count), 0.5, accuracy: 0.02)
    XCTAssertEqual(Set(told).count, told.count)
    for id in told { XCTAssertEqual(half.facts[id], world.facts[id]) }
    for fact in world.facts { XCTAssertEqual(half.valueID(fact), world.valueID(fact)) }
  }

  func testNoWordingIsShared() {
    for relation in Relation.allCases {
      let (own, foreign) = (Phrasing.of[relation]!, Phrasing.foreign[relation]!)
      func texts(_ phrasing: Phrasing) -> Set<String> {
        Set(
          (phrasing.statements + phrasing.corrections + phrasing.questions + phrasing.spoken + phrasing.predicates)
            .map { $0.filled { "{\($0)}" } })
      }
      XCTAssertTrue(texts(own).isDisjoint(with: texts(foreign)), "\(relation)")
      XCTAssertEqual(own.predicates.isEmpty, foreign.predicates.isEmpty, "\(relation)")
      XCTAssertGreaterThanOrEqual(foreign.statements.count, 2, "\(relation)")
      XCTAssertGreaterThanOrEqual(foreign.questions.count, 2, "\(relation)")
    }
  }

  /// A share rho of the answers differs from those of the same text without errors, and nothing else.
  func testTheAuthorErrsAsOftenAsAsked() throws {
    let (right, wrong) = (try corpus(0), try corpus(0.2))
    var (answers, errors) = (0, 0)
    for index in 0..<1500 {
      let lines = [right, wrong].map { $0.document(index).components(separatedBy: "\n") }
      XCTAssertEqual(lines[0].count, lines[1].count)
      for (a, b) in zip(lines[0], lines[1]) {
        if a.hasPrefix("Answer:") || a.hasPrefix("Solution:") { answers += 1 }
        if a == b { continue }
        if a.hasPrefix("Answer:") || a.hasPrefix("Solution:") { errors += 1 }
      }
    }
    let share = Double(errors) / Double(answers)
    XCTAssertEqual(share, 0.2, accuracy: 4 * (0.16 / Double(answers)).squareRoot() + 0.01, "\(answers) answers")
    XCTAssertThrowsError(try ForeignText(errorShare: 1.5))
    XCTAssertNotEqual(try ForeignText(errorShare: 0.1).name, try ForeignText(errorShare: 0.2).name)
  }

  func testPartsShareNoDocument() throws {
    let whole = try corpus(0.1)
    let (fifth, rest) = (try corpus(0.1, .instruction, .intermediate), try corpus(0.1, .instruction, .supervised))
    for index in 0..<40 {
      XCTAssertEqual(fifth.document(index), whole.document(5 * index))
      XCTAssertEqual(rest.document(index), whole.document(index / 4 * 5 + index % 4 + 1))
    }
    XCTAssertTrue(
      Set((0..<200).map { fifth.document($0) }).isDisjoint(with: (0..<800).map { rest.document($0) }))
  }

  /// Nothing of what models are pretrained on, and no item.
  func testItSharesNoDocumentAndNoItem() throws {
    let own = MicroworldCorpus(world: world, mixture: .instruction, seed: 1)
    let foreign = try corpus(0)
    let text = (0..<500).map { foreign.document($0) }
    XCTAssertTrue(Set(text).isDisjoint(with: (0..<500).map { own.document($0) }))
    let all = text.joined(separator: "\n")
    for task in MicroworldTask.multipleChoice {
      for item in try task.items(world: world, set: "a", count: 10) {
        for text in item.scoredTexts { XCTAssertFalse(all.contains(text), item.id) }
      }
    }
  }

  /// By bytes, as tokens are about as long in answers as elsewhere.
  func testSevenTenthsOfTheRepliesAreAnswers() throws {
    let replies = try corpus(0, .replies)
    var (answers, bytes) = (0, 0)
    for line in (0..<1000).flatMap({ replies.document($0).split(separator: "\n") }) {
      bytes += line.utf8.count
      for marker in ["Assistant:", "Answer:"] where line.hasPrefix(marker) {
        answers += line.utf8.count - marker.utf8.count
      }
    }
    XCTAssertGreaterThan(Double(answers) / Double(bytes), 0.7)
  }
}
