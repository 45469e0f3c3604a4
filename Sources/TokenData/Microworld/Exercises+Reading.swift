import Foundation

/// Exercises about a text in the context: reports with a claim, and passages with a question.
extension Scribe {
  // MARK: Does the report support the claim?

  private struct Field: Sendable {
    let subjects: [String]
    let treatments: [String]
    /// (told, asked): "slept longer", "sleep longer".
    let outcomes: [(String, String)]
  }

  private static let fields: [Field] = [
    Field(
      subjects: Lexicon.words("hens cows goats horses sheep rabbits ducks pigs"),
      treatments: ["barley", "fresh hay", "warm water", "salt", "music", "apples", "mint", "carrots"],
      outcomes: [("ate more", "eat more"), ("slept longer", "sleep longer"), ("ran faster", "run faster"),
        ("grew fatter", "grow fatter"), ("drank more", "drink more")]),
    Field(
      subjects: Lexicon.words("roses beans pears plums carrots cherries peas tulips"),
      treatments: ["ash", "river water", "more light", "sand", "straw", "old milk", "warm soil", "chalk"],
      outcomes: [("grew taller", "grow taller"), ("stayed green longer", "stay green longer"),
        ("had more leaves", "have more leaves"), ("smelled sweeter", "smell sweeter"), ("grew faster", "grow faster")]),
    Field(
      subjects: Lexicon.words("children sailors farmers singers guards weavers bakers hunters"),
      treatments: ["honey", "ginger tea", "long walks", "cold baths", "hot soup", "early sleep", "songs", "lemon"],
      outcomes: [("slept longer", "sleep longer"), ("coughed less", "cough less"), ("laughed more", "laugh more"),
        ("worked faster", "work faster"), ("learned more", "learn more")]),
  ]

  private enum Finding { case better, same, worse, mixed }

  private mutating func sentence(_ finding: Finding, _ told: String, _ asked: String, _ treatment: String) -> String {
    switch finding {
    case .better:
      pick(["Those with \(treatment) \(told) than the others.", "With \(treatment) they \(told).",
        "The group with \(treatment) clearly \(told)."])
    case .same:
      pick(["Both groups were the same: nobody \(told).", "They did not \(asked) with \(treatment).",
        "No difference was seen: no group \(told)."])
    case .worse:
      pick(["Those without \(treatment) \(told) than the others.", "Without \(treatment) they \(told).",
        "The group without \(treatment) clearly \(told)."])
    case .mixed:
      pick(["Some with \(treatment) \(told), but some did not.", "It was not clear which group \(told).",
        "On some days they \(told), on other days not."])
    }
  }

  /// "Report: ... Question: Did honey make the children sleep longer?\nAnswer:" yes / no / maybe.
  mutating func claim() -> Exercise? {
    let fieldIndex = random.next(below: Self.fields.count)
    let field = Self.fields[fieldIndex]
    let subjectIndex = random.next(below: field.subjects.count)
    let treatmentIndex = random.next(below: field.treatments.count)
    let (subjects, treatment) = (field.subjects[subjectIndex], field.treatments[treatmentIndex])
    guard let outcomes = some(2, of: field.outcomes), let counts = some(2, of: Array(5...30)),
      allows("claim", fieldIndex, subjectIndex, treatmentIndex)
    else { return nil }
    let answer = random.next(below: 3)
    let finding: Finding = [.better, chance(0.5) ? .same : .worse, .mixed][answer]
    var lines = [sentence(finding, outcomes[0].0, outcomes[0].1, treatment)]
    if chance(0.6) {
      let other: Finding = pick([.better, .same, .worse, .mixed])
      lines.insert(sentence(other, outcomes[1].0, outcomes[1].1, treatment), at: chance(0.5) ? 0 : 1)
    }
    let days = number(3...40)
    let opening = pick([
      "For \(days) days \(counts[0]) \(subjects) got \(treatment), and \(counts[1]) \(subjects) got none.",
      "A test was done with \(counts[0] + counts[1]) \(subjects). Half of them got \(treatment) for \(days) days.",
      "In a test of \(days) days, \(counts[0]) \(subjects) got \(treatment) and \(counts[1]) did not.",
    ])
    return Exercise(
      "Report: \(opening) \(lines.joined(separator: " "))\nQuestion: Did \(treatment) make the \(subjects) \(outcomes[0].1)?\nAnswer:",
      choices: [" yes", " no", " maybe"], answer: answer, facts: [])
  }

