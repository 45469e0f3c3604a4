/// Exercises about facts of the world: one fact, two facts, a rule and a fact, a goal and a fact.
extension Scribe {
  /// "Question: Where does Mira live?\nAnswer:" among four values of the same relation.
  mutating func recall() -> Exercise? {
    let fact = fact(factKind())
    guard let question = question(fact), let wrong = wrongValues(fact, 3) else { return nil }
    return shuffled("Question: \(question)\nAnswer:", right: fact.value, wrong: wrong, facts: [fact.id])
  }

  mutating func combine() -> Exercise? {
    switch choice(world.edition.exercises.combinations) {
    case 0: twoProperties()
    case 1: conjunction()
    case 2: chain()
    case 3: longChain()
    default: sharedValue()
    }
  }

  /// "What colour is the lamp? Where is the lamp kept?" Wrong answers have one or both of the two facts wrong.
  private mutating func twoProperties() -> Exercise? {
    let subject = entity(pick([.person, .person, .object, .object, .town, .animal]))
    guard let pair = some(2, of: world.entities[subject].facts),
      allows("two facts", min(pair[0], pair[1]), max(pair[0], pair[1]))
    else { return nil }
    let (a, b) = (world.facts[pair[0]], world.facts[pair[1]])
    guard let v = wrongValues(a, 1), let w = wrongValues(b, 1) else { return nil }
    let questions = [a, b].map { render(phrasing($0.relation).questions[0], $0) }
    return shuffled(
      "Question: \(questions[0]) \(questions[1])\nAnswer:", right: "\(a.value), \(b.value)",
      wrong: ["\(v[0]), \(b.value)", "\(a.value), \(w[0])", "\(v[0]), \(w[0])"], facts: [a.id, b.id])
  }

  /// "Who works as a baker and lives in Oakford?": each wrong answer fits at most one half.
  private mutating func conjunction() -> Exercise? {
    let world = world
    let kind: EntityKind = chance(0.7) ? .person : .object
    let relations: [Relation] = kind == .person ? [.job, .home, .birthMonth, .food] : [.material, .colour, .place]
    guard let pair = some(2, of: relations) else { return nil }
    let subject = entity(kind)
    guard let first = world.fact(of: subject, pair[0]), let second = world.fact(of: subject, pair[1]),
      allowsJoint(first, second), let a = predicate(first), let b = predicate(second)
    else { return nil }
    func fits(_ other: Int) -> Int {
      (world.fact(of: other, pair[0])?.value == first.value ? 1 : 0)
        + (world.fact(of: other, pair[1])?.value == second.value ? 1 : 0)
    }
    var wrong: [Int] = []
    for relation in [pair[0], pair[1]] {
      let shared = relation == pair[0] ? first : second
      let others = world.facts(relation, value: shared.value).map { world.facts[$0].subject }
        .filter { fits($0) == 1 && !wrong.contains($0) }
      if !others.isEmpty { wrong.append(asTold(others)) }
    }
    if world.edition.exercises.wrongAnswersAsTold {
      let rest = wrongEntities(kind, 3 - wrong.count) { $0 != subject && fits($0) == 0 && !wrong.contains($0) }
      wrong += rest ?? []
    }
    for _ in 0..<50 where wrong.count < 3 {
      let other = pick(world.members[kind]!)
      if other != subject, fits(other) == 0, !wrong.contains(other) { wrong.append(other) }
    }
    guard wrong.count == 3 else { return nil }
    let start = kind == .person ? "Who" : "Which thing"
    return shuffled(
      "Question: \(start) \(a) and \(b)?\nAnswer:", right: world.entities[subject].name,
      wrong: wrong.map { world.entities[$0].name }, facts: [first.id, second.id])
  }

