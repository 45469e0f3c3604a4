import Foundation
import Groundwork

extension World {
  /// Fills `entities` and `facts`, one stream of random numbers per kind so that a knob changes its own kind only.
  mutating func populate() {
    nameEveryone()
    settleTowns()
    employPeople()
    furnish()
    releaseAnimals()
    keepCalendar()
    openShops()
    writeRecipes()
  }

  private func stream(_ name: String) -> RandomStream { RandomStream(seed: seed, "world/\(name)") }

  /// Weights of n entities, mean 1, in random order.
  private func weights(_ count: Int, _ random: inout RandomStream) -> [Double] {
    var raw = (0..<count).map { pow(Double($0 + 1) + Double(count) / knobs.headDivisor, -knobs.exposureExponent) }
    let mean = raw.reduce(0, +) / Double(max(count, 1))
    raw = raw.map { $0 / mean }
    random.shuffle(&raw)
    return raw
  }

  private mutating func nameEveryone() {
    var random = stream("names")
    var names: [(String, Entity.Gender)] = []
    let isSecond = edition == .second
    let femaleEnds = Lexicon.femaleEnds + (isSecond ? Lexicon.moreFemaleEnds : [])
    let maleEnds = Lexicon.maleEnds + (isSecond ? Lexicon.moreMaleEnds : [])
    for start in Lexicon.nameStarts {
      for end in femaleEnds { names.append((start + end, .she)) }
      for end in maleEnds { names.append((start + end, .he)) }
    }
    let taken = Set(Lexicon.rivers + Lexicon.petNames + Lexicon.notNames)
    names.removeAll { taken.contains($0.0) }
    random.shuffle(&names)
    let spread = weights(knobs.people, &random)
    for i in 0..<knobs.people { add(.person, names[i].0, gender: names[i].1, weight: spread[i]) }
    let rest = names[knobs.people...].map {
      Entity(kind: .person, name: $0.0, gender: $0.1, weight: 1, facts: [])
    }
    guests = Array(rest.prefix(knobs.guests))
  }

  private mutating func settleTowns() {
    var random = stream("towns")
    let ends = Lexicon.townEnds + (edition == .second ? Lexicon.moreTownEnds : [])
    var names = Lexicon.townStarts.flatMap { start in ends.map { start + $0 } }
    random.shuffle(&names)
    let spread = weights(knobs.towns, &random)
    for i in 0..<knobs.towns { add(.town, names[i], weight: spread[i]) }
    let towns = members[.town]!
    var products = Lexicon.products
    random.shuffle(&products)
    for (i, town) in towns.enumerated() {
      assert(town, .river, random.pick(Lexicon.rivers))
      assert(town, .product, products[i % products.count])
      let other = towns[(i + 1 + random.next(below: max(1, towns.count - 1))) % towns.count]
      assert(town, .neighbour, entities[other].name, entity: other)
      assert(town, .distance, "\(2 + random.next(below: 19)) miles")
      assert(town, .direction, random.pick(Lexicon.directions))
      assert(town, .marketDay, random.pick(Lexicon.weekdays))
    }
  }

  private mutating func employPeople() {
    var random = stream("people")
    let people = members[.person]!
    let towns = members[.town]!
    var petNames = Lexicon.petNames
    random.shuffle(&petNames)
    for (i, person) in people.enumerated() {
      assert(person, .job, random.pick(Lexicon.jobs))
      let home = random.pick(towns)
      assert(person, .home, entities[home].name, entity: home)
      assert(person, .birthMonth, random.pick(Lexicon.months))
      assert(person, .food, random.pick(Lexicon.foods))
      if random.chance(knobs.petShare) {
        assert(person, .petKind, random.pick(Lexicon.petKinds))
        assert(person, .petName, petNames[i % petNames.count])
      }
    }
    // Friends and siblings come in pairs; both directions hold. In the second edition both are told of about as often,
    // so that a text that goes from one to the other keeps to the proportions.
    for (relation, share) in [(Relation.friend, 0.6), (.sibling, 0.4)] {
      var order = people
      random.shuffle(&order)
      order.removeLast(order.count - Int(Double(people.count) * share) / 2 * 2)
      if edition == .second { order.sort { entities[$0].weight > entities[$1].weight } }
      for i in stride(from: 0, to: order.count, by: 2) {
        assert(order[i], relation, entities[order[i + 1]].name, entity: order[i + 1])
        assert(order[i + 1], relation, entities[order[i]].name, entity: order[i])
      }
    }
  }

