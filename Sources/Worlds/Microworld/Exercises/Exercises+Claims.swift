/// Does a report support a claim?
extension Scribe {
  struct Field: Sendable {
    let subjects: [String]
    let treatments: [String]
    /// "slept longer", "sleep longer".
    let outcomes: [(told: String, asked: String)]
  }

  static let fields: [Field] = [
    Field(
      subjects: Lexicon.words("hens cows goats horses sheep rabbits ducks pigs"),
      treatments: ["barley", "fresh hay", "warm water", "salt", "music", "apples", "mint", "carrots"],
      outcomes: [
        ("ate more", "eat more"), ("slept longer", "sleep longer"), ("ran faster", "run faster"),
        ("grew fatter", "grow fatter"), ("drank more", "drink more"),
      ]),
    Field(
      subjects: Lexicon.words("roses beans pears plums carrots cherries peas tulips"),
      treatments: ["ash", "river water", "more light", "sand", "straw", "old milk", "warm soil", "chalk"],
      outcomes: [
        ("grew taller", "grow taller"), ("stayed green longer", "stay green longer"),
        ("had more leaves", "have more leaves"), ("smelled sweeter", "smell sweeter"), ("grew faster", "grow faster"),
      ]),
    Field(
      subjects: Lexicon.words("children sailors farmers singers guards weavers bakers hunters"),
      treatments: ["honey", "ginger tea", "long walks", "cold baths", "hot soup", "early sleep", "songs", "lemon"],
      outcomes: [
        ("slept longer", "sleep longer"), ("coughed less", "cough less"), ("laughed more", "laugh more"),
        ("worked faster", "work faster"), ("learned more", "learn more"),
      ]),
  ]

  enum Finding { case better, same, worse, mixed }

  private mutating func sentence(_ finding: Finding, _ told: String, _ asked: String, _ treatment: String) -> String {
    switch finding {
    case .better:
      pick([
        "Those with \(treatment) \(told) than the others.", "With \(treatment) they \(told).",
        "The group with \(treatment) clearly \(told).",
      ])
    case .same:
      pick([
        "Both groups were the same: nobody \(told).", "They did not \(asked) with \(treatment).",
        "No difference was seen: no group \(told).",
      ])
    case .worse:
      pick([
        "Those without \(treatment) \(told) than the others.", "Without \(treatment) they \(told).",
        "The group without \(treatment) clearly \(told).",
      ])
    case .mixed:
      pick([
        "Some with \(treatment) \(told), but some did not.", "It was not clear which group \(told).",
        "On some days they \(told), on other days not.",
      ])
    }
  }

  /// "Report: ... Question: Did honey make the children sleep longer?\nAnswer:" yes / no / maybe.
  mutating func claim() -> Exercise? {
    let fieldIndex = random.next(below: Self.fields.count)
    let field = Self.fields[fieldIndex]
    let subjectIndex = random.next(below: field.subjects.count)
    let treatmentIndex = random.next(below: field.treatments.count)
    let (subjects, treatment) = (field.subjects[subjectIndex], field.treatments[treatmentIndex])
    guard let outcomes = some(2, of: field.outcomes), let counts = some(2, of: Array(5...30)),
      allows("claim", fieldIndex, subjectIndex, treatmentIndex)
    else { return nil }
    let answer = random.next(below: 3)
    let finding: Finding = [.better, chance(0.5) ? .same : .worse, .mixed][answer]
    var lines = [sentence(finding, outcomes[0].0, outcomes[0].1, treatment)]
    if chance(0.4) {
      let other: Finding = pick([.better, .same, .worse, .mixed])
      lines.insert(sentence(other, outcomes[1].0, outcomes[1].1, treatment), at: chance(0.5) ? 0 : 1)
    }
    let days = number(3...40)
    let opening = pick([
      "For \(days) days \(counts[0]) \(subjects) got \(treatment), and \(counts[1]) \(subjects) got none.",
      "A test was done with \(counts[0] + counts[1]) \(subjects). Half of them got \(treatment) for \(days) days.",
      "In a test of \(days) days, \(counts[0]) \(subjects) got \(treatment) and \(counts[1]) did not.",
    ])
    return Exercise(
      "Report: \(opening) \(lines.joined(separator: " "))\nQuestion: Did \(treatment) make the \(subjects) \(outcomes[0].1)?\nAnswer:",
      choices: [" yes", " no", " maybe"], answer: answer, facts: [])
  }

  // MARK: Two treatments

  mutating func sentence(_ finding: Finding, with treatment: String, _ told: String, _ asked: String) -> String {
    switch finding {
    case .better:
      pick([
        "Those with \(treatment) \(told) than before.", "With \(treatment) they \(told).",
        "The group with \(treatment) clearly \(told).",
      ])
    case .same:
      pick([
        "With \(treatment) nobody \(told).", "They did not \(asked) with \(treatment).",
        "With \(treatment) no difference was seen: nobody \(told).",
      ])
    case .worse:
      pick([
        "Those without \(treatment) \(told), those with it did not.",
        "The group with \(treatment) never \(told).",
      ])
    case .mixed:
      pick([
        "Some with \(treatment) \(told), but some did not.", "With \(treatment) they \(told) on some days only.",
        "At first those with \(treatment) \(told), later they did not.",
      ])
    }
  }

  /// Like `claim`, of a report about two treatments with up to two outcomes each: only one sentence, or none, says
  /// something about the treatment and the outcome that are asked about.
  mutating func claimOfTwo() -> Exercise? {
    let fieldIndex = random.next(below: Self.fields.count)
    let field = Self.fields[fieldIndex]
    let subjectIndex = random.next(below: field.subjects.count)
    let treatmentIndex = random.next(below: field.treatments.count)
    guard allows("claim", fieldIndex, subjectIndex, treatmentIndex) else { return nil }
    let (subjects, treatment) = (field.subjects[subjectIndex], field.treatments[treatmentIndex])
    let other = pick(field.treatments.filter { $0 != treatment })
    let outcomes = some(2, of: field.outcomes)!
    let answer = random.next(below: 3)
    let findings: [Finding] = [.better, .same, .worse, .mixed]
    // Half of the time "maybe" is the answer because nobody looked.
    let isSilent = answer == 2 && chance(0.5)
    var lines = [sentence(pick(findings), with: other, outcomes[0].0, outcomes[0].1)]
    if !isSilent {
      let finding: Finding = [.better, chance(0.5) ? .same : .worse, .mixed][answer]
      lines.append(sentence(finding, with: treatment, outcomes[0].0, outcomes[0].1))
    }
    if isSilent || chance(0.6) { lines.append(sentence(pick(findings), with: treatment, outcomes[1].0, outcomes[1].1)) }
    if chance(0.4) { lines.append(sentence(pick(findings), with: other, outcomes[1].0, outcomes[1].1)) }
    random.shuffle(&lines)
    let counts = (number(5...30), number(5...30))
    let both = chance(0.5) ? (treatment, other) : (other, treatment)
    let opening = pick([
      "For \(number(3...40)) days \(counts.0) \(subjects) got \(both.0) and \(counts.1) \(subjects) got \(both.1).",
      "In a test, \(counts.0) \(subjects) got \(both.0) and \(counts.1) got \(both.1).",
    ])
    return Exercise(
      "Report: \(opening) \(lines.joined(separator: " "))\nQuestion: Did \(treatment) make the \(subjects) \(outcomes[0].1)?\nAnswer:",
      choices: [" yes", " no", " maybe"], answer: answer, facts: [])
  }
}
