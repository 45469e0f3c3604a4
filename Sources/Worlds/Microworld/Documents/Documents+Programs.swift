/// Documents with little programs.
extension Scribe {
  mutating func makeProgram(numeric: Bool) -> TinyProgram {
    let n = number(2...4)
    let onNumbers: [TinyProgram.Operation] = [
      .reverse, .sort, .double, .take(n), .drop(n - 1), .add(n), .times(2), .unique,
    ]
    let onWords: [TinyProgram.Operation] = [.reverse, .sort, .take(n), .drop(n - 1), .upper, .times(2), .unique]
    var operations = some(number(1...2), of: numeric ? onNumbers : onWords)!
    if chance(0.4) {
      operations.append(numeric ? pick([.sum, .count, .largest, .smallest]) : pick([.count, .join, .letters]))
    }
    return TinyProgram(operations)
  }

  mutating func programInput(numeric: Bool) -> [String] {
    (0..<number(3...5)).map { _ in numeric ? "\(number(1...20))" : pick(Self.plainWords) }
  }

  static let plainWords = Lexicon.foods + Lexicon.colours + Lexicon.petKinds

  /// Named programs, and calls of some of them: a repository on one page.
  mutating func repository() -> String {
    let names = some(number(3...5), of: objectNouns)!
    var lines: [String] = []
    var programs: [TinyProgram] = []
    for name in names {
      programs.append(makeProgram(numeric: true))
      lines.append("program \(name) = \(programs[programs.count - 1].text)")
    }
    for _ in 0..<number(2...4) {
      let i = random.next(below: names.count)
      let input = programInput(numeric: true)
      guard let output = programs[i].run(input), output.count <= 12 else { continue }
      lines.append("call \(names[i]) with \(input.joined(separator: " ")) gives \(output.joined(separator: " "))")
    }
    return lines.joined(separator: "\n")
  }

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
}
