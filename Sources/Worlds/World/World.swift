import Groundwork

/// A small consistent world, generated from one seed: entities, and facts as data. Text, questions and
/// their answers are rendered from it and can be checked against it.
public struct World: Sendable {
  /// How many of what, and how unevenly text speaks of them.
  public struct Knobs: Codable, Equatable, Sendable {
    /// People that facts are about.
    public var people = 120
    /// Towns that facts are about.
    public var towns = 28
    /// Objects that facts are about.
    public var objects = 100
    /// Animals that facts are about.
    public var animals = 33
    /// Shops that facts are about.
    public var shops = 16
    /// Dishes that facts are about.
    public var dishes = 16
    /// Festivals that facts are about.
    public var festivals = 12
    /// First names of made-up characters. With a surname they make full names, of which one in five occurs
    /// in evaluation items only.
    public var guests = 40
    /// Share of people with a pet; a pet gives two facts.
    public var petShare = 0.3
    /// An entity of rank r of n is spoken of in proportion to (r + n/headDivisor)^-exponent: with 0 all facts are seen
    /// equally often; the larger, the more facts only a large model learns.
    public var exposureExponent = 1.0
    /// The larger, the more text is about the few entities at the head.
    public var headDivisor = 10.0
    public init() {}
  }

  /// That it was generated from.
  public let seed: UInt64
  /// Which microworld it is one of.
  public let edition: Edition
  /// How large it was asked to be.
  public let knobs: Knobs
  /// By index.
  public internal(set) var entities: [Entity] = []
  /// By id.
  public internal(set) var facts: [Fact] = []
  /// First names of the characters of stories, passages and problems; no facts are about them.
  public internal(set) var guests: [Entity] = []

  /// Entity indices of each kind.
  var members: [EntityKind: [Int]] = [:]
  /// Cumulative weights beside `members`.
  var cumulative: [EntityKind: [Double]] = [:]
  /// Fact ids of each relation.
  var byRelation: [Relation: [Int]] = [:]
  /// Fact ids that share a relation and a value.
  var byValue: [ValueKey: [Int]] = [:]
  /// The distinct values of each relation, sorted.
  var values: [Relation: [String]] = [:]
  /// The first fact of all that share a relation and a value; a halved world knows them too.
  var firstOfValue: [ValueKey: Int] = [:]
  /// Index in `Use.all` of each object entity.
  var useOf: [Int: Int] = [:]

  struct ValueKey: Hashable, Sendable {
    let relation: Relation
    let value: String
  }

  /// The same for the same seed, edition and knobs, everywhere.
  /// - Parameter knobs: nil: the edition's own
  public init(seed: UInt64, edition: Edition = .first, knobs: Knobs? = nil) {
    self.seed = seed
    self.edition = edition
    self.knobs = knobs ?? edition.knobs
    populate()
    index()
  }

  // MARK: Look-up

  /// The fact of that relation about an entity, by its index; nil where it has none.
  public func fact(of subject: Int, _ relation: Relation) -> Fact? {
    for id in entities[subject].facts where facts[id].relation == relation { return facts[id] }
    return nil
  }

  func facts(_ relation: Relation, value: String) -> [Int] {
    byValue[ValueKey(relation: relation, value: value)] ?? []
  }

  /// The same number for all facts that say the same of their subjects.
  func valueID(_ fact: Fact) -> Int { firstOfValue[ValueKey(relation: fact.relation, value: fact.value)]! }

  /// An entity of this kind, in proportion to its weight.
  func draw(_ kind: EntityKind, _ random: inout RandomStream) -> Int {
    let sums = cumulative[kind]!
    let target = random.nextUniform() * sums[sums.count - 1]
    var low = 0
    var high = sums.count - 1
    while low < high {
      let middle = (low + high) / 2
      if sums[middle] > target { high = middle } else { low = middle + 1 }
    }
    return members[kind]![low]
  }

  // MARK: Construction

  mutating func add(_ kind: EntityKind, _ name: String, gender: Entity.Gender = .it, weight: Double) {
    entities.append(Entity(kind: kind, name: name, gender: gender, weight: weight, facts: []))
    members[kind, default: []].append(entities.count - 1)
  }

  mutating func assert(_ subject: Int, _ relation: Relation, _ value: String, entity: Int? = nil) {
    let id = facts.count
    facts.append(Fact(id: id, relation: relation, subject: subject, value: value, valueEntity: entity))
    entities[subject].facts.append(id)
  }

  /// Sums up the entities' facts. Entities without any are never drawn.
  mutating func index() {
    for kind in EntityKind.allCases {
      var sum = 0.0
      cumulative[kind] = (members[kind] ?? []).map {
        sum += entities[$0].facts.isEmpty ? 0 : entities[$0].weight
        return sum
      }
    }
    if firstOfValue.isEmpty {
      for fact in facts.reversed() { firstOfValue[ValueKey(relation: fact.relation, value: fact.value)] = fact.id }
    }
    (byRelation, byValue, values) = ([:], [:], [:])
    for id in entities.flatMap(\.facts).sorted() {
      let fact = facts[id]
      byRelation[fact.relation, default: []].append(id)
      byValue[ValueKey(relation: fact.relation, value: fact.value), default: []].append(id)
    }
    for (relation, ids) in byRelation { values[relation] = Set(ids.map { facts[$0].value }).sorted() }
  }
}
