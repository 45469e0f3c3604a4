import Groundwork

/// Tasks whose answer is a program; what it does with test inputs decides.
extension Scribe {
  /// "Task: sort the list, then take the first 2, then turn the list around.\nProgram:". Evaluation composes three
  /// operations on lists, and one to a single value may follow: reserved compositions, which no training text writes.
  mutating func programming(numeric: Bool) -> Exercise? {
    let isLong = split == .evaluation || chance(0.6)
    let program = isLong ? makeLongProgram(numeric: numeric) : makeProgram(numeric: numeric)
    if isLong && !allows(program) { return nil }
    let inputs = (0..<6).map { _ in programTestInput(numeric: numeric) }
    guard let tests = ProgramTest.telling(program, inputs) else { return nil }
    return Exercise(
      "Task: \(program.description).\nProgram:", choices: [], answer: 0, solution: " \(program.text)",
      answerText: program.text, tests: tests)
  }

  /// Three different operations on lists, their numbers drawn apart, and perhaps one to a single value.
  private mutating func makeLongProgram(numeric: Bool) -> TinyProgram {
    var operations: [TinyProgram.Operation] = [
      .reverse, .sort, .take(number(2...6)), .drop(number(1...4)), .times(number(2...3)), .unique,
    ]
    operations += numeric ? [.double, .add(number(2...9))] : [.upper]
    operations = some(3, of: operations)!
    if chance(0.4) {
      operations.append(numeric ? pick([.sum, .count, .largest, .smallest]) : pick([.count, .join, .letters]))
    }
    return TinyProgram(operations)
  }

  /// Whether this composition may be written here.
  private func allows(_ program: TinyProgram) -> Bool {
    allows("program", program.text.utf8.reduce(0) { ($0 * 31 + Int($1)) % 1_000_003 })
  }

  /// Six to eight values, one of them twice.
  private mutating func programTestInput(numeric: Bool) -> [String] {
    var values = (0..<number(5...7)).map { _ in numeric ? "\(number(1...20))" : pick(Self.plainWords) }
    values.insert(pick(values), at: random.next(below: values.count + 1))
    return values
  }
}

/// An input of a little program and what must come out, items apart by spaces.
public struct ProgramTest: Codable, Equatable, Sendable {
  /// The program's list.
  public var input: String
  /// The list that must come out.
  public var output: String

  /// Whether a program, if the text is one, does what the test asks.
  func passes(_ program: TinyProgram) -> Bool {
    program.run(input.split(separator: " ").map(String.init))?.joined(separator: " ") == output
  }

  /// Tests that tell the program from itself without any one of its operations; nil when these inputs cannot.
  static func telling(_ program: TinyProgram, _ inputs: [[String]]) -> [ProgramTest]? {
    var tests: [ProgramTest] = []
    for input in inputs {
      guard let output = program.run(input), !output.isEmpty else { return nil }
      tests.append(ProgramTest(input: input.joined(separator: " "), output: output.joined(separator: " ")))
    }
    let shortened = program.operations.indices.map { left in
      TinyProgram(program.operations.enumerated().filter { $0.offset != left }.map(\.element))
    }
    return shortened.contains { shorter in tests.allSatisfy { $0.passes(shorter) } } ? nil : tests
  }
}
