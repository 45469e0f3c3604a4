/// Questions that need several facts and a conclusion from them, each among four answers of which the wrong ones are what a slip in
/// one step gives.
extension Scribe {
  private typealias Question = (question: String, right: String, wrong: [String], facts: [Int])

  /// Three facts or steps.
  mutating func puzzle() -> Exercise? {
    let question =
      switch random.next(below: 4) {
      case 0: townOfFriend()
      case 1: nextBirthday()
      case 2: costTogether()
      default: neighbourOfRiver()
      }
    return question.flatMap { asked($0) }
  }

  /// Four facts or steps, and more.
  mutating func riddle() -> Exercise? {
    let question =
      switch random.next(below: 4) {
      case 0: townBesideFriend()
      case 1: mostExpensive()
      case 2: change()
      default: legsTogether()
      }
    return question.flatMap { asked($0) }
  }

  private mutating func asked(_ question: Question) -> Exercise? {
    guard question.wrong.count == 3, Set(question.wrong + [question.right]).count == 4 else { return nil }
    return listed(question.question, right: question.right, wrong: question.wrong, facts: question.facts)
  }

  // MARK: From one to the next

  private static let townQuestions: [(relation: Relation, question: String)] = [
    (.river, "Which river flows through"), (.product, "What is made in"), (.marketDay, "When is the market in"),
  ]

  /// The first two facts of a friend's or a sibling's home, and how that town is spoken of.
  private mutating func homeOfFriend() -> (facts: [Fact], town: String)? {
    let (relation, words): (Relation, String) = chance(0.6) ? (.friend, "best friend") : (.sibling, "sibling")
    guard let first = world.fact(of: entity(.person), relation), let second = world.fact(of: first.valueEntity!, .home)
    else { return nil }
    return ([first, second], "the town where \(world.entities[first.subject].name.possessive) \(words) lives")
  }

  /// Values that other towns have for the same question, that of a given town first.
  private mutating func misleading(_ fact: Fact, _ towns: [Int]) -> [String]? {
    var wrong = towns.compactMap { world.fact(of: $0, fact.relation)?.value }.filter { $0 != fact.value }
    for value in wrongValues(fact, 3) ?? [] where !wrong.contains(value) { wrong.append(value) }
    var seen = Set<String>()
    wrong = wrong.filter { seen.insert($0).inserted }
    return wrong.count >= 3 ? Array(wrong.prefix(3)) : nil
  }

  /// "Which river flows through the town where Mira's best friend lives?" One wrong answer is of Mira's own town.
  private mutating func townOfFriend() -> Question? {
    guard let way = homeOfFriend() else { return nil }
    let (relation, question) = pick(Self.townQuestions)
    let own = world.fact(of: way.facts[0].subject, .home)?.valueEntity
    // The second edition's combinations are told apart by the same hash.
    guard let last = world.fact(of: way.facts[1].valueEntity!, relation),
      allows("long chain", way.facts[0].id, last.id),
      let wrong = misleading(last, [own].compactMap { $0 })
    else { return nil }
    return ("\(question) \(way.town)?", last.value, wrong, way.facts.map(\.id) + [last.id])
  }

  /// One step further: "... the town next to the town where Mira's best friend lives?" One wrong answer is a step short.
  private mutating func townBesideFriend() -> Question? {
    guard let way = homeOfFriend(), let beside = world.fact(of: way.facts[1].valueEntity!, .neighbour) else {
      return nil
    }
    let (relation, question) = pick(Self.townQuestions)
    guard let last = world.fact(of: beside.valueEntity!, relation), allows("riddle town", way.facts[0].id, last.id),
      let wrong = misleading(last, [way.facts[1].valueEntity!])
    else { return nil }
    return ("\(question) the town next to \(way.town)?", last.value, wrong, way.facts.map(\.id) + [beside.id, last.id])
  }

  /// "Who was born in the month after Mira's birthday?" One wrong answer was born in the same month.
  private mutating func nextBirthday() -> Question? {
    let person = entity(.person)
    guard let born = world.fact(of: person, .birthMonth),
      let month = world.members[.month]!.first(where: { world.entities[$0].name == born.value }),
      let after = world.fact(of: month, .monthAfter)
    else { return nil }
    func bornIn(_ month: String) -> [Int] {
      world.facts(.birthMonth, value: month).map { world.facts[$0].subject }.filter { $0 != person }
    }
    let (right, near) = (bornIn(after.value), bornIn(born.value))
    guard !right.isEmpty, !near.isEmpty else { return nil }
    let (answer, same) = (asTold(right), asTold(near))
    let last = world.fact(of: answer, .birthMonth)!
    guard allows("puzzle birthday", born.id, last.id),
      let others = wrongEntities(.person, 2, where: { $0 != person && $0 != same && !right.contains($0) })
    else { return nil }
    return (
      "Who was born in the month after the birthday of \(world.entities[person].name)?", world.entities[answer].name,
      ([same] + others).map { world.entities[$0].name }, [born.id, after.id, last.id]
    )
  }

