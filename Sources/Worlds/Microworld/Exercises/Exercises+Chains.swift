/// Combinations of three facts, and of one fact of two subjects.
extension Scribe {
  private static let friends: [(relation: Relation, words: String)] = [
    (.friend, "best friend"), (.sibling, "sibling"),
  ]

  /// "Which river flows through the town where Mira's best friend lives?": three facts, one after the other.
  mutating func longChain() -> Exercise? {
    let (relation, words) = pick(Self.friends)
    guard let first = world.fact(of: entity(.person), relation),
      let second = world.fact(of: first.valueEntity!, .home)
    else { return nil }
    let asked: Relation = pick([.river, .product, .marketDay, .neighbour])
    let place = "the town where \(world.entities[first.subject].name.possessive) \(words) lives"
    let question =
      switch asked {
      case .river: "Which river flows through \(place)?"
      case .product: "What is made in \(place)?"
      case .marketDay: "When is the market in \(place)?"
      default: "Which town is next to \(place)?"
      }
    guard let third = world.fact(of: second.valueEntity!, asked), allows("long chain", first.id, third.id),
      let wrong = wrongValues(third, 3)
    else { return nil }
    return shuffled(
      "Question: \(question)\nAnswer:", right: third.value, wrong: wrong, facts: [first.id, second.id, third.id])
  }

  /// "Who lives in the same town as Mira?": each wrong answer has another value.
  mutating func sharedValue() -> Exercise? {
    let asked: (relation: Relation, kind: EntityKind, words: String) = pick([
      (.job, .person, "Who has the same job as"), (.home, .person, "Who lives in the same town as"),
      (.birthMonth, .person, "Who was born in the same month as"), (.food, .person, "Who likes the same food as"),
      (.material, .object, "Which thing is made of the same material as"),
      (.place, .object, "Which thing is kept in the same place as"),
    ])
    guard let first = world.fact(of: entity(asked.kind), asked.relation) else { return nil }
    let same = world.facts(asked.relation, value: first.value).map { world.facts[$0].subject }
    let others = same.filter { $0 != first.subject }
    guard !others.isEmpty else { return nil }
    let other = asTold(others)
    let second = world.fact(of: other, asked.relation)!
    // The question names the first subject only.
    guard allows("shared value", first.id), let wrong = wrongEntities(asked.kind, 3, where: { !same.contains($0) })
    else { return nil }
    return shuffled(
      "Question: \(asked.words) \(world.entities[first.subject].name)?\nAnswer:", right: world.entities[other].name,
      wrong: wrong.map { world.entities[$0].name }, facts: [first.id, second.id])
  }
}