  // MARK: Passages

  /// A passage and everything that can be asked about it.
  struct Passage {
    var text: String
    /// question, right answer, what else of the same sort stands in the passage, and the sort's word list
    var questions: [(question: String, right: String, inside: [String], outside: [String])]
  }

  mutating func makePassage() -> Passage {
    switch random.next(below: 4) {
    case 0: marketPassage()
    case 1: tripPassage()
    case 2: giftPassage()
    default: roomPassage()
    }
  }

  /// One question about a fresh passage; wrong answers stand in the passage too, if it has enough of them.
  mutating func passage() -> Exercise? {
    let passage = makePassage()
    return exercise(about: passage, question: random.next(below: passage.questions.count))
  }

  mutating func exercise(about passage: Passage, question index: Int) -> Exercise? {
    let (question, right, inside, outside) = passage.questions[index]
    var wrong = inside.filter { $0 != right }
    random.shuffle(&wrong)
    wrong = Array(wrong.prefix(2))
    for _ in 0..<30 where wrong.count < 3 {
      let word = pick(outside)
      if word != right, !inside.contains(word), !wrong.contains(word) { wrong.append(word) }
    }
    guard wrong.count == 3 else { return nil }
    return shuffled(
      "\(passage.text)\nQuestion: \(question)\nAnswer:", right: right, wrong: wrong, facts: [])
  }

  var objectNouns: [String] { world.members[.object]!.map { world.entities[$0].name.withoutArticle } }
  private var castNames: [String] { (split == .training ? world.guests : world.strangers).map(\.name) }

  private static let fillers = Lexicon.phrases(
    """
    The sun was warm.
    It was a busy day.
    A dog slept under a table.
    The bells rang at noon.
    Children ran up and down.
    Some clouds came from the hills.
    Everybody was in a good mood.
    An old song was in the air.
    Nobody was in a hurry.
    It smelled of bread.
    """)

  private mutating func withFillers(_ lines: [String], opening: String) -> String {
    var lines = lines
    for filler in some(number(1...3), of: Self.fillers)! { lines.insert(filler, at: number(0...lines.count)) }
    return ([opening] + lines).joined(separator: " ")
  }

  private mutating func marketPassage() -> Passage {
    let cast = newNames(4)
    let things = some(4, of: objectNouns)!
    let colours = some(4, of: Lexicon.colours)!
    let prices = some(4, of: Array(2...30))!
    let town = world.entities[entity(.town)].name
    var lines: [String] = []
    var questions: [(String, String, [String], [String])] = []
    let coins = (2...40).map { "\($0) coins" }
    for i in 0..<4 {
      let (who, thing, colour, price) = (cast[i].name, things[i], colours[i], prices[i])
      lines.append(
        pick([
          "\(who) sold a \(colour) \(thing) for \(price) coins.",
          "\(who) had a \(colour) \(thing) and sold it for \(price) coins.",
          "For \(price) coins \(who) sold a \(colour) \(thing).",
        ]))
      questions.append(("What did \(who) sell?", "a \(colour) \(thing)", (0..<4).map { "a \(colours[$0]) \(things[$0])" },
        ["a red bag", "a white dish", "a black shoe", "a green pipe"]))
      questions.append(("Who sold the \(thing)?", who, cast.map(\.name), castNames))
      questions.append(("What colour was the \(thing)?", colour, colours, Lexicon.colours))
      questions.append(("How much did the \(thing) cost?", "\(price) coins", prices.map { "\($0) coins" }, coins))
    }
    random.shuffle(&lines)
    return Passage(text: withFillers(lines, opening: "It was market day in \(town)."), questions: questions)
  }

