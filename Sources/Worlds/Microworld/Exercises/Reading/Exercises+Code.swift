/// Files of little programs, and the line that comes next: a call with its result.
extension Scribe {
  private struct NamedProgram {
    let name: String
    let program: TinyProgram
    let call: String
    var definition: String { "program \(name) = \(program.text)" }
  }

  /// Programs with what each does to one list; fewer where a result is empty or long.
  private mutating func namedPrograms(_ names: [String]) -> [NamedProgram] {
    let input = (0..<5).map { _ in "\(number(1...20))" }
    return names.compactMap { name in
      let program = makeProgram(numeric: true)
      guard let output = program.run(input), !output.isEmpty, output.count <= 8 else { return nil }
      return NamedProgram(
        name: name, program: program,
        call: "call \(name) with \(input.joined(separator: " ")) gives \(output.joined(separator: " "))")
    }
  }

  /// One file: every program is called in the line behind it, always with the same list. What comes next is the call of the last.
  mutating func completion() -> Exercise? {
    let author = newNames(1)[0]
    let programs = namedPrograms(some(10, of: objectNouns)!)
    guard programs.count >= 6, let last = programs.last else { return nil }
    let lines = programs.dropLast().flatMap { [$0.definition, $0.call] }
    let file = ["# by \(author.fullName)"] + lines + [last.definition]
    return written(file.joined(separator: "\n") + "\n", last.call)
  }

  /// Three files of programs, and a fourth that uses some of them, each called in the line behind. What comes next needs a program
  /// of another file.
  mutating func repositoryCompletion() -> Exercise? {
    let author = newNames(1)[0]
    let files = some(3, of: Lexicon.places)!
    let programs = namedPrograms(some(12, of: objectNouns)!)
    guard programs.count >= 9 else { return nil }
    var lines = ["# by \(author.fullName)"]
    for (index, file) in files.enumerated() {
      lines.append("file \(file)")
      lines += programs.indices.filter { $0 % 3 == index }.map { programs[$0].definition }
    }
    lines.append("file main")
    let used = some(4, of: Array(programs.indices))!
    for index in used {
      lines.append("from \(files[index % 3]) use \(programs[index].name)")
      if index != used.last { lines.append(programs[index].call) }
    }
    return written(lines.joined(separator: "\n") + "\n", programs[used.last!].call)
  }
}