  /// "Which town is next to the town on the Arl that has its market on Monday?": a town by two facts, and its neighbour.
  private mutating func neighbourOfRiver() -> Question? {
    let town = entity(.town)
    guard let river = world.fact(of: town, .river), let day = world.fact(of: town, .marketDay),
      let beside = world.fact(of: town, .neighbour)
    else { return nil }
    let both = Set(world.facts(.river, value: river.value).map { world.facts[$0].subject })
      .intersection(world.facts(.marketDay, value: day.value).map { world.facts[$0].subject })
    guard both == [town], allows("puzzle neighbour", river.id, day.id) else { return nil }
    // A town on the same river misleads.
    let near = world.facts(.river, value: river.value).map { world.facts[$0].subject }.filter { $0 != town }.sorted()
    guard let wrong = misleading(beside, near.isEmpty ? [] : [pick(near)]) else { return nil }
    return (
      "Which town is next to the town on the \(river.value) that has its market on \(day.value)?", beside.value, wrong,
      [river.id, day.id, beside.id]
    )
  }

  // MARK: With numbers

  /// Different things with their prices in coins.
  private mutating func priced(_ count: Int) -> [(fact: Fact, name: String, coins: Int)]? {
    var things: [(fact: Fact, name: String, coins: Int)] = []
    for _ in 0..<20 * count where things.count < count {
      let thing = entity(.object)
      guard let fact = world.fact(of: thing, .price), !things.contains(where: { $0.fact.subject == thing }),
        let coins = Int(fact.value.prefix { $0 != " " })
      else { continue }
      things.append((fact, world.entities[thing].name, coins))
    }
    return things.count == count ? things : nil
  }

  /// Numbers near the right one.
  private mutating func numbersNear(_ right: Int, _ unit: String) -> [String] {
    let off = some(3, of: [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5].filter { right + $0 > 0 })!
    return off.map { "\(right + $0) \(unit)" }
  }

  /// "What do the lamp and the bell cost together?"
  private mutating func costTogether() -> Question? {
    guard let things = priced(2), allows("puzzle cost", things[0].fact.id, things[1].fact.id) else { return nil }
    let sum = things[0].coins + things[1].coins
    return (
      "What do \(things[0].name) and \(things[1].name) cost together?", "\(sum) coins", numbersNear(sum, "coins"),
      things.map(\.fact.id)
    )
  }

  /// "Mira has 90 coins and buys the lamp, the bell and the rope. How much is left?"
  private mutating func change() -> Question? {
    guard let things = priced(3), allows("riddle change", things[0].fact.id, things[1].fact.id, things[2].fact.id)
    else {
      return nil
    }
    let sum = things.reduce(0) { $0 + $1.coins }
    let left = number(1...30)
    let buyer = newNames(1)[0]
    return (
      "\(buyer.name) has \(sum + left) coins and buys \(things[0].name), \(things[1].name) and \(things[2].name). "
        + "How much is left?", "\(left) coins", numbersNear(left, "coins"), things.map(\.fact.id)
    )
  }

  /// "Which of these costs the most?"
  private mutating func mostExpensive() -> Question? {
    guard let things = priced(4)?.sorted(by: { $0.coins > $1.coins }), things[0].coins > things[1].coins,
      allows("riddle price", things[0].fact.id, things[1].fact.id, things[2].fact.id)
    else { return nil }
    return (
      "Which of these costs the most?", things[0].name, things.dropFirst().map(\.name), things.map(\.fact.id)
    )
  }

  /// "How many legs do the cow, the hen and the bee have together?"
  private mutating func legsTogether() -> Question? {
    var animals: [Fact] = []
    for _ in 0..<60 where animals.count < 3 {
      if let fact = world.fact(of: entity(.animal), .legs), !animals.contains(where: { $0.subject == fact.subject }) {
        animals.append(fact)
      }
    }
    guard animals.count == 3, allows("riddle legs", animals[0].id, animals[1].id, animals[2].id) else { return nil }
    let legs = ["no": 0, "two": 2, "four": 4, "six": 6, "eight": 8]
    let sum = animals.reduce(0) { $0 + legs[String($1.value.prefix { $0 != " " })]! }
    let off = some(3, of: [-6, -4, -2, 2, 4, 6].filter { sum + $0 >= 0 })!
    let names = animals.map { world.entities[$0.subject].name }
    return (
      "How many legs do \(names[0]), \(names[1]) and \(names[2]) have together?", "\(sum)", off.map { "\(sum + $0)" },
      animals.map(\.id)
    )
  }
}