  private mutating func tripPassage() -> Passage {
    let hero = newNames(1)[0]
    let start = number(0...6)
    let places = some(4, of: Lexicon.places)!
    let animals = some(4, of: world.members[.animal]!.map { world.entities[$0].name.withoutArticle })!
    let count = number(3...4)
    var lines: [String] = []
    var questions: [(String, String, [String], [String])] = []
    let days = (0..<count).map { Lexicon.weekdays[(start + $0) % 7] }
    for i in 0..<count {
      let subject = i == 0 ? hero.name : hero.subjectPronoun
      lines.append(
        pick([
          "On \(days[i]) \(subject) went to the \(places[i]) and saw a \(animals[i]).",
          "On \(days[i]) \(subject) saw a \(animals[i]) in the \(places[i]).",
          "A \(animals[i]) was in the \(places[i]) when \(subject) came there on \(days[i]).",
        ]).withCorrectArticles)
      questions.append(("Where was \(hero.name) on \(days[i])?", "in the \(places[i])",
        (0..<count).map { "in the \(places[$0])" }, Lexicon.places.map { "in the \($0)" }))
      questions.append(("What did \(hero.name) see in the \(places[i])?", animals[i].withArticle,
        animals[..<count].map(\.withArticle), Lexicon.petKinds.map(\.withArticle)))
      questions.append(("On which day did \(hero.name) see the \(animals[i])?", days[i], days, Lexicon.weekdays))
    }
    return Passage(
      text: withFillers(lines, opening: "\(hero.name) had a free week."), questions: questions)
  }

  private mutating func giftPassage() -> Passage {
    let cast = newNames(6)
    let things = some(3, of: objectNouns)!
    let colours = some(3, of: Lexicon.colours)!
    let town = world.entities[entity(.town)].name
    var lines: [String] = []
    var questions: [(String, String, [String], [String])] = []
    let names = cast.map(\.name)
    for i in 0..<3 {
      let (giver, taker, thing, colour) = (names[2 * i], names[2 * i + 1], things[i], colours[i])
      lines.append(
        pick([
          "\(giver) gave a \(colour) \(thing) to \(taker).", "\(taker) got a \(colour) \(thing) from \(giver).",
          "The gift of \(giver) for \(taker) was a \(colour) \(thing).",
        ]))
      questions.append(("Who got the \(thing)?", taker, names, castNames))
      questions.append(("Who gave the \(thing)?", giver, names, castNames))
      questions.append(("What colour was the \(thing)?", colour, colours, Lexicon.colours))
      questions.append(("What did \(giver) give to \(taker)?", "a \(colour) \(thing)",
        (0..<3).map { "a \(colours[$0]) \(things[$0])" }, ["a red bag", "a white dish", "a black shoe", "a green pipe"]))
    }
    return Passage(text: withFillers(lines, opening: "There was a party in \(town)."), questions: questions)
  }

  private mutating func roomPassage() -> Passage {
    let cast = newNames(4)
    let places = some(4, of: Lexicon.places)!
    let things = some(4, of: objectNouns)!
    let foods = some(4, of: Lexicon.foods)!
    var lines: [String] = []
    var questions: [(String, String, [String], [String])] = []
    let names = cast.map(\.name)
    for i in 0..<4 {
      let (who, place, thing, food) = (names[i], places[i], things[i], foods[i])
      lines.append(
        pick([
          "\(who) hid the \(thing) in the \(place) and ate some \(food).",
          "In the \(place) \(who) put down the \(thing). There \(cast[i].subjectPronoun) ate some \(food).",
          "\(who) ate some \(food) and took the \(thing) to the \(place).",
        ]))
      questions.append(("Where is the \(thing) now?", "in the \(place)", places.map { "in the \($0)" },
        Lexicon.places.map { "in the \($0)" }))
      questions.append(("Who took the \(thing)?", who, names, castNames))
      questions.append(("What did \(who) eat?", food, foods, Lexicon.foods))
      questions.append(("Who was in the \(place)?", who, names, castNames))
    }
    random.shuffle(&lines)
    return Passage(text: withFillers(lines, opening: "\(names[0]) and three friends played a game."), questions: questions)
  }
}
