/// A question with its answer, before it becomes training text or an evaluation item.
struct Exercise {
  var context: String
  /// Partial scoring: the two fillings.
  var fillings: [String]?
  /// With leading space. One common ending under partial scoring; empty for generated answers.
  var choices: [String]
  var answer: Int
  /// What training text puts after `context` instead of the choice (worked solutions).
  var solution: String?
  var answerText: String?
  var answerAfter: String?
  /// What a generated program must do.
  var tests: [ProgramTest]?
  var facts: [Int]

  init(
    _ context: String, fillings: [String]? = nil, choices: [String], answer: Int, solution: String? = nil,
    answerText: String? = nil, answerAfter: String? = nil, tests: [ProgramTest]? = nil, facts: [Int] = []
  ) {
    self.context = context
    self.fillings = fillings
    self.choices = choices
    self.answer = answer
    self.solution = solution
    self.answerText = answerText
    self.answerAfter = answerAfter
    self.tests = tests
    self.facts = facts
  }

  /// As training text: the question and its right answer.
  var text: String {
    if let fillings { return fillings[answer] + choices[0] }
    return context + (solution ?? choices[answer])
  }

  func item(task: MicroworldTask, id: String) -> TaskItem {
    TaskItem(
      task: task.rawValue, id: id, context: context, contexts: fillings.map { $0 },
      choices: answerText == nil ? choices : nil, answer: answerText == nil ? answer : nil,
      answerText: answerText, answerAfter: answerAfter, stop: answerText == nil ? nil : "\n",
      tests: tests, metric: task.metric, facts: facts)
  }
}

extension Scribe {
  /// The right answer among wrong ones, in random order; choices get their leading space here.
  mutating func shuffled(
    _ context: String, right: String, wrong: [String], facts: [Int]
  ) -> Exercise {
    var order = Array(0...wrong.count)
    random.shuffle(&order)
    let all = [right] + wrong
    return Exercise(
      context, choices: order.map { " " + all[$0] }, answer: order.firstIndex(of: 0)!, facts: facts)
  }

  /// One exercise of a task; nil when the draw hit the other side of the hold-out.
  mutating func exercise(_ task: MicroworldTask) -> Exercise? {
    let mix = world.edition.exercises
    return switch task {
    case .recall: recall()
    case .combine: combine()
    case .endings: happens(mix.storiesOfTwo) ? endingOfTwo() : ending()
    case .quiz: quiz()
    case .rules: rule()
    case .goals: goal()
    case .claims: happens(mix.reportsOfTwo) ? claimOfTwo() : claim()
    case .passages: passage()
    case .pronouns: pronoun()
    case .problems: happens(mix.longProblems) ? longProblem() : problem()
    case .programs: programming(numeric: true)
    case .edits: programming(numeric: false)
    case .studies: study()
    case .meetings: meeting()
    case .news: news()
    case .chats: chat()
    case .completions: completion()
    case .repositories: repositoryCompletion()
    case .puzzles: puzzle()
    case .riddles: riddle()
    case .concepts: concept()
    }
  }
}