  private mutating func furnish() {
    var random = stream("objects")
    var nouns = Use.all.enumerated().flatMap { use in use.element.objects.map { (use.offset, $0) } }
    if edition == .second {
      nouns = nouns.flatMap { use, noun in Lexicon.sizes.map { (use, "\($0) \(noun)") } }
      random.shuffle(&nouns)
    }
    let count = min(knobs.objects, nouns.count)
    let spread = weights(count, &random)
    for i in 0..<count {
      let (use, noun) = nouns[i]
      let soft = noun.hasSuffix("~")
      add(.object, "the " + (soft ? String(noun.dropLast()) : noun), weight: spread[i])
      let object = entities.count - 1
      useOf[object] = use
      assert(object, .material, random.pick(soft ? Lexicon.softMaterials : Lexicon.hardMaterials))
      assert(object, .colour, random.pick(Lexicon.colours))
      assert(object, .use, Use.all[use].gerund)
      assert(object, .price, "\(2 + random.next(below: 29)) coins")
      assert(object, .place, random.pick(Lexicon.places))
    }
  }

  private mutating func releaseAnimals() {
    var random = stream("animals")
    // The kinds themselves and, in the second edition, breeds of them.
    let breeds = edition == .second ? Lexicon.breeds.flatMap { breed in Lexicon.animals.map { "\(breed) \($0)" } } : []
    let animals = Lexicon.animals + breeds
    let count = min(knobs.animals, animals.count)
    let spread = weights(count, &random)
    for i in 0..<count {
      let parts = animals[i].split(separator: "/").map(String.init)
      add(.animal, "the " + parts[0], weight: spread[i])
      let animal = entities.count - 1
      assert(animal, .habitat, random.pick(Lexicon.habitats))
      assert(animal, .diet, random.pick(Lexicon.diets))
      assert(animal, .legs, parts[1] + " legs")
      assert(animal, .sound, parts[2])
    }
  }

  private mutating func keepCalendar() {
    var random = stream("calendar")
    var order = Lexicon.months
    random.shuffle(&order)
    let festivals =
      edition == .first
      ? Lexicon.festivals
      : Lexicon.festivalStarts.flatMap { start in Lexicon.festivalEnds.map { "the \(start) \($0)" } }
    for (i, name) in festivals.prefix(knobs.festivals).enumerated() {
      add(.festival, name, weight: 1)
      assert(entities.count - 1, .festivalMonth, edition == .first ? order[i] : random.pick(order))
    }
    let seasons = [
      "winter", "winter", "spring", "spring", "spring", "summer", "summer", "summer", "autumn",
      "autumn", "autumn", "winter",
    ]
    for (i, month) in Lexicon.months.enumerated() {
      add(.month, month, weight: 1)
      assert(entities.count - 1, .season, seasons[i])
      assert(entities.count - 1, .monthAfter, Lexicon.months[(i + 1) % 12])
    }
    for (i, day) in Lexicon.weekdays.enumerated() {
      add(.day, day, weight: 1)
      assert(entities.count - 1, .dayAfter, Lexicon.weekdays[(i + 1) % 7])
    }
  }

  private mutating func openShops() {
    var random = stream("shops")
    let isSecond = edition == .second
    let adjectives = Lexicon.shopAdjectives + (isSecond ? Lexicon.moreShopAdjectives : [])
    let nouns = Lexicon.shopNouns + (isSecond ? Lexicon.moreShopNouns : [])
    var names = adjectives.flatMap { a in nouns.map { "the \(a) \($0)" } }
    random.shuffle(&names)
    let count = min(knobs.shops, names.count)
    let spread = weights(count, &random)
    for i in 0..<count {
      add(.shop, names[i], weight: spread[i])
      let shop = entities.count - 1
      let town = random.pick(members[.town]!)
      assert(shop, .sells, Lexicon.goods[i % Lexicon.goods.count])
      assert(shop, .shopTown, entities[town].name, entity: town)
      assert(shop, .closedDay, random.pick(Lexicon.weekdays))
    }
  }

  private mutating func writeRecipes() {
    var random = stream("recipes")
    let dishes =
      edition == .first
      ? Lexicon.dishes : Lexicon.dishStarts.flatMap { start in Lexicon.dishEnds.map { "\(start) \($0)" } }
    let count = min(knobs.dishes, dishes.count)
    let spread = weights(count, &random)
    for i in 0..<count {
      add(.dish, dishes[i], weight: spread[i])
      let dish = entities.count - 1
      assert(dish, .ingredient, random.pick(Lexicon.ingredients))
      assert(dish, .minutes, "\(5 * (1 + random.next(below: 10))) minutes")
    }
  }
}
