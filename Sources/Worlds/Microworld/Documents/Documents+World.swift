import Foundation

/// Documents that tell about the world: exposition, catalogues, tables.
extension Scribe {
  /// A paragraph about one entity: facts in any order, by name first and often by pronoun after.
  mutating func paragraph(_ subject: Int, sentences: Int) -> String {
    var ids = world.entities[subject].facts
    random.shuffle(&ids)
    var lines: [String] = []
    for i in 0..<sentences {
      let fact = world.facts[ids[i % ids.count]]
      lines.append(statement(fact, named: i == 0 || chance(0.45)))
    }
    return lines.joined(separator: " ")
  }

  /// Two or three entities that have to do with each other, a paragraph each.
  mutating func exposition() -> String { exposition(from: entity(factKind())) }

  /// The same, of a given entity first.
  mutating func exposition(from first: Int) -> String {
    var subject = first
    var parts: [String] = []
    for _ in 0..<number(3...4) {
      let facts = world.entities[subject].facts
      parts.append(paragraph(subject, sentences: facts.count < 3 ? facts.count : number(3...7)))
      // Go on to a person, a town or so that the last paragraph was about, else to something new.
      let linked = facts.compactMap { world.facts[$0].valueEntity }
      subject = !linked.isEmpty && chance(0.5) ? pick(linked) : entity(factKind())
    }
    return parts.joined(separator: "\n")
  }

  /// Everything that shares a value: the reverse direction of the facts.
  mutating func catalogue() -> String {
    var lines: [String] = []
    for _ in 0..<number(4...6) {
      let relation: Relation = pick([
        .job, .job, .home, .home, .home, .birthMonth, .food, .petKind, .material, .material, .colour, .colour, .place,
        .place, .use, .habitat, .diet, .marketDay, .product, .river, .shopTown, .closedDay,
      ])
      let value = pick(world.values[relation]!)
      var ids = world.facts(relation, value: value)
      random.shuffle(&ids)
      if world.edition.exercises.wrongAnswersAsTold { ids = factsAsTold(ids, 8) }
      let names = ids.prefix(8).map { world.entities[world.facts[$0].subject].name }
      guard let first = ids.first, let form = predicate(world.facts[first]) else { continue }
      let kind = world.entities[world.facts[first].subject].kind
      let sort =
        switch kind {
        case .person: "person"
        case .object: "thing"
        case .animal: "animal"
        case .shop: "shop"
        default: "town"
        }
      if names.count == 1 {
        lines.append("The only \(sort) that \(form) is \(names[0]).")
        continue
      }
      let list = names.dropLast().joined(separator: ", ") + " and " + names.last!
      switch random.next(below: 3) {
      case 0: lines.append("\(kind == .person ? "Who" : "Which \(sort)") \(form)? \(list.capitalisedFirst).")
      case 1: lines.append("Each of these \(sort == "person" ? "people" : sort + "s") \(form): \(list).")
      default:
        lines.append(names.prefix(3).map { "\($0) \(form).".capitalisedFirst }.joined(separator: " "))
      }
    }
    return lines.joined(separator: "\n")
  }

  /// Up to `count` of some facts, the more likely the more is told of their subjects.
  private mutating func factsAsTold(_ facts: [Int], _ count: Int) -> [Int] {
    var subjects = facts.map { world.facts[$0].subject }
    var chosen: [Int] = []
    for _ in 0..<min(count, facts.count) {
      let subject = asTold(subjects)
      subjects.removeAll { $0 == subject }
      chosen.append(facts.first { world.facts[$0].subject == subject }!)
    }
    return chosen
  }

  /// Short entries about one thing each, with two of its properties: the joint of two facts.
  mutating func portraits() -> String {
    var lines: [String] = []
    for _ in 0..<number(7...11) {
      let kind: EntityKind = pick([.person, .person, .person, .object, .object, .town])
      let subject = entity(kind)
      let facts = world.entities[subject].facts.map { world.facts[$0] }
      guard let pair = some(2, of: facts), let a = predicate(pair[0]), let b = predicate(pair[1]),
        allowsJoint(pair[0], pair[1])
      else { continue }
      let name = world.entities[subject].name
      switch random.next(below: 3) {
      case 0: lines.append("\(name) \(a) and \(b).".capitalisedFirst)
      case 1:
        lines.append(
          "\(kind == .person ? "Someone who" : kind == .town ? "A town that" : "A thing that") \(a) and \(b): \(name).")
      default: lines.append("It is \(name) that \(a) and \(b).".replacingWho(kind))
      }
    }
    return lines.isEmpty ? exposition() : lines.joined(separator: "\n")
  }

  /// A small table or list of facts of one kind.
  mutating func table() -> String {
    let kind: EntityKind = pick([.person, .person, .object, .object, .town, .animal, .shop, .dish])
    let relations: [Relation] =
      switch kind {
      case .person: [.job, .home, .birthMonth, .food]
      case .object: [.material, .colour, .price, .place]
      case .town: [.river, .product, .marketDay]
      case .animal: [.habitat, .diet, .legs, .sound]
      case .shop: [.sells, .shopTown, .closedDay]
      default: [.ingredient, .minutes]
      }
    let columns = some(min(relations.count, number(1...3)), of: relations)!
    var rows: [String] = []
    var told = Set<Int>()
    for _ in 0..<number(5...8) {
      let subject = entity(kind)
      guard told.insert(subject).inserted else { continue }
      let cells = columns.map { world.fact(of: subject, $0)?.value ?? "-" }
      rows.append("\(world.entities[subject].name.withoutArticle) | " + cells.joined(separator: " | "))
    }
    let head = "name | " + columns.map(Self.columnName).joined(separator: " | ")
    return ([head] + rows).joined(separator: "\n")
  }

  private static func columnName(_ relation: Relation) -> String {
    switch relation {
    case .birthMonth: "birthday"
    case .marketDay: "market"
    case .sells: "goods"
    case .shopTown: "town"
    case .closedDay: "closed"
    case .diet: "food"
    case .minutes: "time"
    default: relation.rawValue
    }
  }
}

extension String {
  /// "It is Mira that" -> "It is Mira who".
  fileprivate func replacingWho(_ kind: EntityKind) -> String {
    guard kind == .person, let range = range(of: " that ") else { return self }
    return replacingCharacters(in: range, with: " who ")
  }
}
