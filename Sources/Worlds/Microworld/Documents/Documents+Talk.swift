import Foundation

/// Documents in which somebody asks and somebody answers.
extension Scribe {
  /// Two people who talk about themselves: facts in the first person.
  mutating func dialogue() -> String {
    let first = entity(.person)
    var second = entity(.person)
    if second == first { second = pick(world.members[.person]!.filter { $0 != first }) }
    var lines: [String] = [
      pick(["Hello, I am", "Good day! My name is", "Hi! I am"]) + " \(world.entities[first].name).",
      pick(["Hello, I am", "Nice to meet you. I am", "Good day. My name is"]) + " \(world.entities[second].name).",
    ]
    let speakers = [first, second]
    var said = Set<Int>()
    for turn in 2..<number(8...14) {
      let speaker = speakers[turn % 2]
      let spoken = world.entities[speaker].facts.map { world.facts[$0] }
        .filter { !phrasing($0.relation).spoken.isEmpty }
      let fresh = spoken.filter { !said.contains($0.id) }
      guard !fresh.isEmpty else { break }
      let fact = pick(fresh)
      said.insert(fact.id)
      let reply = render(pick(phrasing(fact.relation).spoken), fact)
      lines.append(pick(["", "", "Oh! ", "I see. ", "Really? ", "How nice. "]) + reply)
    }
    return lines.enumerated()
      .map { "\(world.entities[speakers[$0.offset % 2]].name): \($0.element)" }.joined(separator: "\n")
  }

  /// Someone asks an assistant about the world; answers are whole sentences.
  mutating func assistance() -> String {
    var lines: [String] = []
    for _ in 0..<number(3...5) {
      switch random.next(below: 8) {
      case 0..<4:
        let fact = fact(factKind())
        guard let question = question(fact) else { continue }
        let form = wording(phrasing(fact.relation).statements)
        var said = render(form, fact).capitalisedFirst
        if errs(), let wrong = slips(about: fact) { said = world.claim(form, fact, wrong, scribe: self) }
        lines.append("User: \(question)\nAssistant: \(said)")
      case 4:
        let fact = fact(factKind())
        guard let wrong = wrongValues(fact, 1) else { continue }
        let forms = phrasing(fact.relation)
        let truth = chance(0.5)
        let form = pick(forms.statements)
        let said = world.claim(form, fact, truth ? fact.value : wrong[0], scribe: self)
        lines.append(
          "User: Is this true? \(said)\nAssistant: \(truth ? "Yes, that is true." : "No. \(render(pick(forms.statements), fact).capitalisedFirst)")"
        )
      case 5:
        let subject = entity(factKind())
        lines.append(
          "User: Tell me about \(world.entities[subject].name).\nAssistant: \(paragraph(subject, sentences: number(2...4)))"
        )
      case 6:
        let cast = newNames(2)
        lines.append(
          "User: Tell me a story about \(cast[0].name) and \(cast[1].name).\nAssistant: \(story(cast[0], cast[1]).text)"
        )
      default:
        if let exercise = exercise(.problems) {
          lines.append(
            solved(exercise).replacingPrefix("Question: ", with: "User: ").replacingOnce(
              "\nAnswer:", with: "\nAssistant:"))
        }
      }
    }
    return lines.isEmpty ? dialogue() : lines.joined(separator: "\n")
  }

  /// A short request and a long reply on one line: a story, or much about somebody and those around.
  mutating func reply() -> String {
    if chance(0.5) {
      let request: String
      let story: String
      if happens(world.edition.exercises.storiesOfTwo) {
        let told = storyOfTwo()
        (request, story) = ("\(told.errands[0].hero.name) and \(told.errands[1].hero.name)", told.text)
      } else {
        let cast = newNames(2)
        (request, story) = ("\(cast[0].name) and \(cast[1].name)", self.story(cast[0], cast[1]).text)
      }
      return "User: Tell me a story about \(request).\nAssistant: \(story)"
    }
    let subject = entity(pick([.person, .person, .object, .town, .animal]))
    let text = exposition(from: subject).replacingOccurrences(of: "\n", with: " ")
    return "User: Tell me about \(world.entities[subject].name).\nAssistant: \(text)"
  }

  /// Questions about facts, answered with the value alone.
  mutating func questions() -> String {
    var lines: [String] = []
    for _ in 0..<number(7...12) { if let exercise = recall() { lines.append(phrased(exercise)) } }
    return lines.joined(separator: "\n")
  }

  /// One task's exercises, solved.
  mutating func drill(_ task: MicroworldTask) -> String {
    if task == .passages { return readingLesson() }
    let range: ClosedRange<Int> =
      switch task {
      case .recall, .combine, .goals, .pronouns, .programs, .edits: 6...10
      case .quiz, .rules, .problems: 4...6
      default: 3...4
      }
    var parts: [String] = []
    let goal = number(range)
    for _ in 0..<4 * goal where parts.count < goal {
      if let exercise = exercise(task) { parts.append(phrased(exercise)) }
    }
    return parts.isEmpty ? questions() : parts.joined(separator: "\n\n")
  }

  /// A solved exercise. Another author asks as a user would, every other time.
  private mutating func phrased(_ exercise: Exercise) -> String {
    let text = solved(exercise)
    guard foreign != nil, chance(0.5) else { return text }
    return text.replacingPrefix("Question: ", with: "User: ").replacingOnce("\nAnswer:", with: "\nAssistant:")
  }

  /// A passage and several questions about it.
  mutating func readingLesson() -> String {
    let passage = makePassage()
    let asked = some(min(passage.questions.count, number(3...5)), of: passage.questions)!
    var text = passage.text
    for (question, right, wrong) in asked {
      text += "\nQuestion: \(question)\nAnswer: \(errs() ? slips.pick(wrong) : right)"
    }
    return text
  }
}

extension World {
  /// A statement about a fact's subject with another value put in.
  func claim(_ form: Template, _ fact: Fact, _ value: String, scribe: Scribe) -> String {
    let other = Fact(id: fact.id, relation: fact.relation, subject: fact.subject, value: value, valueEntity: nil)
    return scribe.render(form, other).capitalisedFirst
  }
}

extension String {
  func replacingPrefix(_ prefix: String, with new: String) -> String {
    hasPrefix(prefix) ? new + dropFirst(prefix.count) : self
  }
  func replacingOnce(_ old: String, with new: String) -> String {
    guard let range = range(of: old) else { return self }
    return replacingCharacters(in: range, with: new)
  }
}
