/// What a fact says about its subject. Every relation has one value per subject.
public enum Relation: String, CaseIterable, Codable, Sendable {
  // people
  case job, home, birthMonth, food, petKind, petName, friend, sibling
  // towns
  case river, product, neighbour, distance, direction, marketDay
  // objects
  case material, colour, use, price, place
  // animals
  case habitat, diet, legs, sound
  // calendar, shops, recipes
  case festivalMonth, season, monthAfter, dayAfter, sells, shopTown, closedDay, ingredient, minutes
}

/// The kinds of things that facts are about.
public enum EntityKind: String, CaseIterable, Codable, Sendable {
  case person, town, object, animal, festival, month, day, shop, dish
}

/// One atomic fact: relation(subject) = value. `id` is its index in `World.facts`.
public struct Fact: Codable, Equatable, Sendable {
  /// Index in `World.facts`.
  public let id: Int
  /// What it says about the subject.
  public let relation: Relation
  /// Index in `World.entities`.
  public let subject: Int
  /// As it is written in text: "Oakford", "12 coins", "giving light".
  public let value: String
  /// The entity that the value is, when it is one (a town, a person), as an index in `World.entities`.
  public let valueEntity: Int?
}

/// Something with a name that facts are about.
public struct Entity: Codable, Equatable, Sendable {
  /// Which pronouns it takes.
  public enum Gender: String, Codable, Sendable { case she, he, it }
  /// What it is.
  public let kind: EntityKind
  /// As it is written inside a sentence: "Mira", "the lantern", "Oakford".
  public let name: String
  /// Which pronouns it takes.
  public let gender: Gender
  /// How often text is about it, relative to others of its kind (mean 1).
  public let weight: Double
  /// Its facts' ids, in the order of `Relation.allCases`.
  public internal(set) var facts: [Int]

  var subjectPronoun: String { gender == .she ? "she" : gender == .he ? "he" : "it" }
  var objectPronoun: String { gender == .she ? "her" : gender == .he ? "him" : "it" }
  var possessive: String { gender == .she ? "her" : gender == .he ? "his" : "its" }
}
