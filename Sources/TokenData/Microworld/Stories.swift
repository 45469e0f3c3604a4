import Groundwork

/// One told story.
struct Story: Sendable {
  var events: [String]
  var isTelling: [Bool]
  /// What sets it apart: the script of a tale (-1 for quests) and the use that a quest's thing has.
  var tale: Int
  var use: Int

  var text: String { events.joined(separator: " ") }
}

extension Scribe {
  /// A story about the given characters.
  mutating func story(_ hero: Character, _ other: Character, quest: Bool? = nil) -> Story {
    let thing = entity(.object)
    let object = world.entities[thing]
    let use = Use.all[world.useOf[thing]!]
    let goal = random.next(below: use.goals.count)
    let isQuest = quest ?? chance(0.6)
    let tale = isQuest ? -1 : random.next(below: Script.tales.count)
    let script = isQuest ? pick(Script.quests) : Script.tales[tale]
    let places = some(2, of: Lexicon.places)!
    let town = world.entities[entity(.town)].name
    let (colour, food, pet) = (pick(Lexicon.colours), pick(Lexicon.foods), pick(Lexicon.petKinds))
    let (good, bad, day) = (pick(Lexicon.feelings), pick(Lexicon.badFeelings), pick(Lexicon.weekdays))
    let (count, job) = (pick(Scribe.numberWords), pick(Lexicon.jobs))
    var introduced = false
    let events = script.lines.map { alternatives in
      pick(alternatives).filled { slot in
        switch slot {
        case "A":
          if introduced { return hero.name }
          introduced = true
          return hero.fullName
        case "a": return hero.entity.subjectPronoun
        case "s": return hero.entity.possessive
        case "m": return hero.entity.objectPronoun
        case "B": return other.name
        case "b": return other.entity.subjectPronoun
        case "t": return other.entity.possessive
        case "n": return other.entity.objectPronoun
        case "O": return object.name
        case "X": return object.name.withoutArticle
        case "G": return use.goals[goal]
        case "D": return use.past[goal]
        case "T": return town
        case "P": return places[0]
        case "Q": return places[1]
        case "C": return colour
        case "F": return food
        case "K": return pet
        case "H": return good
        case "J": return bad
        case "W": return day
        case "N": return count
        case "E": return job
        default: return "{\(slot)}"
        }
      }.sentence
    }
    return Story(events: events, isTelling: script.isTelling, tale: tale, use: world.useOf[thing]!)
  }

  static let numberWords = Lexicon.words("three four five six seven eight nine ten twelve")

  /// A story up to some event, and what happens next among events that belong to other stories of the same
  /// people: other things, other goals, other scripts. Feelings, which fit many stories, are never a wrong answer.
  mutating func ending() -> Exercise? {
    let cast = newNames(2)
    let story = story(cast[0], cast[1], quest: chance(0.7))
    let cut = number(2...(story.events.count - 1))
    let right = story.events[cut]
    var wrong: [String] = []
    // The deed while what it needs is still out of reach.
    if story.tale < 0, cut < story.events.count - 4, chance(0.4) { wrong.append(story.events[story.events.count - 3]) }
    for _ in 0..<24 where wrong.count < 3 {
      let other = self.story(cast[0], cast[1], quest: story.tale < 0 && wrong.count < 2 ? true : nil)
      if other.tale < 0 ? other.use == story.use : other.tale == story.tale { continue }
      // Often the event at the same point of the other story, so that only what it is about tells.
      let at = other.tale < 0 && chance(0.6) ? cut : number(1...(other.events.count - 1))
      guard at < other.events.count, other.isTelling[at] else { continue }
      let candidate = other.events[at]
      if candidate != right, !wrong.contains(candidate) { wrong.append(candidate) }
    }
    guard wrong.count == 3 else { return nil }
    return shuffled(story.events[..<cut].joined(separator: " "), right: right, wrong: wrong, facts: [])
  }
}
