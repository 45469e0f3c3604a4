/// Passages with questions. A passage fills a few kinds of places (a town, a day, a thing, a price) twice, in
/// different roles; a question asks for one role. One wrong answer fills the other role in the same text, two do
/// not occur in it.
extension Scribe {
  /// A passage and everything that can be asked about it.
  struct Passage {
    var text: String
    /// A question, and the same-shaped answers of which the one at `right` is true.
    var questions: [(question: String, answers: [String], right: Int)] = []

    /// Asks for both roles that the first two of four values have.
    mutating func ask(_ first: String, _ second: String, _ answers: [String]) {
      questions.append((first, answers, 0))
      questions.append((second, answers, 1))
    }
  }

  mutating func makePassage() -> Passage { chance(0.5) ? errand() : visit() }

  /// One question about a fresh passage.
  mutating func passage() -> Exercise? {
    let passage = makePassage()
    let (question, answers, right) = pick(passage.questions)
    return shuffled(
      "\(passage.text)\nQuestion: \(question)\nAnswer:", right: answers[right],
      wrong: answers.indices.filter { $0 != right }.map { answers[$0] }, facts: [])
  }

  var objectNouns: [String] { world.members[.object]!.map { world.entities[$0].name.withoutArticle } }
  private var townNames: [String] { world.members[.town]!.map { world.entities[$0].name } }

  private static let fillers = Lexicon.phrases(
    """
    The sun was warm.
    It was a busy day.
    The bells rang at noon.
    Children ran up and down.
    Everybody was in a good mood.
    An old song was in the air.
    Nobody was in a hurry.
    It smelled of bread.
    """)

  /// Lines in their order, now and then with others between them. The first names a character in full, so that
  /// the passage belongs to one side of the hold-out.
  private mutating func text(_ lines: [String]) -> String {
    var lines = lines
    for filler in some(number(0...2), of: Self.fillers)! { lines.insert(filler, at: number(1...lines.count)) }
    return lines.joined(separator: " ")
  }

  private mutating func errand() -> Passage {
    let hero = newNames(1)[0]
    let (he, him) = (hero.entity.subjectPronoun, hero.entity.objectPronoun)
    let He = he.capitalisedFirst
    let towns = some(4, of: townNames)!
    let days = some(4, of: Lexicon.weekdays)!
    let jobs = some(4, of: Lexicon.jobs)!
    let things = some(4, of: objectNouns)!
    let foods = some(4, of: Lexicon.foods)!
    var coins = some(4, of: Array(3...20))!
    if coins[0] > coins[1] { coins.swapAt(0, 1) }
    var passage = Passage(
      text: text([
        pick([
          "\(hero.fullName) of \(towns[1]) went to \(towns[0]) on \(days[0]).",
          "On \(days[0]) \(hero.fullName) of \(towns[1]) went to \(towns[0]).",
        ]),
        "\(He) had \(coins[1]) coins in the bag.",
        pick(["The \(jobs[1]) showed \(him) the way.", "\(He) asked the \(jobs[1]) for the way."]),
        pick([
          "\(He) looked at the \(things[1]), but then \(he) bought the \(things[0]).",
          "\(He) bought the \(things[0]), after a look at the \(things[1]).",
        ]),
        pick([
          "The \(jobs[0]) sold it for \(coins[0]) coins.", "It cost \(coins[0]) coins, and the \(jobs[0]) sold it.",
        ]),
        "For lunch \(he) ate \(foods[0]), and \(he) took \(foods[1]) home.",
        pick(["\(He) was back on \(days[1]).", "On \(days[1]) \(he) was back."]),
      ]))
    passage.ask("Where did \(hero.name) go?", "Where was \(hero.name) from?", towns)
    passage.ask("When did \(hero.name) go?", "When was \(hero.name) back?", days.map { "on \($0)" })
    passage.ask("Who sold it?", "Who knew the way?", jobs.map { "the \($0)" })
    passage.ask("What did \(hero.name) buy?", "What did \(hero.name) only look at?", things.map { "the \($0)" })
    passage.ask("What did \(hero.name) eat?", "What did \(hero.name) take home?", foods)
    passage.ask("How much did it cost?", "How much was in the bag?", coins.map { "\($0) coins" })
    return passage
  }

  private mutating func visit() -> Passage {
    let cast = newNames(2)
    let (hero, friend) = (cast[0], cast[1])
    let (he, him) = (hero.entity.subjectPronoun, hero.entity.objectPronoun)
    let He = he.capitalisedFirst
    let towns = some(4, of: townNames)!
    let days = some(4, of: Lexicon.weekdays)!
    let things = some(4, of: objectNouns)!
    let foods = some(4, of: Lexicon.foods)!
    let places = some(4, of: Lexicon.places)!
    var passage = Passage(
      text: text([
        "\(hero.fullName) visited \(friend.name) in \(towns[0]).",
        "The year before they had met in \(towns[1]).",
        pick(["\(He) came on \(days[0]) and left on \(days[1]).", "\(He) stayed from \(days[0]) to \(days[1])."]),
        pick([
          "\(He) brought the \(things[0]) and got the \(things[1]).",
          "\(friend.name) got the \(things[0]) and gave \(him) the \(things[1]).",
        ]),
        "In the evening they ate \(foods[0]), and in the morning \(foods[1]).",
        pick([
          "\(He) slept in the \(places[0]), and the bag stood in the \(places[1]).",
          "The bag stood in the \(places[1]), and \(he) slept in the \(places[0]).",
        ]),
      ]))
    passage.ask("Where was the visit?", "Where did they meet the year before?", towns.map { "in \($0)" })
    passage.ask("When did \(hero.name) come?", "When did \(hero.name) leave?", days.map { "on \($0)" })
    passage.ask("What did \(hero.name) bring?", "What did \(hero.name) get?", things.map { "the \($0)" })
    passage.ask("What did they eat in the evening?", "What did they eat in the morning?", foods)
    passage.ask("Where did \(hero.name) sleep?", "Where did the bag stand?", places.map { "in the \($0)" })
    return passage
  }
}
