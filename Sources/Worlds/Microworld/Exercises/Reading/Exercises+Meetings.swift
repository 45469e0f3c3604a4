/// The minutes of a meeting, word by word, and what was said about one of its topics.
extension Scribe {
  private static let topics: [(name: String, options: [String])] = [
    ("the food", Lexicon.foods), ("the day", Lexicon.weekdays), ("the month", Lexicon.months),
    ("the place", Lexicon.places.map { "the \($0)" }), ("the colour", Lexicon.colours),
    ("the gift", Lexicon.goods), ("the drink", Lexicon.words("milk tea water juice cider cocoa broth lemonade")),
  ]
  private static let openings = Template.list("Let us talk about {T}.\nNext comes {T}.\nNow for {T}.")
  private static let wishes = Template.list("I would like {X}.\nI am for {X}.\nI say {X}.")
  private static let objections = Template.list("I would rather have {Y}.\nNo, better {Y}.\nWhy not {Y}?")
  private static let remarks = Template.list(
    "I do not mind.\nEither is fine with me.\nBoth are good.\nYou two must know.\nI can live with that.")
  private static let decisions = Template.list("Then we take {Z}.\nSo it is {Z}.\nGood, {Z} it is.")

  /// "Meeting of Sera Vale, [...] Question: What was said about the food?\nAnswer:" with the answer "Rodo wanted soup and Mira
  /// wanted rice. They took rice."
  mutating func meeting() -> Exercise? {
    let cast = newNames(4)
    let topics = some(5, of: Self.topics)!
    let asked = random.next(below: topics.count)
    var lines = ["Meeting of \(cast[0].fullName), \(cast[1].fullName), \(cast[2].fullName) and \(cast[3].fullName)."]
    var answer = ""
    for (index, topic) in topics.enumerated() {
      let (first, second) = two(of: topic.options)
      let speakers = some(3, of: Array(cast[1...]))!
      let taken = chance(0.5) ? first : second
      func say(_ who: Character, _ what: Template) {
        let text = what.filled { $0 == "T" ? topic.name : $0 == "X" ? first : $0 == "Y" ? second : taken }
        lines.append("\(who.name): \(text)")
      }
      say(cast[0], pick(Self.openings))
      say(speakers[0], pick(Self.wishes))
      say(speakers[1], pick(Self.objections))
      if chance(0.6) { say(speakers[2], pick(Self.remarks)) }
      say(cast[0], pick(Self.decisions))
      if index == asked {
        answer = "\(speakers[0].name) wanted \(first) and \(speakers[1].name) wanted \(second). They took \(taken)."
      }
    }
    return written(
      "\(lines.joined(separator: "\n"))\nQuestion: What was said about \(topics[asked].name)?\nAnswer:", answer)
  }
}
