/// What everybody knows of kinds of things, and of nobody and nothing in particular.
extension Scribe {
  /// "Question: What would you use to cut the cord?\nOptions: [...]\nAnswer:" among five.
  mutating func concept() -> Exercise? {
    switch random.next(below: 6) {
    case 0...2: whatFor()
    case 3: animalByFact()
    case 4: kindOfThing()
    default: timeOfYear()
    }
  }

  private static let usePhrases = ["What would you use to", "What do you need to", "What helps you to"]

  /// A noun by a goal; wrong ones are for other uses.
  private mutating func whatFor() -> Exercise? {
    let use = random.next(below: Use.all.count)
    let goal = random.next(below: Use.all[use].goals.count)
    let (phrase, at) = (random.next(below: Self.usePhrases.count), random.next(below: Use.all[use].objects.count))
    guard allows("concept use", use * 8 + goal, at, phrase) else { return nil }
    let others = some(4, of: Use.all.indices.filter { $0 != use })!
    return listed(
      "\(Self.usePhrases[phrase]) \(Use.all[use].goals[goal])?", right: "a \(Self.nouns(use)[at])".withCorrectArticles,
      wrong: others.map { "a \(pick(Self.nouns($0)))".withCorrectArticles }, facts: [])
  }

  /// Which animal makes a sound, or has so many legs.
  private mutating func animalByFact() -> Exercise? {
    let world = world
    let animal = entity(.animal)
    let relation: Relation = chance(0.6) ? .sound : .legs
    guard let fact = world.fact(of: animal, relation) else { return nil }
    let form = random.next(below: 2)
    let question =
      switch (relation, form) {
      case (.sound, 0): "You hear something say \(fact.value). Which animal is it?"
      case (.sound, _): "Who says \(fact.value)?"
      case (_, 0): "Which of these animals has \(fact.value)?"
      default: "What has \(fact.value)?"
      }
    guard allows("concept animal", fact.id, form),
      let wrong = wrongEntities(
        .animal, 4, where: { world.fact(of: $0, relation).map { $0.value != fact.value } == true })
    else { return nil }
    return listed(
      question, right: world.entities[animal].name, wrong: wrong.map { world.entities[$0].name }, facts: [fact.id])
  }

  static let wordKinds: [(name: String, words: [String])] = [
    ("a colour", Lexicon.colours), ("a job", Lexicon.jobs), ("something to eat", Lexicon.foods),
    ("part of a week", Lexicon.weekdays), ("part of a year", Lexicon.months),
    ("what things are made of", Lexicon.hardMaterials), ("a pet", Lexicon.petKinds),
    ("a place where people work", Lexicon.words("kitchen workshop mill bakery school library")),
    ("a feeling", Lexicon.feelings + Lexicon.badFeelings), ("a place where animals live", Lexicon.habitats),
  ]

  /// What a word is; wrong answers are other kinds.
  private mutating func kindOfThing() -> Exercise? {
    let chosen = some(5, of: Array(Self.wordKinds.indices))!
    let words = Self.wordKinds[chosen[0]].words
    let at = random.next(below: words.count)
    // A word that is of two kinds has two right answers.
    guard allows("concept kind", chosen[0], at),
      !chosen[1...].contains(where: { Self.wordKinds[$0].words.contains(words[at]) })
    else { return nil }
    return listed(
      "What is \"\(words[at])\"?", right: Self.wordKinds[chosen[0]].name,
      wrong: chosen[1...].map { Self.wordKinds[$0].name }, facts: [])
  }

  /// Months and days in their order.
  private mutating func timeOfYear() -> Exercise? {
    let isMonth = chance(0.7)
    let relation: Relation = isMonth ? pick([.season, .monthAfter, .monthAfter]) : .dayAfter
    let subject = entity(isMonth ? .month : .day)
    guard let fact = world.fact(of: subject, relation) else { return nil }
    let name = world.entities[subject].name
    let (question, all): (String, [String]) =
      switch relation {
      case .season: ("Which of these months is in \(fact.value)?", Lexicon.months)
      case .monthAfter: ("Which month follows \(name)?", Lexicon.months)
      default: ("If today is \(name), what is tomorrow?", Lexicon.weekdays)
      }
    let right = relation == .season ? name : fact.value
    let wrong = all.filter { word in
      guard relation == .season else { return word != right && word != name }
      return !world.facts(.season, value: fact.value).contains { world.entities[world.facts[$0].subject].name == word }
    }
    guard allows("concept time", fact.id), let four = some(4, of: wrong) else { return nil }
    return listed(question, right: right, wrong: four, facts: [fact.id])
  }
}
