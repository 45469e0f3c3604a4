import Foundation
import XCTest

@testable import Groundwork
@testable import Worlds

/// The second edition of the microworld, and that the first one stays as it was.
final class SecondEditionTests: XCTestCase {
  private static let world = World(seed: 1, edition: .second)
  private static let entities = Dictionary(
    uniqueKeysWithValues: world.entities.indices.map { (world.entities[$0].name, $0) })
  private var world: World { Self.world }

  private func items(_ task: MicroworldTask, _ count: Int = 400) throws -> [TaskItem] {
    try task.items(world: world, set: "a", count: count)
  }
  private func right(_ item: TaskItem) -> String { item.choices![item.answer!].trimmed }

  /// Committed records rest on this text.
  func testTheFirstEditionNeverChanges() {
    let known: [(MicroworldCorpus.Mixture, MicroworldCorpus.Part, String)] = [
      (.pretraining, .training, "912a868b"), (.instruction, .training, "723899d0"),
      (.instruction, .validation, "b2a5aee3"), (.code, .training, "40ce64f7"), (.long, .training, "7843ffae"),
      (.long, .validation, "210e9c19"), (.keys, .training, "d1dbb916"),
    ]
    let first = World(seed: 1)
    for (mixture, part, hash) in known {
      let corpus = MicroworldCorpus(world: first, mixture: mixture, seed: 1, part: part)
      let text = (0..<200).map { corpus.document($0) }.joined(separator: "\n")
      XCTAssertEqual(String(sha256(text).prefix(8)), hash, "\(mixture) \(part)")
    }
  }

  func testItIsTenTimesAsLargeAndTheSameEveryTime() {
    let first = World(seed: 1)
    XCTAssertGreaterThan(world.facts.count, 8 * first.facts.count)
    XCTAssertEqual(Set(world.entities.map(\.name)).count, world.entities.count, "names are unique")
    XCTAssertEqual(World(seed: 1, edition: .second).facts, world.facts)
    let corpus = MicroworldCorpus(world: world, mixture: .instruction, seed: 1)
    XCTAssertEqual(corpus.document(77), MicroworldCorpus(world: world, mixture: .instruction, seed: 1).document(77))
    for document in (0..<1500).map({ corpus.document($0) }) {
      XCTAssertFalse(document.isEmpty)
      XCTAssertFalse(document.contains("{") || document.contains("  ") || document.contains("Optional"), document)
    }
  }

  /// People are told of in proportion to the edition's power law, and items ask in the same proportions.
  func testTextAndItemsFollowThePowerLaw() throws {
    let people = world.members[.person]!.sorted { world.entities[$0].weight > world.entities[$1].weight }
    let knobs = world.knobs
    for (rank, person) in people.enumerated() {
      let ratio = world.entities[person].weight / world.entities[people[0]].weight
      let shift = Double(people.count) / knobs.headDivisor
      XCTAssertEqual(ratio, pow((1 + shift) / (Double(rank + 1) + shift), knobs.exposureExponent), accuracy: 1e-9)
    }
    var expected = [0.0, 0.0, 0.0]
    let band = Dictionary(uniqueKeysWithValues: people.enumerated().map { ($1, $0 < 120 ? 0 : $0 < 600 ? 1 : 2) })
    for person in people { expected[band[person]!] += world.entities[person].weight / Double(people.count) }
    func check(_ counts: [Int], _ tolerance: Double, _ what: String) {
      let total = Double(counts.reduce(0, +))
      for (count, share) in zip(counts, expected) {
        XCTAssertEqual(Double(count) / total, share, accuracy: tolerance, what)
      }
    }
    var scribe = Scribe(world: world, random: RandomStream(seed: 3, "law"), split: .training)
    var told = [0, 0, 0]
    for _ in 0..<20_000 { told[band[scribe.entity(.person)]!] += 1 }
    check(told, 0.015, "drawn")
    // Whom paragraphs name first; half of them go on to a friend or sibling of the last one's.
    let corpus = MicroworldCorpus(world: world, mixture: .pretraining, seed: 1)
    let byName = Dictionary(uniqueKeysWithValues: people.map { (world.entities[$0].name, $0) })
    told = [0, 0, 0]
    for index in 0..<3000 where corpus.kind(index) == .exposition {
      for line in corpus.document(index).split(separator: "\n") {
        for word in line.prefix(while: { $0 != "." }).split(whereSeparator: { !$0.isLetter }) {
          if let person = byName[String(word)] { told[band[person]!] += 1 }
        }
      }
    }
    check(told, 0.1, "told")
    var asked = [0, 0, 0]
    for item in try items(.recall, 1500) {
      if let at = band[world.facts[item.facts[0]].subject] { asked[at] += 1 }
    }
    check(asked, 0.05, "asked")
  }

