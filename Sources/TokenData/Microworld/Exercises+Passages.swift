/// Passages with questions. Several people, things, colours, days and places are paired up in a text; every
/// question is about one pair, and all wrong answers stand in the same text. Answers are spans of the text:
/// near ones, where what is asked for follows its key at once ("red" -> "lamp"), and far ones.
extension Scribe {
  /// A passage and everything that can be asked about it.
  struct Passage {
    var text: String
    /// A question, and the same-shaped answers of which the one at `right` is true.
    var questions: [(question: String, answers: [String], right: Int)] = []
  }

  mutating func makePassage() -> Passage {
    switch random.next(below: 4) {
    case 0: marketPassage()
    case 1: weekPassage()
    case 2: searchPassage()
    default: giftPassage()
    }
  }

  /// One question about a fresh passage.
  mutating func passage() -> Exercise? {
    let passage = makePassage()
    let (question, answers, right) = pick(passage.questions)
    return shuffled(
      "\(passage.text)\nQuestion: \(question)\nAnswer:", right: answers[right],
      wrong: answers.indices.filter { $0 != right }.map { answers[$0] }, facts: [])
  }

  var objectNouns: [String] { world.members[.object]!.map { world.entities[$0].name.withoutArticle } }

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

  /// The opening names one character in full, so that the passage belongs to one side of the hold-out.
  private mutating func text(_ opening: String, _ lines: [String]) -> String {
    var lines = lines
    random.shuffle(&lines)
    for filler in some(number(0...2), of: Self.fillers)! { lines.insert(filler, at: number(0...lines.count)) }
    return ([opening] + lines).joined(separator: " ")
  }

  private mutating func marketPassage() -> Passage {
    let cast = newNames(4)
    let things = some(4, of: objectNouns)!
    let colours = some(4, of: Lexicon.colours)!
    let verb = pick(["sold", "bought", "made"])
    let base = ["sold": "sell", "bought": "buy", "made": "make"][verb]!
    let lines = (0..<4).map { "\(cast[$0].name) \(verb) a \(colours[$0]) \(things[$0])." }
    var passage = Passage(
      text: text("\(cast[0].fullName) and three friends met in \(world.entities[entity(.town)].name).", lines))
    for i in 0..<4 {
      passage.questions.append(("Which thing was \(colours[i])?", things.map { "the \(colours[i]) \($0)" }, i))
      passage.questions.append(("Which thing was \(colours[i])?", things.map { "the \(colours[i]) \($0)" }, i))
      passage.questions.append(
        ("What did \(cast[i].name) \(base)?",
          (0..<4).map { "\(cast[i].name) \(verb) a \(colours[$0]) \(things[$0])" }, i))
      passage.questions.append(("Who \(verb) the \(things[i])?", cast.map(\.name), i))
    }
    return passage
  }

  private mutating func weekPassage() -> Passage {
    let cast = newNames(4)
    let days = some(4, of: Lexicon.weekdays)!
    let things = some(4, of: objectNouns)!
    let lines = (0..<4).map { "On \(days[$0]) \(cast[$0].name) brought the \(things[$0])." }
    var passage = Passage(text: text("The week of \(cast[0].fullName) was full of guests.", lines))
    for i in 0..<4 {
      passage.questions.append(("Who came on \(days[i])?", cast.map { "on \(days[i]) \($0.name)" }, i))
      passage.questions.append(("Who came on \(days[i])?", cast.map { "on \(days[i]) \($0.name)" }, i))
      passage.questions.append(
        ("What did \(cast[i].name) bring?", things.map { "\(cast[i].name) brought the \($0)" }, i))
      passage.questions.append(("When did someone bring the \(things[i])?", days.map { "on \($0)" }, i))
    }
    return passage
  }

  private mutating func searchPassage() -> Passage {
    let cast = newNames(4)
    let places = some(4, of: Lexicon.places)!
    let animals = some(4, of: Lexicon.petKinds)!
    let lines = (0..<4).map { "In the \(places[$0]) \(cast[$0].name) found a \(animals[$0])." }
    var passage = Passage(text: text("\(cast[0].fullName) and some friends looked for lost pets.", lines))
    for i in 0..<4 {
      passage.questions.append(("Who was in the \(places[i])?", cast.map { "in the \(places[i]) \($0.name)" }, i))
      passage.questions.append(("Who was in the \(places[i])?", cast.map { "in the \(places[i]) \($0.name)" }, i))
      passage.questions.append(
        ("What did \(cast[i].name) find?", animals.map { "\(cast[i].name) found a \($0)" }, i))
      passage.questions.append(("Where was the \(animals[i])?", places.map { "in the \($0)" }, i))
    }
    return passage
  }

  private mutating func giftPassage() -> Passage {
    let cast = newNames(5)
    let things = some(4, of: objectNouns)!
    let colours = some(4, of: Lexicon.colours)!
    let host = cast[4]
    let lines = (0..<4).map { "\(cast[$0].name) gave \(host.entity.objectPronoun) a \(colours[$0]) \(things[$0])." }
    var passage = Passage(text: text("It was the birthday of \(host.fullName).", lines))
    for i in 0..<4 {
      passage.questions.append(("Which gift was \(colours[i])?", things.map { "the \(colours[i]) \($0)" }, i))
      passage.questions.append(
        ("What did \(cast[i].name) give?",
          (0..<4).map { "\(cast[i].name) gave \(host.entity.objectPronoun) a \(colours[$0]) \(things[$0])" }, i))
      passage.questions.append(("What colour was the \(things[i])?", colours, i))
    }
    return passage
  }
}
