import Foundation

/// Documents that train looking things up in the text before: notes, magic numbers, chains, counts.
extension Scribe {
  var objectNouns: [String] {
    world.edition == .first
      ? world.members[.object]!.map { world.entities[$0].name.withoutArticle } : Use.all.indices.flatMap(Self.nouns)
  }

  /// Pairs of words, told again and again in other orders: after its first time, every second word of a
  /// pair can be read off the text. Small models learn to look things up from this.
  mutating func pairs() -> String {
    let count = number(4...7)
    let names = newNames(count)
    let left: [String]
    let right: [String]
    let join: String
    switch random.next(below: 6) {
    case 0: (left, right, join) = (some(count, of: Lexicon.colours)!, some(count, of: objectNouns)!, " ")
    case 1: (left, right, join) = (names.map(\.name), names.map(\.surname), " ")
    case 2: (left, right, join) = (some(count, of: Lexicon.weekdays)!, names.map(\.name), " ")
    case 3:
      (left, right, join) = (
        names.map(\.name), some(count, of: objectNouns)!, pick([" took the ", " brought the ", " "])
      )
    case 4: (left, right, join) = (some(count, of: Lexicon.places)!, names.map(\.name), " ")
    default:
      (left, right, join) = (names.map(\.name), some(count, of: Lexicon.foods)!, pick([" ate ", " likes ", ": "]))
    }
    var order = Array(0..<count)
    var lines: [String] = []
    for _ in 0..<number(3...6) {
      random.shuffle(&order)
      lines.append(order.map { left[$0] + join + right[$0] }.joined(separator: ", ") + ".")
    }
    return lines.joined(separator: "\n")
  }

  mutating func retrieval() -> String {
    switch random.next(below: 8) {
    case 0..<2: keyValues()
    case 2: notes()
    case 3: variables()
    case 4: wordCounts()
    case 5: examples()
    default: codes()
    }
  }

  private mutating func code() -> String { "\(number(1000...9999))" }

  /// Keys with values, then some of them asked for.
  private mutating func keyValues() -> String {
    let keys = some(number(4...8), of: objectNouns)!
    let values = keys.map { _ in chance(0.5) ? pick(Self.plainWords) : "\(number(10...99))" }
    var lines = zip(keys, values).map { "\($0): \($1)" }
    for i in some(keys.count, of: Array(keys.indices))! {
      lines.append(chance(0.7) ? "\(keys[i]): \(values[i])" : "What is the value of \(keys[i])? Answer: \(values[i])")
    }
    return lines.joined(separator: "\n")
  }

  /// Magic numbers hidden in a text about the world: one or several keys, one or several values each.
  private mutating func codes() -> String {
    let keys = some(number(1...4), of: objectNouns)!.map { "\(pick(Lexicon.colours))-\($0)" }
    let secrets = keys.map { _ in (0..<(chance(0.8) ? 1 : number(2...3))).map { _ in code() } }
    var lines: [String] = []
    for _ in 0..<number(3...8) { lines.append(statement(fact(factKind()))) }
    for (key, values) in zip(keys, secrets) {
      for secret in values {
        lines.insert("One of the special magic numbers for \(key) is: \(secret).", at: number(0...lines.count))
      }
    }
    var text = lines.joined(separator: " ")
    let asked = some(min(keys.count, number(1...2)), of: Array(keys.indices))!
    if asked.count == 2, chance(0.3) {
      let (i, j) = (asked[0], asked[1])
      let both = text.numbers(in: secrets[i] + secrets[j])
      return text + "\nWhat are the special magic numbers for \(keys[i]) and \(keys[j])? Answer: \(both)"
    }
    for i in asked {
      text +=
        secrets[i].count == 1
        ? "\nWhat is the special magic number for \(keys[i])? Answer: \(secrets[i][0])"
        : "\nWhat are all the special magic numbers for \(keys[i])? Answer: \(text.numbers(in: secrets[i]))"
    }
    return text
  }

  /// Notes of several people, and one question about one of them.
  private mutating func notes() -> String {
    let cast = newNames(number(4...6))
    let things = cast.map { _ in pick(objectNouns) }
    let days = cast.map { _ in pick(Lexicon.weekdays) }
    var lines = cast.indices.map { i in
      pick([
        "Note: \(cast[i].name) will bring the \(things[i]) on \(days[i]).",
        "Note: on \(days[i]) \(cast[i].name) comes with the \(things[i]).",
        "Note: the \(things[i]) is with \(cast[i].name) until \(days[i]).",
      ])
    }
    for _ in 0..<2 {
      let i = random.next(below: cast.count)
      lines.append(
        chance(0.5)
          ? "Which day stands in the note about \(cast[i].name)? Answer: \(days[i])"
          : "Which thing stands in the note about \(cast[i].name)? Answer: the \(things[i])")
    }
    return lines.joined(separator: "\n")
  }

  /// Chains of assignments: which variables hold a value.
  private mutating func variables() -> String {
    let names = some(6, of: Array("ABCDEFGHJKLMNPQRSTUVWXYZ").map { "VAR \($0)" })!
    let values = [code(), code()]
    var chains = [[names[0]], [names[1]]]
    var lines = ["\(names[0]) = \(values[0])", "\(names[1]) = \(values[1])"]
    for name in names[2...] {
      let chain = random.next(below: 2)
      lines.append("\(name) = \(chains[chain].last!)")
      chains[chain].append(name)
    }
    let asked = random.next(below: 2)
    lines.append("Which variables hold \(values[asked])? Answer: \(chains[asked].joined(separator: ", "))")
    return lines.joined(separator: "\n")
  }

  /// A list of words in which some come more often than others.
  private mutating func wordCounts() -> String {
    let words = some(6, of: Self.plainWords)!
    let counts = [number(6...7), number(4...5), 3, 2, 1, 1]
    var list: [String] = []
    for (word, count) in zip(words, counts) { list += Array(repeating: word, count: count) }
    random.shuffle(&list)
    let i = random.next(below: 4)
    let numbered = chance(0.5)
    let text =
      numbered
      ? list.enumerated().map { "\($0.offset + 1). \($0.element)" }.joined(separator: " ") : list.joined(separator: " ")
    return "Words: \(text)\nWhich word comes most often? Answer: \(words[0])"
      + "\nWhich three words come most often? Answer: \(words[0]), \(words[1]), \(words[2])"
      + "\nHow often does the word \(words[i]) come? Answer: \(counts[i])"
  }

  /// Examples of a sorting rule, and more of the same: learning from the context.
  private mutating func examples() -> String {
    let sorts: [(String, [String])] = some(
      3,
      of: [
        ("food", Lexicon.foods), ("colour", Lexicon.colours), ("job", Lexicon.jobs), ("month", Lexicon.months),
        ("river", Lexicon.rivers), ("place", Lexicon.places), ("thing", objectNouns), ("day", Lexicon.weekdays),
      ])!
    // Labels are arbitrary half of the time, so that they must be read from the examples.
    let labels = chance(0.5) ? sorts.map(\.0) : some(3, of: ["one", "two", "three", "red", "blue", "yes", "no"])!
    return (0..<number(8...14)).map { _ in
      let sort = random.next(below: 3)
      return "Word: \(pick(sorts[sort].1))\nLabel: \(labels[sort])"
    }.joined(separator: "\n")
  }
}

extension String {
  /// These numbers in the order in which the text mentions them.
  fileprivate func numbers(in secrets: [String]) -> String {
    secrets.map { (range(of: $0)?.lowerBound ?? endIndex, $0) }.sorted { $0.0 < $1.0 }.map(\.1)
      .joined(separator: ", ")
  }
}
