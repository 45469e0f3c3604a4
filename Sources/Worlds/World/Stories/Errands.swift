/// A story of two heroes, each of whom wants something else and needs another thing for it, told by turns. Who wanted, needed and
/// did what can only be told by the name.
struct Errands: Sendable {
  /// What one hero is after.
  struct Errand: Sendable {
    let hero: Scribe.Character
    let use: Int
    let goal: Int
    let noun: String
    /// Index in `Script.obstacles`.
    let obstacle: Int?
    fileprivate let slots: [Swift.Character: String]

    /// As a sentence, with another thing and another deed put in.
    func told(_ template: Template, noun: String? = nil, deed: String? = nil) -> String {
      filled(template, noun: noun, deed: deed).sentence
    }

    func filled(_ template: Template, noun: String? = nil, deed: String? = nil) -> String {
      template.filled { slot in
        switch slot {
        case "O": "the \(noun ?? self.noun)"
        case "X": noun ?? self.noun
        case "D": deed ?? Use.all[use].past[goal]
        default: slots[slot] ?? "{\(slot)}"
        }
      }
    }
  }
  /// What an event is within its errand.
  enum Role: Sendable { case opening, want, need, trouble, wayOut, deed }
  struct Event: Sendable {
    let role: Role
    /// Index in `errands`.
    let errand: Int
    let wording: Template
    let text: String
  }

  let errands: [Errand]
  let events: [Event]
  var text: String { events.map(\.text).joined(separator: " ") }

  fileprivate static let openings = Template.list(
    """
    {A} and {B} lived in {T}.
    In {T} there were two neighbours, {A} and {B}.
    {A} met {B} on the road to {T}.
    """)
  fileprivate static let wants = Template.list(
    """
    {A} wanted to {G}.
    {A} had a plan: {a} wanted to {G}.
    "Today I will {G}," said {A}.
    """)
  fileprivate static let needs = Template.list(
    """
    For that {a} needed {O}.
    {A} went to get {O}.
    To do it {a} had to have {O}.
    """)
  fileprivate static let deeds = Template.list(
    """
    Now {A} took the {X} and {D}.
    With the {X} in {s} hands, {A} {D}.
    {A} picked up the {X} and {D}.
    """)
}

extension Scribe {
  /// Nouns of one use's things.
  static func nouns(_ use: Int) -> [String] {
    Use.all[use].objects.map { $0.hasSuffix("~") ? String($0.dropLast()) : $0 }
  }

  /// A story of the errands of two people. The second errand has an obstacle every other time.
  mutating func storyOfTwo() -> Errands {
    let cast = newNames(2)
    let uses = some(2, of: Array(Use.all.indices))!
    let obstacles = some(2, of: Array(Script.obstacles.indices))!
    let town = world.entities[entity(.town)].name
    let isHarder = chance(0.5)
    let errands = (0..<2).map { index -> Errands.Errand in
      let (hero, other, use) = (cast[index], cast[1 - index], uses[index])
      let places = some(2, of: Lexicon.places)!
      let goal = random.next(below: Use.all[use].goals.count)
      return Errands.Errand(
        hero: hero, use: use, goal: goal, noun: pick(Self.nouns(use)),
        obstacle: index == 0 || isHarder ? obstacles[index] : nil,
        slots: [
          "A": hero.name, "a": hero.entity.subjectPronoun, "s": hero.entity.possessive, "B": other.name,
          "b": other.entity.subjectPronoun, "G": Use.all[use].goals[goal], "P": places[0], "Q": places[1],
          "C": pick(Lexicon.colours),
        ])
    }
    let opening = pick(Errands.openings)
    var events = [
      Errands.Event(
        role: .opening, errand: 0, wording: opening,
        text: opening.filled { $0 == "A" ? cast[0].fullName : $0 == "B" ? cast[1].fullName : town })
    ]
    func tell(_ role: Errands.Role, _ errand: Int, _ wording: Template) {
      events.append(.init(role: role, errand: errand, wording: wording, text: errands[errand].told(wording)))
    }
    for errand in 0..<2 {
      tell(.want, errand, pick(Errands.wants))
      tell(.need, errand, pick(Errands.needs))
    }
    for errand in chance(0.5) ? [0, 1] : [1, 0] {
      guard let obstacle = errands[errand].obstacle else { continue }
      tell(.trouble, errand, pick(Script.obstacles[obstacle].lines[0]))
      tell(.wayOut, errand, pick(Script.obstacles[obstacle].lines[2]))
    }
    for errand in chance(0.5) ? [0, 1] : [1, 0] { tell(.deed, errand, pick(Errands.deeds)) }
    return Errands(errands: errands, events: events)
  }

