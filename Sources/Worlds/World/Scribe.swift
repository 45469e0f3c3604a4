import Groundwork

/// Which side of the hold-out a text is for.
enum Split: Sendable { case training, evaluation }

/// Writes one piece of text: the world, a stream of random numbers, and the side of the hold-out.
///
/// Training text and evaluation items come from the same code. What separates them is `allows`: a
/// combination (fact x question form, goal x object, numbers of a problem, ...) hashes to one side, for
/// ever, and made-up characters are named from disjoint lists (`newNames`).
struct Scribe {
  let world: World
  var random: RandomStream
  let split: Split
  /// Another author, who errs at times; nil: the world's own.
  let foreign: ForeignText?
  /// Decides which answers are wrong, apart from what is written.
  var slips: RandomStream
  /// Sizes of RULER's prompts.
  var rulerScale = RulerScale.small

  init(world: World, random: RandomStream, split: Split, foreign: ForeignText? = nil) {
    self.world = world
    self.random = random
    self.split = split
    self.foreign = foreign
    slips = random.substream(0)
  }

  /// One in five combinations is reserved for evaluation.
  static let reservedShare: UInt64 = 5

  /// Whether this combination may be written here. `family` separates uses of the same numbers.
  func allows(_ family: StaticString, _ a: Int, _ b: Int = 0, _ c: Int = 0) -> Bool {
    var hash = world.seed &+ 0x51_7c_c1_b7_27_22_0a_95
    family.withUTF8Buffer { for byte in $0 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 } }
    for part in [a, b, c] {
      hash = (hash ^ UInt64(truncatingIfNeeded: part)) &* 0x9e37_79b9_7f4a_7c15
      hash ^= hash >> 29
    }
    hash = (hash ^ (hash >> 32)) &* 0xbf58_476d_1ce4_e5b9
    return ((hash >> 33) % Scribe.reservedShare == 0) == (split == .evaluation)
  }

  /// Whether two facts about one subject may be joined here: decided by what they say, not by of whom, so
  /// that a reserved question ("who is a baker and lives in Oakford?") is never asked in training.
  func allowsJoint(_ a: Fact, _ b: Fact) -> Bool {
    let (first, second) = (world.valueID(a), world.valueID(b))
    return allows("conjunction", min(first, second), max(first, second))
  }

  // MARK: Drawing

  mutating func pick<T>(_ items: [T]) -> T { random.pick(items) }
  mutating func chance(_ p: Double) -> Bool { random.chance(p) }
  /// `chance` of something that an edition may not have at all: 0 draws nothing.
  mutating func happens(_ share: Double) -> Bool { share > 0 && chance(share) }
  mutating func number(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + random.next(below: range.count)
  }

  /// Different items, in random order; nil when there are too few.
  mutating func some<T>(_ count: Int, of items: [T]) -> [T]? {
    guard items.count >= count else { return nil }
    var chosen: [Int] = []
    while chosen.count < count {
      let i = random.next(below: items.count)
      if !chosen.contains(i) { chosen.append(i) }
    }
    return chosen.map { items[$0] }
  }

  /// Two different items.
  mutating func two<T>(of items: [T]) -> (T, T) {
    let chosen = some(2, of: items)!
    return (chosen[0], chosen[1])
  }

  /// A made-up person: known by first name, introduced by the full name, which belongs to one side of the
  /// hold-out.
  struct Character {
    let entity: Entity
    let surname: String
    var name: String { entity.name }
    var fullName: String { "\(entity.name) \(surname)" }
  }

  /// Different characters whose full names are of this side of the hold-out.
  mutating func newNames(_ count: Int) -> [Character] {
    let first = some(count, of: Array(world.guests.indices))!
    return first.map { name in
      while true {
        let surname = random.next(below: Lexicon.surnames.count)
        if allows("full name", name, surname) {
          return Character(entity: world.guests[name], surname: Lexicon.surnames[surname])
        }
      }
    }
  }

  /// An entity, in proportion to how often the world speaks of it.
  mutating func entity(_ kind: EntityKind) -> Int { world.draw(kind, &random) }

  /// The first wordings of a list are the common ones.
  mutating func wording(_ forms: [Template]) -> Template {
    forms[min(random.next(below: forms.count), random.next(below: forms.count))]
  }

  /// A fact about an entity that `entity` draws.
  mutating func fact(_ kind: EntityKind) -> Fact {
    world.facts[pick(world.entities[entity(kind)].facts)]
  }

  /// The kinds in proportion to the number of facts they hold.
  mutating func factKind() -> EntityKind {
    switch random.next(below: 20) {
    case 0..<9: .person
    case 9..<11: .town
    case 11..<16: .object
    case 16..<17: .animal
    case 17: pick([.shop, .shop, .dish])
    case 18: pick([.festival, .month, .month, .day])
    default: .person
    }
  }

  /// One of the choices 0, 1, ..., in proportion to `weights`.
  mutating func choice(_ weights: [Int]) -> Int {
    var rest = random.next(below: weights.reduce(0, +))
    return weights.firstIndex { weight in
      rest -= weight
      return rest < 0
    }!
  }

  /// Entities of a kind that a question's wrong answers name: those that `suits` allows; nil when there are too few.
  mutating func wrongEntities(_ kind: EntityKind, _ count: Int, where suits: (Int) -> Bool) -> [Int]? {
    guard world.edition.exercises.wrongAnswersAsTold else { return some(count, of: world.members[kind]!.filter(suits)) }
    var wrong: [Int] = []
    for _ in 0..<60 * count where wrong.count < count {
      let other = entity(kind)
      if suits(other), !wrong.contains(other) { wrong.append(other) }
    }
    return wrong.count == count ? wrong : nil
  }

  /// One of several entities for a wrong answer.
  mutating func asTold(_ entities: [Int]) -> Int {
    guard world.edition.exercises.wrongAnswersAsTold else { return pick(entities) }
    var rest = random.nextUniform() * entities.reduce(0) { $0 + world.entities[$1].weight }
    return entities.first { entity in
      rest -= world.entities[entity].weight
      return rest < 0
    } ?? entities[0]
  }

  /// Values of the same relation other than the true one.
  mutating func wrongValues(_ fact: Fact, _ count: Int) -> [String]? {
    let all = world.values[fact.relation]!
    guard all.count > count else { return nil }
    if world.edition.exercises.wrongAnswersAsTold { return toldValues(fact, count) }
    var wrong: [String] = []
    while wrong.count < count {
      let value = pick(all)
      if value != fact.value, value != world.entities[fact.subject].name, !wrong.contains(value) {
        wrong.append(value)
      } else if all.count < count + 3, wrong.count == all.count - 2 {
        return nil
      }
    }
    return wrong
  }

  /// Wrong values as other subjects have them that are told of as often as the right one.
  private mutating func toldValues(_ fact: Fact, _ count: Int) -> [String]? {
    let subject = world.entities[fact.subject]
    var wrong: [String] = []
    for _ in 0..<60 * count where wrong.count < count {
      guard let value = world.fact(of: entity(subject.kind), fact.relation)?.value else { continue }
      if value != fact.value, value != subject.name, !wrong.contains(value) { wrong.append(value) }
    }
    return wrong.count == count ? wrong : nil
  }

  // MARK: Putting facts into words

  /// Fills a template about a fact. `named` says whether the subject must be named at its first mention.
  func render(_ template: Template, _ fact: Fact, wrong: String = "", named: Bool = true) -> String {
    let subject = world.entities[fact.subject]
    var mentioned = !named
    return template.filled { slot in
      switch slot {
      case "S":
        if mentioned { return subject.subjectPronoun }
        mentioned = true
        return subject.name
      case "s":
        if mentioned { return subject.possessive }
        mentioned = true
        return subject.name.possessive
      case "N":
        mentioned = true
        return subject.name
      case "n":
        mentioned = true
        return subject.name.possessive
      case "M": return subject.name.withoutArticle
      case "V": return fact.value
      case "W": return wrong
      default: return "{\(slot)}"
      }
    }
  }

  /// A true sentence about a fact.
  mutating func statement(_ fact: Fact, named: Bool = true) -> String {
    let phrasing = self.phrasing(fact.relation)
    if chance(0.1), !phrasing.corrections.isEmpty, let wrong = wrongValues(fact, 1) {
      return render(pick(phrasing.corrections), fact, wrong: wrong[0], named: named).capitalisedFirst
    }
    return render(wording(phrasing.statements), fact, named: named).capitalisedFirst
  }

  /// A question about a fact in a form that this side of the hold-out may use; nil if it has none.
  mutating func question(_ fact: Fact) -> String? {
    let forms = phrasing(fact.relation).questions
    let start = random.next(below: forms.count)
    for step in 0..<forms.count {
      let form = (start + step) % forms.count
      if allows("question", fact.id, form) { return render(forms[form], fact) }
    }
    return nil
  }

  /// "works as a baker": what a fact says of its subject; nil for relations without such a form.
  mutating func predicate(_ fact: Fact) -> String? {
    let forms = phrasing(fact.relation).predicates
    return forms.isEmpty ? nil : render(pick(forms), fact)
  }
}
