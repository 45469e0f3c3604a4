import Foundation
import XCTest

@testable import Groundwork
@testable import Worlds

final class MicroworldWorldTests: XCTestCase {
  func testTheWorldHasTheSizeTheDesignAsksFor() {
    let world = World(seed: 1)
    XCTAssertTrue((1500...2100).contains(world.facts.count), "\(world.facts.count) facts")
    for (id, fact) in world.facts.enumerated() { XCTAssertEqual(fact.id, id) }
    XCTAssertEqual(Set(world.entities.map(\.name)).count, world.entities.count, "names are unique")
  }

  func testEveryRelationHasOneValuePerSubjectAndWordsForIt() {
    let world = World(seed: 2)
    var seen = Set<String>()
    for fact in world.facts {
      XCTAssertTrue(seen.insert("\(fact.subject)/\(fact.relation)").inserted, "\(fact)")
      if let value = fact.valueEntity { XCTAssertEqual(world.entities[value].name, fact.value) }
    }
    for relation in Relation.allCases {
      let phrasing = Phrasing.of[relation]
      XCTAssertNotNil(phrasing, "\(relation)")
      XCTAssertGreaterThanOrEqual(phrasing?.statements.count ?? 0, 3, "\(relation)")
      XCTAssertGreaterThanOrEqual(phrasing?.questions.count ?? 0, 2, "\(relation)")
    }
  }

  func testFriendsAndSiblingsAreMutual() {
    let world = World(seed: 3)
    let mutual = world.facts.filter { $0.relation == .friend || $0.relation == .sibling }
    XCTAssertEqual(Set(mutual.map(\.relation)), [.friend, .sibling])
    for fact in mutual {
      XCTAssertEqual(world.fact(of: fact.valueEntity!, fact.relation)?.valueEntity, fact.subject)
    }
  }

  func testTheSeedIsAllThereIs() {
    XCTAssertEqual(World(seed: 5).facts, World(seed: 5).facts)
    XCTAssertNotEqual(World(seed: 5).facts, World(seed: 6).facts)
  }

  func testKnobsChangeTheWorld() {
    var knobs = World.Knobs()
    knobs.people = 40
    knobs.objects = 20
    knobs.exposureExponent = 0
    let world = World(seed: 1, knobs: knobs)
    XCTAssertEqual(world.members[.person]?.count, 40)
    XCTAssertEqual(world.members[.object]?.count, 20)
    XCTAssertTrue(world.entities.allSatisfy { abs($0.weight - 1) < 1e-12 })
  }

  func testFullNamesOfTrainingAndEvaluationAreApart() {
    let world = World(seed: 1)
    let people = Set(world.members[.person]!.map { world.entities[$0].name })
    XCTAssertTrue(people.isDisjoint(with: world.guests.map(\.name)))
    XCTAssertEqual(Set(Lexicon.surnames).count, Lexicon.surnames.count)
    func fullNames(_ split: Split) -> Set<String> {
      var scribe = Scribe(world: world, random: RandomStream(seed: 1, "names"), split: split)
      return Set((0..<2000).flatMap { _ in scribe.newNames(2).map(\.fullName) })
    }
    let (training, evaluation) = (fullNames(.training), fullNames(.evaluation))
    XCTAssertTrue(training.isDisjoint(with: evaluation))
    XCTAssertGreaterThan(evaluation.count, 150)
  }

  func testPronounsFollowTheName() {
    let world = World(seed: 1)
    var scribe = Scribe(world: world, random: RandomStream(seed: 1, "test"), split: .training)
    let woman = world.members[.person]!.first { world.entities[$0].gender == .she }!
    let fact = world.fact(of: woman, .job)!
    XCTAssertEqual(scribe.render("{S} is a {V}.", fact, named: false), "she is a \(fact.value).")
    XCTAssertEqual(
      scribe.render("{N} calls {s} pet {V}.", fact), "\(world.entities[woman].name) calls her pet \(fact.value).")
    XCTAssertTrue(scribe.statement(fact).first!.isUppercase || !scribe.statement(fact).first!.isLetter)
  }

  func testArticlesFitTheirNouns() {
    XCTAssertEqual("he saw a owl, a cat and a ant".withCorrectArticles, "he saw an owl, a cat and an ant")
    XCTAssertEqual("A axe".withCorrectArticles, "An axe")
    XCTAssertEqual("the sea is blue", "the sea is blue".withCorrectArticles)
  }
}
