import Groundwork

/// A sample whose haystack can still grow: everything but the number of its units is drawn.
struct RulerPrompt {
  /// What fills the length, unit by unit.
  enum Filling {
    /// Sentences of one repeated passage, or of the world's texts, with needles between them, in any order or in
    /// theirs.
    case sentences(RulerTask.Haystack, needles: [String], inOrder: Bool = false)
    /// Lines that are all needles, the asked one among them.
    case lines(needle: String, key: RulerTask.Needle, value: RulerTask.Needle, taken: String)
    /// A shuffled, numbered list: each common word `common` times, units other words `other` times.
    case list(words: [String], others: [String], common: Int, other: Int)
    /// `units` words whose counts fall with the square of their rank; the first rank is dots.
    case ranks([String])
    /// Documents: those needed, among ones about other people.
    case documents(gold: [String], about: [String])
  }

  var before: String
  var filling: Filling
  var after: String
  var prefix: String
  var outputs: [String]
  /// What a haystack of any size is drawn with.
  var scribe: Scribe
  /// Fewest units that make sense.
  var fewestUnits = 1
  var mostUnits = 1 << 20
  /// Units by which an estimate is shrunk until a sample fits.
  var step = 1
  /// A place in percent for the first needle instead of a drawn one (the grid of Figure 2).
  var depth: Double?

  /// The prompt up to the answer prefix.
  func input(units: Int) -> String {
    var scribe = self.scribe
    return before + scribe.haystack(filling, units: units, depth: depth) + after
  }
}

extension Scribe {
  /// A passage that says nothing, repeated without end.
  static let noise = [
    "The grass is green.", "The snow is white.", "The river is long.", "Here we stay.", "Then we go home.",
  ]

  mutating func haystack(_ filling: RulerPrompt.Filling, units: Int, depth: Double?) -> String {
    switch filling {
    case .sentences(let haystack, let needles, let inOrder):
      var sentences =
        haystack == .noise ? (0..<units).map { Self.noise[$0 % Self.noise.count] } : essay(sentences: units)
      // Depths on a grid of 40 over the text, each used once.
      var drawn = some(needles.count, of: Array(0..<40))!.map { Double($0) * 100 / 39 }
      if inOrder { drawn.sort() }
      let places = zip(needles, depth.map { [$0] + drawn.dropFirst() } ?? drawn).map { needle, depth in
        (needle, Int((Double(units) * depth / 100).rounded()))
      }
      // From the back, so that places stay true; of equal places the later needle first.
      for (needle, place) in places.enumerated().sorted(by: { ($0.1.1, $0.0) > ($1.1.1, $1.0) }).map(\.1) {
        sentences.insert(needle, at: place)
      }
      return sentences.joined(separator: " ")
    case .lines(let needle, let key, let value, let taken):
      var lines: [String] = []
      var keys: Set = [taken]
      while lines.count < units - 1 {
        let name = anotherKey(key, besides: &keys)
        lines.append(Self.needle(name, rulerValue(value), value))
      }
      let place = depth.map { Int((Double(lines.count) * $0 / 100).rounded()) } ?? random.next(below: lines.count + 1)
      lines.insert(needle, at: place)
      return lines.joined(separator: "\n")
    case .list(let words, let others, let common, let other):
      let more = units > others.count ? Self.moreListWords.prefix(units - others.count) : []
      return numberedList(words, common, Array(others.prefix(units) + more), other)
    case .ranks(let words):
      var list: [String] = []
      for (rank, count) in Self.rankCounts(words: words.count, total: units).enumerated() {
        list += Array(repeating: rank == 0 ? "..." : words[rank], count: count)
      }
      random.shuffle(&list)
      return list.joined(separator: " ")
    case .documents(let gold, let people):
      var documents = gold
      while documents.count < units {
        let person = newNames(1)[0]
        if !people.contains(person.fullName) { documents.append(personDocument(person).text) }
      }
      random.shuffle(&documents)
      return documents.enumerated().map { "Document \($0.offset + 1):\n\($0.element)" }.joined(separator: "\n")
    }
  }

  /// Sentences about the world and from stories.
  private mutating func essay(sentences count: Int) -> [String] {
    var sentences: [String] = []
    while sentences.count < count {
      if chance(0.8) {
        sentences.append(statement(fact(factKind())))
      } else {
        let cast = newNames(2)
        sentences += story(cast[0], cast[1]).events
      }
    }
    return Array(sentences.prefix(count))
  }

  mutating func numberedList(_ words: [String], _ common: Int, _ others: [String], _ other: Int) -> String {
    var list: [String] = []
    for word in words { list += Array(repeating: word, count: common) }
    for word in others { list += Array(repeating: word, count: other) }
    random.shuffle(&list)
    return list.enumerated().map { "\($0.offset + 1). \($0.element)" }.joined(separator: " ")
  }

  /// Counts of a zeta distribution with exponent 2: int(total k^-2 / zeta(2)), at least 1.
  static func rankCounts(words: Int, total: Int) -> [Int] {
    (1...words).map { max(1, Int(Double(total) / Double($0 * $0) * 6 / (Double.pi * Double.pi))) }
  }
}
