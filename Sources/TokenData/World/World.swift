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
    /// First names of made-up characters. With a surname they make full names, of which one in five occurs
    /// in evaluation items only.
    public var guests = 40
    /// Share of people with a pet; a pet gives two facts.
    public var petShare = 0.3
    /// An entity of rank r of n is spoken of in proportion to (r + n/10)^-exponent: with 0 all facts are seen
    /// equally often; the larger, the more facts only a large model learns.
    public var exposureExponent = 1.0
    public init() {}
  }

  /// That it was generated from.
  public let seed: UInt64
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
  /// Index in `Use.all` of each object entity.
  var useOf: [Int: Int] = [:]

  struct ValueKey: Hashable, Sendable {
    let relation: Relation
    let value: String
  }

  /// The same for the same seed and knobs, everywhere.
  public init(seed: UInt64, knobs: Knobs = Knobs()) {
    self.seed = seed
    self.knobs = knobs
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
  func valueID(_ fact: Fact) -> Int { facts(fact.relation, value: fact.value)[0] }

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

  private mutating func index() {
    for kind in EntityKind.allCases {
      var sum = 0.0
      cumulative[kind] = (members[kind] ?? []).map {
        sum += entities[$0].weight
        return sum
      }
    }
    for fact in facts {
      byRelation[fact.relation, default: []].append(fact.id)
      byValue[ValueKey(relation: fact.relation, value: fact.value), default: []].append(fact.id)
    }
    for (relation, ids) in byRelation { values[relation] = Set(ids.map { facts[$0].value }).sorted() }
  }
}
