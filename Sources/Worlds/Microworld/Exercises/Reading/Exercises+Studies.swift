/// A study told at length, and a question that a few words of it answer.
extension Scribe {
  private struct Trial {
    let treatment: String
    let count: Int
    let days: Int
    let place: String
    let isBetter: Bool
  }

  /// "Study: Sera Vale wanted to know what makes hens sleep longer. [...] Question: How many hens got barley?\nAnswer:".
  /// Of five trials one alone had the outcome that the study was made for.
  mutating func study() -> Exercise? {
    let field = pick(Self.fields)
    let subjects = pick(field.subjects)
    let author = newNames(1)[0]
    let (wanted, other) = two(of: field.outcomes)
    let treatments = some(5, of: field.treatments)!
    let (counts, days) = (some(5, of: Array(5...40))!, some(5, of: Array(3...30))!)
    let places = some(5, of: Lexicon.places)!
    let better = random.next(below: 5)
    let trials = (0..<5).map {
      Trial(treatment: treatments[$0], count: counts[$0], days: days[$0], place: places[$0], isBetter: $0 == better)
    }
    var parts = [
      "Study: \(author.fullName) wanted to know what makes \(subjects) \(wanted.asked). Five trials were made."
    ]
    for (index, trial) in trials.enumerated() {
      let found = sentence(trial.isBetter ? .better : .same, with: trial.treatment, wanted.told, wanted.asked)
      var lines = [
        "\(trial.count) \(subjects) in the \(trial.place) got \(trial.treatment) for \(trial.days) days.", found,
      ]
      if chance(0.5) {
        lines.append(sentence(pick([.better, .same, .worse, .mixed]), with: trial.treatment, other.told, other.asked))
      }
      parts.append("Trial \(index + 1): " + lines.joined(separator: " "))
    }
    parts.append("In the end \(author.name) thanked everybody who had helped.")
    let asked = chance(0.4) ? trials[better] : pick(trials)
    let (question, answer): (String, String) =
      switch random.next(below: 6) {
      case 0: ("How many \(subjects) got \(asked.treatment)?", "\(asked.count)")
      case 1: ("For how many days did the \(subjects) get \(asked.treatment)?", "\(asked.days) days")
      case 2: ("What did the \(subjects) in the \(asked.place) get?", asked.treatment)
      case 3: ("Where did the \(subjects) get \(asked.treatment)?", "in the \(asked.place)")
      case 4: ("What made the \(subjects) \(wanted.asked)?", trials[better].treatment)
      default: ("Did \(asked.treatment) make the \(subjects) \(wanted.asked)?", asked.isBetter ? "yes" : "no")
      }
    return written("\(parts.joined(separator: "\n"))\nQuestion: \(question)\nAnswer:", answer)
  }

  /// An exercise whose answer is written behind the context.
  func written(_ context: String, _ answer: String) -> Exercise {
    Exercise(
      context, choices: [], answer: 0, solution: context.hasSuffix("\n") ? answer : " \(answer)", answerText: answer)
  }
}
