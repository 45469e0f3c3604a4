import Groundwork

/// One told story.
struct Story: Sendable {
  var events: [String]
  let script: Script
  /// What sets it apart: the script of a tale (-1 for quests) and the use that a quest's thing has.
  let tale: Int
  let use: Int
  /// Which of the use's goals the hero of a quest has.
  let goal: Int
  /// What its slots were filled with.
  private(set) var slots: [Swift.Character: String]

  var text: String { events.joined(separator: " ") }

  /// Fills a template with the people and things of this story.
  func filled(_ template: Template) -> String { template.filled { slots[$0] ?? "{\($0)}" } }

  fileprivate init(
    script: Script, wordings: [Template], tale: Int, use: Int, goal: Int, hero: String, slots: [Swift.Character: String]
  ) {
    (self.script, self.tale, self.use, self.goal, self.slots) = (script, tale, use, goal, slots)
    var introduced = false
    events = wordings.map { wording in
      wording.filled { slot in
        guard slot == "A", !introduced else { return slots[slot] ?? "{\(slot)}" }
        introduced = true
        return hero
      }.sentence
    }
  }
}

extension Scribe {
  /// A story about the given characters. The hero is introduced by the full name.
  mutating func story(_ hero: Character, _ other: Character, quest: Bool? = nil) -> Story {
    let thing = entity(.object)
    let object = world.entities[thing].name
    let use = Use.all[world.useOf[thing]!]
    let goal = random.next(below: use.goals.count)
    let isQuest = quest ?? chance(0.6)
    let tale = isQuest ? -1 : random.next(below: Script.tales.count)
    let script = isQuest ? pick(Script.quests) : Script.tales[tale]
    let places = some(2, of: Lexicon.places)!
    let slots: [Swift.Character: String] = [
      "A": hero.name, "a": hero.entity.subjectPronoun, "s": hero.entity.possessive, "m": hero.entity.objectPronoun,
      "B": other.name, "b": other.entity.subjectPronoun, "t": other.entity.possessive, "n": other.entity.objectPronoun,
      "O": object, "X": object.withoutArticle, "G": use.goals[goal], "D": use.past[goal],
      "T": world.entities[entity(.town)].name, "P": places[0], "Q": places[1], "C": pick(Lexicon.colours),
      "F": pick(Lexicon.foods), "K": pick(Lexicon.petKinds), "H": pick(Lexicon.feelings),
      "J": pick(Lexicon.badFeelings), "W": pick(Lexicon.weekdays), "N": pick(Scribe.numberWords),
      "E": pick(Lexicon.jobs),
    ]
    return Story(
      script: script, wordings: script.lines.map { pick($0) }, tale: tale, use: world.useOf[thing]!, goal: goal,
      hero: hero.fullName, slots: slots)
  }

  static let numberWords = Lexicon.words("three four five six seven eight nine ten twelve")
}