  /// "Which river flows through the town where Mira lives?": the value of one fact is the subject of the next.
  private mutating func chain() -> Exercise? {
    let person = chance(0.75)
    let first: Fact
    if person {
      let subject = entity(.person)
      let relation: Relation = pick([.home, .home, .friend, .petKind])
      guard let fact = world.fact(of: subject, relation) else { return nil }
      first = fact
    } else {
      guard let fact = world.fact(of: entity(.shop), .shopTown) else { return nil }
      first = fact
    }
    let name = world.entities[first.subject].name
    let question: String
    let second: Fact?
    switch first.relation {
    case .petKind:
      question = "What sound does the pet of \(name) make?"
      let animal = world.members[.animal]!.first { world.entities[$0].name == "the " + first.value }
      second = animal.flatMap { world.fact(of: $0, .sound) }
    case .friend:
      let relation: Relation = pick([.job, .home, .food])
      second = world.fact(of: first.valueEntity!, relation)
      question =
        switch relation {
        case .job: "What is the job of \(name)'s best friend?"
        case .home: "Where does the best friend of \(name) live?"
        default: "What food does the best friend of \(name) like?"
        }
    default:
      let relation: Relation = pick([.river, .product, .marketDay])
      second = world.fact(of: first.valueEntity!, relation)
      let place = first.relation == .home ? "the town where \(name) lives" : "the town of the shop \(name)"
      question =
        switch relation {
        case .river: "Which river flows through \(place)?"
        case .product: "What is made in \(place)?"
        default: "When is the market in \(place)?"
        }
    }
    guard let second, allows("chain", first.id, second.id), let wrong = wrongValues(second, 3) else { return nil }
    return shuffled(
      "Question: \(question)\nAnswer:", right: second.value, wrong: wrong, facts: [first.id, second.id])
  }

  // MARK: A rule in the text and a fact from memory

  private static let ruleFamilies: [(kind: EntityKind, relations: [Relation], consequences: [String])] = [
    (
      .object, [],  // the edition's
      [
        "is sold today", "floats", "glows at night",
        "must be washed", "breaks easily",
        "belongs to the king", "gets a new label",
      ]
    ),
    (
      .person, [.job, .home, .birthMonth, .food],
      [
        "gets a gift", "must pay a fee", "may ride for free",
        "is invited to the feast", "has to get up early",
        "wins a prize", "must wear a hat",
      ]
    ),
    (
      .animal, [.habitat, .diet],
      [
        "sleeps all winter", "is afraid of fire",
        "can smell rain", "must be counted",
      ]
    ),
    (
      .town, [.product, .marketDay, .river],
      [
        "sends a cart to the fair", "rings a bell at noon",
        "pays no tax", "gets a new bridge",
      ]
    ),
  ]

  /// "Rule: Everyone who works as a baker gets a gift.\nQuestion: Who gets a gift?\nAnswer:".
  mutating func rule() -> Exercise? {
    let family = Self.ruleFamilies[choice(world.edition.exercises.rules)]
    let subject = entity(family.kind)
    let index = random.next(below: family.consequences.count)
    let consequence = family.consequences[index]
    let relations = family.kind == .object ? world.edition.exercises.objectRules : family.relations
    guard let fact = world.fact(of: subject, pick(relations)), allows("rule", world.valueID(fact), index),
      let predicate = predicate(fact)
    else { return nil }
    let same = Set(world.facts(fact.relation, value: fact.value).map { world.facts[$0].subject })
    guard let wrong = wrongEntities(family.kind, 3, where: { !same.contains($0) }) else { return nil }
    let (every, which): (String, String) =
      switch family.kind {
      case .person: ("Everyone who", "Who")
      case .object: ("Every thing that", "Which thing")
      case .animal: ("Every animal that", "Which animal")
      default: ("Every town that", "Which town")
      }
    return shuffled(
      "Rule: \(every) \(predicate) \(consequence).\nQuestion: \(which) \(consequence)?\nAnswer:",
      right: world.entities[subject].name, wrong: wrong.map { world.entities[$0].name }, facts: [fact.id])
  }

  // MARK: A goal and what achieves it

  private static let goalLeads = [
    "Goal: ", "Wish: ", "Plan: ", "Aim: ", "To do: ", "Need: ", "Hope: ", "Idea: ", "Dream: ", "Task: ",
  ]

  /// "Goal: cut the cord\nSolution:" between two actions, one of which achieves the goal.
  mutating func goal() -> Exercise? {
    chance(world.edition.exercises.goalsByUse) ? goalByUse() : goalByFact()
  }

  private mutating func goalByUse() -> Exercise? {
    let object = entity(.object)
    let use = world.useOf[object]!
    let goal = random.next(below: Use.all[use].goals.count)
    let lead = random.next(below: Self.goalLeads.count)
    // Both the question and the pair of goal and thing are new in evaluation.
    guard allows("goal", use, goal, lead), allows("goal-thing", object, goal), let fact = world.fact(of: object, .use)
    else { return nil }
    let world = world
    guard let wrong = wrongEntities(.object, 1, where: { world.useOf[$0]! != use })?.first else { return nil }
    let verb = pick(["use", "take", "get"])
    return shuffled(
      "\(Self.goalLeads[lead])\(Use.all[use].goals[goal])\nSolution:", right: "\(verb) \(world.entities[object].name)",
      wrong: ["\(verb) \(world.entities[wrong].name)"], facts: [fact.id])
  }