  func testItemsSayHowFarDownTheTailTheyReach() throws {
    let shares = try XCTUnwrap(world.bandShares(items(.recall, 1000)))
    XCTAssertEqual(shares.values.reduce(0, +), 1, accuracy: 1e-9)
    for (band, range) in [("head", 0.4...0.65), ("middle", 0.2...0.45), ("tail", 0.08...0.3)] {
      XCTAssertTrue(range.contains(shares[band]!), "\(shares)")
    }
    XCTAssertNil(world.bandShares(try items(.claims, 20)))
  }

  func testShortItemsFitTheShortestWindow() throws {
    for task in MicroworldTask.multipleChoice + [.problems] {
      for item in try items(task) {
        for text in item.scoredTexts { XCTAssertLessThanOrEqual(text.utf8.count, 640, item.id) }
      }
    }
  }

  func testItemsAreWellFormedAndAnswersSpread() throws {
    for task in MicroworldTask.multipleChoice + [.problems] {
      let items = try items(task)
      var answers: [Int: Int] = [:]
      for item in items {
        XCTAssertNil(item.problem, item.id)
        XCTAssertFalse(item.context.contains("{"), item.context)
        if item.contexts == nil, let choices = item.choices {
          XCTAssertEqual(Set(choices).count, choices.count, "\(item.context) \(choices)")
        }
        if let answer = item.answer { answers[answer, default: 0] += 1 }
      }
      for (position, count) in answers {
        XCTAssertLessThan(Double(count) / Double(items.count), task.chance + 0.1, "\(task) answers \(position)")
      }
    }
  }

  /// Only the right answer has the shared value, or fits both descriptions; chains lead to the value.
  func testCombinationsNeedEveryFact() throws {
    var kinds: [Int: Int] = [:]
    for item in try items(.combine, 800) {
      let facts = item.facts.map { world.facts[$0] }
      kinds[facts.count, default: 0] += 1
      if facts.count == 3 {
        XCTAssertEqual(facts[0].valueEntity, facts[1].subject)
        XCTAssertEqual(facts[1].valueEntity, facts[2].subject)
        XCTAssertEqual(facts[2].value, right(item))
      } else if facts[0].subject != facts[1].subject {
        if facts[0].relation == facts[1].relation, world.entities[facts[1].subject].name == right(item) {
          for choice in item.choices! where choice.trimmed != right(item) {
            let entity = Self.entities[choice.trimmed]!
            XCTAssertNotEqual(world.fact(of: entity, facts[0].relation)?.value, facts[0].value, item.context)
          }
          XCTAssertEqual(facts[0].value, facts[1].value)
        } else {
          XCTAssertEqual(facts[1].value, right(item), item.context)
        }
      }
    }
    XCTAssertGreaterThan(kinds[3] ?? 0, 20, "three steps")
  }

