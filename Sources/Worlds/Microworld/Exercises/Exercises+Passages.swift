/// Passages with questions: a told story, and what it was about. What is asked holds for the story as a whole, for
/// these models do not look up single words of what they read.
extension Scribe {
  /// A passage and everything that can be asked about it.
  struct Passage {
    var text: String
    /// A question, its answer, and three answers of the same shape that are wrong.
    var questions: [(question: String, right: String, wrong: [String])] = []
  }

  mutating func makePassage() -> Passage {
    if happens(world.edition.exercises.storiesOfTwo) { return passageOfTwo() }
    let cast = newNames(2)
    let story = story(cast[0], cast[1])
    return Passage(
      text: story.text,
      questions: story.tale < 0 ? questUnderQuestion(story, cast[0]) : taleUnderQuestion(story))
  }

  /// One question about a fresh passage.
  mutating func passage() -> Exercise? {
    let passage = makePassage()
    let (question, right, wrong) = pick(passage.questions)
    return shuffled("\(passage.text)\nQuestion: \(question)\nAnswer:", right: right, wrong: wrong, facts: [])
  }

  /// What the hero wanted, needed, met with and did. One wrong goal is another that the same thing serves.
  private mutating func questUnderQuestion(_ story: Story, _ hero: Character) -> [(String, String, [String])] {
    let use = Use.all[story.use]
    let near = (story.goal + number(1...(use.goals.count - 1))) % use.goals.count
    let far = some(2, of: Array(Use.all.indices.filter { $0 != story.use }))!
      .map { (use: Use.all[$0], goal: random.next(below: Use.all[$0].goals.count)) }
    let (name, he) = (hero.name, hero.entity.subjectPronoun)
    var questions = [
      (
        "What did \(name) want to do?", "to " + use.goals[story.goal],
        ["to " + use.goals[near]] + far.map { "to " + $0.use.goals[$0.goal] }
      ),
      (
        "What did \(name) do in the end?", "\(he) " + use.past[story.goal],
        ["\(he) " + use.past[near]] + far.map { "\(he) " + $0.use.past[$0.goal] }
      ),
      (
        "What did \(name) need?", story.filled("{O}"),
        some(3, of: world.members[.object]!.filter { world.useOf[$0]! != story.use })!.map { world.entities[$0].name }
      ),
    ]
    let met = Set(story.script.summary.map(story.filled))
    let notMet = Script.obstacleSummaries.map(story.filled).filter { !met.contains($0) }
    questions.append(
      ("What was the trouble?", story.filled(pick(story.script.summary)), some(3, of: notMet)!))
    return questions
  }

  private static let taleQuestions = ["What is the story about?", "What went wrong?", "How did it end?"]

  /// Other tales give the wrong answers.
  private mutating func taleUnderQuestion(_ story: Story) -> [(String, String, [String])] {
    let others = some(3, of: Array(Script.tales.indices.filter { $0 != story.tale }))!
    return Self.taleQuestions.indices.map { at in
      (
        Self.taleQuestions[at], story.filled(story.script.summary[at]).withCorrectArticles,
        others.map { story.filled(Script.tales[$0].summary[at]).withCorrectArticles }
      )
    }
  }
}
