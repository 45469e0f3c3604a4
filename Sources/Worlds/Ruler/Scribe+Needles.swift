import Groundwork

/// Keys, values and questions of RULER. Keys and values are drawn from the scribe's side of the hold-out, so that no
/// key, number or variable of an evaluation sample stands in training text.
extension Scribe {
  static let keyAdjectives =
    Lexicon.colours + Lexicon.shopAdjectives.map { $0.lowercased() } + Lexicon.feelings + Lexicon.badFeelings
    + Lexicon.words("deep soft warm cold round tiny heavy early late plain")
  static let keyNouns =
    Lexicon.petKinds + Lexicon.goods + Lexicon.products + Lexicon.places + Lexicon.habitats + Lexicon.foods
    + Lexicon.ingredients + Lexicon.jobs

  mutating func rulerKey(_ kind: RulerTask.Needle) -> String {
    if kind == .uuid { return identifier() }
    while true {
      let adjective = random.next(below: Self.keyAdjectives.count)
      let noun = random.next(below: Self.keyNouns.count)
      if allows("ruler key", adjective, noun) { return "\(Self.keyAdjectives[adjective])-\(Self.keyNouns[noun])" }
    }
  }

  /// A key that is not among `taken`, which it joins. Where those of one adjective and a noun run out, which a long text
  /// of needles alone comes to, keys have two adjectives.
  mutating func anotherKey(_ kind: RulerTask.Needle, besides taken: inout Set<String>) -> String {
    for _ in 0..<64 {
      let key = rulerKey(kind)
      if taken.insert(key).inserted { return key }
    }
    while true {
      let key = "\(pick(Self.keyAdjectives))-\(rulerKey(.word))"
      if taken.insert(key).inserted { return key }
    }
  }

  mutating func rulerValue(_ kind: RulerTask.Needle) -> String {
    if kind == .uuid { return identifier() }
    while true {
      let value = number(1_000_000...9_999_999)
      if allows("ruler value", value) { return "\(value)" }
    }
  }

  /// A version 4 uuid, or its first group of eight digits.
  mutating func identifier() -> String {
    while true {
      let bits = random.nextBits()
      guard allows("ruler identifier", Int(bits >> 32)) else { continue }
      let first = Self.hexadecimal(bits >> 32, digits: 8)
      if rulerScale == .small { return first }
      let rest = random.nextBits()
      let variant = Self.hexadecimal(8 + (rest >> 12) & 3, digits: 1)
      return "\(first)-\(Self.hexadecimal(bits, digits: 4))-4\(Self.hexadecimal(bits >> 16, digits: 3))-"
        + "\(variant)\(Self.hexadecimal(rest, digits: 3))-\(Self.hexadecimal(rest >> 16, digits: 12))"
    }
  }

  private static func hexadecimal(_ value: UInt64, digits: Int) -> String {
    let text = String(value & ((1 << UInt64(4 * digits)) - 1), radix: 16)
    return String(repeating: "0", count: digits - text.count) + text
  }

  static func instruction(_ kind: RulerTask.Needle) -> String {
    "Some special magic \(kind.plural) are hidden in this text. Remember them.\n"
  }

  static func needle(_ key: String, _ value: String, _ kind: RulerTask.Needle) -> String {
    "One of the special magic \(kind.plural) for \(key) is: \(value)."
  }

  /// A needle task: haystack, needles, question and answer prefix (singular when one answer is asked for).
  mutating func needlePrompt(_ needles: RulerTask.Needles) -> RulerPrompt {
    var keys: [String] = []
    while keys.count < max(needles.keys, needles.queries) {
      let key = rulerKey(needles.key)
      if !keys.contains(key) { keys.append(key) }
    }
    let values = keys.map { _ in (0..<needles.values).map { _ in rulerValue(needles.value) } }
    let asked = some(needles.queries, of: Array(keys.indices))!
    let texts = zip(keys, values).flatMap { key, values in values.map { Self.needle(key, $0, needles.value) } }
    let outputs = asked.flatMap { values[$0] }
    let kind = needles.value
    let (question, prefix) = Self.question(about: asked.map { keys[$0] }, kind, isOne: outputs.count == 1)
    let filling: RulerPrompt.Filling =
      needles.haystack == .needles
      ? .lines(needle: texts[0], key: needles.key, value: kind, taken: keys[0])
      : .sentences(needles.haystack, needles: texts)
    return RulerPrompt(
      before: Self.instruction(kind), filling: filling,
      after: "\n" + question, prefix: prefix, outputs: outputs, scribe: self,
      step: needles.haystack == .needles ? 1 : 2)
  }

  static func question(about keys: [String], _ kind: RulerTask.Needle, isOne: Bool) -> (String, String) {
    let names = keys.joined(separator: ", ")
    return isOne
      ? (
        "What is the special magic \(kind.singular) for \(names)?",
        " The special magic \(kind.singular) for \(names) is:"
      )
      : (
        "What are all the special magic \(kind.plural) for \(names)?",
        " The special magic \(kind.plural) for \(names) are:"
      )
  }
}

extension RulerTask.Needle {
  var singular: String {
    switch self {
    case .word: "word"
    case .number: "number"
    case .uuid: "uuid"
    }
  }
  var plural: String { singular + "s" }
}
