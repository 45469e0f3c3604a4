/// Documents that train skills of the context window: little programs, look-ups, chains, counts.
extension Scribe {
  // MARK: Programs

  mutating func makeProgram(numeric: Bool) -> TinyProgram {
    let n = number(2...4)
    let numeric_: [TinyProgram.Operation] = [
      .reverse, .sort, .double, .take(n), .drop(n - 1), .add(n), .times(2), .unique,
    ]
    let words: [TinyProgram.Operation] = [.reverse, .sort, .take(n), .drop(n - 1), .upper, .times(2), .unique]
    var operations = some(number(1...2), of: numeric ? numeric_ : words)!
    if chance(0.4) {
      operations.append(numeric ? pick([.sum, .count, .largest, .smallest]) : pick([.count, .join, .letters]))
    }
    return TinyProgram(operations)
  }

  mutating func programInput(numeric: Bool) -> [String] {
    (0..<number(3...5)).map { _ in numeric ? "\(number(1...20))" : pick(Self.plainWords) }
  }

  static let plainWords = Lexicon.foods + Lexicon.colours + Lexicon.petKinds

  /// Tasks, their programs, and what the programs do with inputs.
  mutating func programs() -> String {
    var parts: [String] = []
    for _ in 0..<number(2...3) {
      let numeric = chance(0.6)
      let program = makeProgram(numeric: numeric)
      var part = "Task: \(program.description).\nProgram: \(program.text)"
      for _ in 0..<number(1...3) {
        let input = programInput(numeric: numeric)
        guard let output = program.run(input), output.count <= 16 else { continue }
        part += "\nInput: \(input.joined(separator: " "))\nOutput: \(output.joined(separator: " "))"
      }
      parts.append(part)
    }
    return parts.joined(separator: "\n\n")
  }

  // MARK: Retrieval

  mutating func retrieval() -> String {
    switch random.next(below: 5) {
    case 0: keyValues()
    case 1: notes()
    case 2: variables()
    case 3: wordCounts()
    default: codes()
    }
  }

  private mutating func code() -> String { "\(number(1000...9999))" }

  /// Keys with values, then some of them asked for.
  private mutating func keyValues() -> String {
    let keys = some(number(4...8), of: objectNouns)!
    let values = keys.map { _ in chance(0.5) ? pick(Self.plainWords) : "\(number(10...99))" }
    var lines = zip(keys, values).map { "\($0): \($1)" }
    for i in some(min(4, keys.count), of: Array(keys.indices))! {
      lines.append("What is the value of \(keys[i])? Answer: \(values[i])")
    }
    return lines.joined(separator: "\n")
  }

  /// Magic numbers hidden in a text about the world.
  private mutating func codes() -> String {
    let keys = some(number(1...3), of: objectNouns)!
    let secrets = keys.map { _ in code() }
    var lines: [String] = []
    for _ in 0..<number(4...8) { lines.append(statement(fact(factKind()))) }
    for (key, secret) in zip(keys, secrets) {
      lines.insert("One of the special magic numbers for \(key) is \(secret).", at: number(0...lines.count))
    }
    let i = random.next(below: keys.count)
    return lines.joined(separator: " ")
      + "\nWhat is the special magic number for \(keys[i])? Answer: \(secrets[i])"
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
    let words = some(5, of: Self.plainWords)!
    let counts = [number(5...7), number(3...4), 2, 1, 1]
    var list: [String] = []
    for (word, count) in zip(words, counts) { list += Array(repeating: word, count: count) }
    random.shuffle(&list)
    let i = random.next(below: 3)
    return "Words: \(list.joined(separator: " "))\nWhich word comes most often? Answer: \(words[0])"
      + "\nHow often does \(words[i]) come? Answer: \(counts[i])"
  }
}