  private mutating func goalByFact() -> Exercise? {
    let relation: Relation = pick([.product, .habitat, .place, .place, .marketDay, .ingredient, .sells, .home, .diet])
    let kind: EntityKind =
      switch relation {
      case .product, .marketDay: .town
      case .habitat, .diet: .animal
      case .place: .object
      case .ingredient: .dish
      case .sells: .shop
      default: .person
      }
    guard let fact = world.fact(of: entity(kind), relation) else { return nil }
    let lead = random.next(below: Self.goalLeads.count)
    guard allows("goal-fact", fact.id, lead), let wrong = wrongValues(fact, 1) else { return nil }
    let name = world.entities[fact.subject].name
    let (goal, act): (String, String) =
      switch relation {
      case .product: ("bring home something from \(name)", "buy some")
      case .habitat: ("see \(name)", "go to the")
      case .place: ("find \(name)", "look in the")
      case .marketDay: ("visit the market in \(name)", "go on")
      case .ingredient: ("cook \(name)", "get some")
      case .sells: ("buy something at \(name)", "ask for")
      case .diet: ("feed \(name)", "give it some")
      default: ("visit \(name) at home", "travel to")
      }
    return shuffled(
      "\(Self.goalLeads[lead])\(goal)\nSolution:", right: "\(act) \(fact.value)", wrong: ["\(act) \(wrong[0])"],
      facts: [fact.id])
  }

  // MARK: School subjects

  /// A question above its four options, answered by an option's words (the cloze form, in which small models are
  /// scored; letters would test whether they can bind a letter to a line, which they cannot).
  mutating func listed(_ question: String, right: String, wrong: [String], facts: [Int]) -> Exercise {
    let exercise = shuffled("", right: right, wrong: wrong, facts: facts)
    return Exercise(
      "Question: \(question)\nOptions:\(exercise.choices.joined(separator: ","))\nAnswer:", choices: exercise.choices,
      answer: exercise.answer, facts: facts)
  }

  /// Mixed school subjects: facts, kinds of things, small sums.
  mutating func quiz() -> Exercise? {
    switch choice(world.edition.exercises.quiz) {
    case 0:
      let fact = fact(factKind())
      guard let question = question(fact), let wrong = wrongValues(fact, 3) else { return nil }
      return listed(question, right: fact.value, wrong: wrong, facts: [fact.id])
    case 1: return category()
    default: return sum()
    }
  }

  /// The kinds of words that category questions ask for; the last may be anything and is never asked for.
  private var categories: [(name: String, words: [String])] {
    [
      ("an animal", Lexicon.animals.map { String($0.prefix { $0 != "/" }) }), ("a job", Lexicon.jobs),
      ("a food", Lexicon.foods), ("a colour", Lexicon.colours), ("a month", Lexicon.months),
      ("a day of the week", Lexicon.weekdays), ("a river", Lexicon.rivers),
      ("a material", Lexicon.hardMaterials + Lexicon.softMaterials),
      ("a town", world.members[.town]!.map { world.entities[$0].name }),
      ("a thing", world.members[.object]!.map { world.entities[$0].name.withoutArticle }),
    ]
  }

  /// "Which of these is an animal?"
  private mutating func category() -> Exercise? {
    guard let kinds = some(4, of: Array(categories.enumerated())), kinds[0].offset < categories.count - 1 else {
      return nil
    }
    let at = random.next(below: kinds[0].element.words.count)
    guard allows("category", kinds[0].offset, at) else { return nil }
    return listed(
      "Which of these is \(kinds[0].element.name)?", right: kinds[0].element.words[at],
      wrong: kinds[1...].map { pick($0.element.words) }, facts: [])
  }

  private mutating func sum() -> Exercise? {
    let largest = world.edition.exercises.largestSummand
    let a = number(1...largest)
    let b = number(1...largest)
    let minus = chance(0.4)
    guard allows("sum", a, b, minus ? 1 : 0), !minus || a > b else { return nil }
    let right = minus ? a - b : a + b
    var wrong: [String] = []
    while wrong.count < 3 {
      let value = max(0, right + number(-5...6))
      if value != right, !wrong.contains("\(value)") { wrong.append("\(value)") }
    }
    return listed("What is \(a) \(minus ? "minus" : "plus") \(b)?", right: "\(right)", wrong: wrong, facts: [])
  }
}
