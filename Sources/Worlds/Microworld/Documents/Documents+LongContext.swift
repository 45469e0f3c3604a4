import Foundation

/// Training documents in the formats of RULER, of 64 to about 1,900 tokens, from the training side of the hold-out.
/// Several questions about one haystack teach more per token than one.
extension Scribe {
  mutating func longContext() -> String {
    // Short ones as often as long ones, by the logarithm.
    let length = Int(64 * pow(30, random.nextUniform()))
    switch random.next(below: 20) {
    case 0..<5: return needlesInText(length)
    case 5..<11: return needlesOnly(length)
    case 11..<13: return solved(.variableTracking, length)
    case 13..<15: return solved(.commonWords, length)
    case 15: return solved(.frequentWords, length)
    default: return solved(chance(0.5) ? .singleHop : .twoHop, length)
    }
  }

  /// Short lists of words, digits or needles, told again and again in the same words: after its first time everything
  /// can be read off the text. Small models learn to copy from this, suddenly and from little else.
  mutating func copies() -> String {
    if chance(0.7) {
      let words = some(number(2...8), of: Self.commonWords)!.joined(separator: " ")
      return Array(repeating: words, count: number(3...6)).joined(separator: chance(0.5) ? " " : "\n")
    }
    let count = number(1...3)
    let items =
      switch random.next(below: 3) {
      case 0: (0..<count).map { _ in rulerValue(.number) }
      case 1: (0..<count).map { _ in rulerKey(.word) }
      default: (0..<count).map { _ in "\(rulerKey(.word)): \(rulerValue(.number))" }
      }
    return Array(repeating: items.joined(separator: ", "), count: number(3...5)).joined(separator: "\n")
  }

  /// Keys with values, then every key asked for in another order: the values before a question can only be told apart
  /// by the key, and nearly all tokens of the answers are worth scoring.
  mutating func keyedValues() -> String {
    let count = Int(2 * pow(12, random.nextUniform()))
    let kind: RulerTask.Needle = chance(0.2) ? .uuid : .number
    let keys = differentKeys(count, chance(0.2) ? .uuid : .word)
    let values = keys.map { _ in rulerValue(kind) }
    let isShort = chance(0.5)
    func line(_ index: Int) -> String {
      isShort ? "\(keys[index]): \(values[index])" : Self.needle(keys[index], values[index], kind)
    }
    var order = Array(keys.indices)
    var lines = order.map(line)
    for _ in 0..<number(1...2) {
      random.shuffle(&order)
      let isQuestion = chance(0.6)
      for index in order {
        let (question, prefix) = Self.question(about: [keys[index]], kind, isOne: true)
        lines.append(isQuestion ? "\(question)\(prefix) \(values[index])." : line(index))
      }
    }
    return (isShort ? "" : Self.instruction(kind)) + lines.joined(separator: "\n")
  }

  private static let commonWords = keyNouns + keyAdjectives

  /// A prompt of about this many tokens, and its answer.
  private mutating func solved(_ task: RulerTask, _ length: Int) -> String {
    let prompt = rulerPrompt(task, length: length)
    // Tokens of a unit in the ladder's tokenizer, and of everything around the haystack.
    let (unit, around): (Double, Double) =
      switch task {
      case .variableTracking: (5.5, 150)
      case .commonWords: (4.5, 180)
      case .frequentWords: (5, 50)
      default: (36, 50)
      }
    let units = Int((Double(length) - around) / unit)
    let answer =
      switch task {
      case .commonWords: Self.enumerated(prompt.outputs)
      case .singleHop, .twoHop: " " + prompt.outputs[0] + "."
      default: " " + prompt.outputs.joined(separator: ", ") + "."
      }
    return prompt.input(units: max(prompt.fewestUnits, min(units, prompt.mostUnits))) + prompt.prefix + answer
  }

  /// Few needles in noise or in text: keys with one or more values, all asked for in some order.
  private mutating func needlesInText(_ length: Int) -> String {
    let haystack: RulerTask.Haystack = chance(0.4) ? .noise : .essay
    let kind: RulerTask.Needle = chance(0.25) ? .uuid : .number
    let keys = differentKeys(number(1...max(1, min(6, length / 60))), .word)
    let values = keys.map { _ in (0..<(chance(0.7) ? 1 : number(2...4))).map { _ in rulerValue(kind) } }
    let needles = zip(keys, values).flatMap { key, values in values.map { Self.needle(key, $0, kind) } }
    let units = max(1, (length - 45 * keys.count) / (haystack == .noise ? 6 : 11))
    let text = self.haystack(.sentences(haystack, needles: needles), units: units, depth: nil)
    return Self.instruction(kind) + text + answered(keys, values, kind, in: text)
  }

  /// Lines that are all needles, and questions about some of them.
  private mutating func needlesOnly(_ length: Int) -> String {
    let key: RulerTask.Needle = chance(0.3) ? .uuid : .word
    let kind: RulerTask.Needle = chance(0.3) ? .uuid : .number
    let keys = differentKeys(max(2, length / 36), key)
    let values = keys.map { _ in [rulerValue(kind)] }
    let text = zip(keys, values).map { Self.needle($0, $1[0], kind) }.joined(separator: "\n")
    let asked = some(min(keys.count, max(2, keys.count / 2)), of: Array(keys.indices))!
    return Self.instruction(kind) + text + answered(asked.map { keys[$0] }, asked.map { values[$0] }, kind, in: text)
  }

  private mutating func differentKeys(_ count: Int, _ kind: RulerTask.Needle) -> [String] {
    var seen = Set<String>()
    return (0..<count).map { _ in anotherKey(kind, besides: &seen) }
  }

  /// Questions with answers: mostly about one key, at times about two to four; values in the order of the text.
  private mutating func answered(_ keys: [String], _ values: [[String]], _ kind: RulerTask.Needle, in text: String)
    -> String
  {
    var order = Array(keys.indices)
    random.shuffle(&order)
    var out = ""
    while !order.isEmpty {
      let group = Array(order.prefix(chance(0.8) ? 1 : number(2...4)))
      order.removeFirst(group.count)
      let answers = group.flatMap { values[$0] }
      let (question, prefix) = Self.question(about: group.map { keys[$0] }, kind, isOne: answers.count == 1)
      let inOrder =
        group.count > 1 ? answers : answers.map { ($0, text.range(of: $0)!.lowerBound) }.sorted { $0.1 < $1.1 }.map(\.0)
      out += "\n\(question)\(prefix) \(inOrder.joined(separator: ", "))."
    }
    return out
  }
}