  func testOnlyTheRightAnswerFallsUnderTheRule() throws {
    for item in try items(.rules) {
      let fact = world.facts[item.facts[0]]
      for choice in item.choices! {
        let entity = Self.entities[choice.trimmed]!
        XCTAssertEqual(
          world.fact(of: entity, fact.relation)?.value == fact.value, choice.trimmed == right(item), item.context)
      }
    }
  }

  /// Of a story of two the text says who wanted what; the other hero's wish is among the choices.
  func testStoriesOfTwoDecideTheirQuestions() throws {
    var ofTwo = 0
    for item in try items(.passages) {
      let parts = item.context.components(separatedBy: "\nQuestion: ")
      guard parts[1].hasSuffix(" want to do?\nAnswer:") else { continue }
      let name = parts[1].dropFirst("What did ".count).prefix { $0.isLetter }
      let wish = right(item).dropFirst("to ".count)
      let sentences = parts[0].components(separatedBy: ". ")
      let told = sentences.filter { $0.contains(wish) && ($0.contains("wanted to") || $0.contains("I will")) }
      XCTAssertTrue(told.contains { $0.contains(name) || $0.contains("wanted to") }, item.context)
      let wishes = sentences.filter { $0.contains("wanted to") || $0.contains("I will") }
      guard wishes.count == 2 else { continue }
      ofTwo += 1
      XCTAssertTrue(wishes.contains { $0.contains(name) && $0.contains(wish) }, item.context)
      let other = try XCTUnwrap(wishes.first { !$0.contains(name) }, item.context)
      XCTAssertTrue(item.choices!.contains { other.contains($0.trimmed.dropFirst("to ".count)) }, item.context)
    }
    XCTAssertGreaterThan(ofTwo, 20)
  }

  /// What the report says of the treatment and the outcome that are asked about, or that it says nothing.
  func testReportsOfTwoDecideTheirClaims() throws {
    var silent = 0
    for item in try items(.claims) where !item.context.contains(" none.") {
      let parts = item.context.components(separatedBy: "\nQuestion: Did ")
      guard parts[0].components(separatedBy: " got ").count == 3 else { continue }
      let treatment = parts[1].components(separatedBy: " make the ")[0]
      let outcome = String(parts[1].components(separatedBy: "?")[0].split(separator: " ").last!)
      let sentences = parts[0].components(separatedBy: ". ").dropFirst()
      let about = sentences.filter { $0.contains(treatment) && $0.contains(outcome) }
      // Eating more and drinking more end alike.
      if outcome == "more" { continue }
      XCTAssertLessThan(about.count, 2, item.context)
      guard let said = about.first else {
        silent += 1
        XCTAssertEqual(right(item), "maybe", item.context)
        continue
      }
      let unclear = ["some did not", "some days only", "later they did not"].contains { said.contains($0) }
      let never = ["nobody", "did not", "never", "without"].contains { said.contains($0) }
      XCTAssertEqual(right(item), unclear ? "maybe" : never ? "no" : "yes", item.context)
    }
    XCTAssertGreaterThan(silent, 20)
  }

  func testLongProblemsAddUp() throws {
    var scribe = Scribe(world: world, random: RandomStream(seed: 9, "test"), split: .training)
    var steps = Set<Int>()
    for _ in 0..<800 {
      guard let exercise = scribe.longProblem() else { continue }
      let sums = exercise.solution!.components(separatedBy: ". ").filter { $0.contains("=") }
      steps.insert(sums.count)
      var running: Int?
      for step in sums {
        let tokens = step.split(separator: " ")
        let (a, b, c) = (Int(tokens[0])!, Int(tokens[2])!, Int(tokens[4])!)
        XCTAssertEqual(tokens[1] == "+" ? a + b : tokens[1] == "-" ? a - b : a * b, c, step)
        if let running { XCTAssertEqual(a, running) }
        running = c
      }
      XCTAssertEqual("\(running!)", exercise.answerText)
    }
    XCTAssertEqual(steps, [2, 3, 4, 5])
  }
}