  /// A use that neither errand has, with one of its goals.
  private mutating func otherUse(_ story: Errands) -> (use: Int, goal: Int) {
    let use = pick(Use.all.indices.filter { use in !story.errands.contains { $0.use == use } })
    return (use, random.next(below: Use.all[use].goals.count))
  }

  /// The story up to a point at which what comes next is decided: what is needed for a wish, the way out of a trouble, the
  /// deed. Wrong answers are what the other hero is after, the way out of another trouble, or fit neither of the two.
  mutating func endingOfTwo() -> Exercise? {
    let story = storyOfTwo()
    let role = [Errands.Role.need, .wayOut, .deed][choice(world.edition.exercises.endings)]
    let cut = pick(story.events.indices.filter { story.events[$0].role == role })
    let event = story.events[cut]
    let (errand, other) = (story.errands[event.errand], story.errands[1 - event.errand])
    var wrong: [String] = []
    switch event.role {
    case .need:
      if event.errand == 1 { wrong.append(errand.told(event.wording, noun: other.noun)) }
      while wrong.count < 3 {
        let candidate = errand.told(event.wording, noun: pick(Self.nouns(otherUse(story).use)))
        if !wrong.contains(candidate) { wrong.append(candidate) }
      }
    case .wayOut:
      let obstacles = Script.obstacles.indices.filter { $0 != errand.obstacle }
      for obstacle in some(2, of: Array(obstacles))! {
        wrong.append(errand.told(pick(Script.obstacles[obstacle].lines[2])))
      }
      wrong.append(errand.told(pick(Script.obstacles[pick(obstacles)].lines[2]), noun: other.noun))
    default:
      let use = Use.all[errand.use]
      let near = (errand.goal + number(1...(use.goals.count - 1))) % use.goals.count
      let far = otherUse(story)
      wrong = [
        errand.told(event.wording, noun: other.noun, deed: Use.all[other.use].past[other.goal]),
        errand.told(event.wording, deed: use.past[near]),
        errand.told(event.wording, noun: pick(Self.nouns(far.use)), deed: Use.all[far.use].past[far.goal]),
      ]
    }
    guard Set(wrong + [event.text]).count == 4 else { return nil }
    return shuffled(
      story.events[..<cut].map(\.text).joined(separator: " "), right: event.text, wrong: wrong, facts: [])
  }

  /// A story of two and what can be asked about either hero. One wrong answer is always true of the other.
  mutating func passageOfTwo() -> Passage {
    let story = storyOfTwo()
    var questions: [(String, String, [String])] = []
    for (errand, other) in [(story.errands[0], story.errands[1]), (story.errands[1], story.errands[0])] {
      let (name, he) = (errand.hero.name, errand.hero.entity.subjectPronoun)
      let (use, otherUse) = (Use.all[errand.use], Use.all[other.use])
      let near = (errand.goal + number(1...(use.goals.count - 1))) % use.goals.count
      let far = self.otherUse(story)
      questions.append(
        (
          "What did \(name) want to do?", "to " + use.goals[errand.goal],
          ["to " + otherUse.goals[other.goal], "to " + use.goals[near], "to " + Use.all[far.use].goals[far.goal]]
        ))
      questions.append(
        (
          "What did \(name) do in the end?", "\(he) " + use.past[errand.goal],
          [
            "\(he) " + otherUse.past[other.goal], "\(he) " + use.past[near],
            "\(he) " + Use.all[far.use].past[far.goal],
          ]
        ))
      let unused = some(2, of: Use.all.indices.filter { $0 != errand.use && $0 != other.use })!
      questions.append(
        (
          "What did \(name) need?", "the " + errand.noun,
          ["the " + other.noun] + unused.map { "the " + pick(Self.nouns($0)) }
        ))
      if let obstacle = errand.obstacle {
        func trouble(_ index: Int, of errand: Errands.Errand) -> String {
          errand.filled(Script.obstacles[index].summary[0])
        }
        let others = Script.obstacles.indices.filter { $0 != obstacle && $0 != other.obstacle }
        let two = some(2, of: others)!
        questions.append(
          (
            "What was \(name.possessive) trouble?", trouble(obstacle, of: errand),
            [trouble(other.obstacle ?? two[0], of: other), trouble(two[0], of: errand), trouble(two[1], of: errand)]
          ))
      }
    }
    return Passage(text: story.text, questions: questions)
  }
}
