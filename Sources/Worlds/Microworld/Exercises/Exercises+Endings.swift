extension Scribe {
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
      guard at < other.events.count, other.script.isTelling[at] else { continue }
      let candidate = other.events[at]
      if candidate != right, !wrong.contains(candidate) { wrong.append(candidate) }
    }
    guard wrong.count == 3 else { return nil }
    return shuffled(story.events[..<cut].joined(separator: " "), right: right, wrong: wrong, facts: [])
  }
}
