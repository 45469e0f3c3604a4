import Foundation
import Groundwork
import TokenData

extension PreferencePair {
  /// Pair `index` of an endless deterministic sequence. Prompts come from the training side of the hold-out.
  public static func pair(_ index: Int, world: World, seed: UInt64) -> PreferencePair {
    let stream = RandomStream(seed: seed ^ world.seed &* 0x9e37_79b9, "preferences").substream(UInt64(index))
    var scribe = Scribe(world: world, random: stream, split: .training)
    while true { if let pair = scribe.preferencePair() { return pair } }
  }
}

extension Scribe {
  fileprivate mutating func preferencePair() -> PreferencePair? {
    // Exercises of each task, and questions answered in whole sentences.
    if chance(0.3) {
      let fact = fact(factKind())
      let forms = phrasing(fact.relation)
      guard let question = question(fact), let wrong = wrongValues(fact, 1) else { return nil }
      let form = pick(forms.statements)
      let right = render(form, fact).capitalisedFirst
      let bad =
        chance(0.6)
        ? world.claim(form, fact, wrong[0], scribe: self) : spoiled(right) ?? statement(self.fact(factKind()))
      return bad == right
        ? nil : PreferencePair(prompt: "User: \(question)\nAssistant:", chosen: " \(right)", rejected: " \(bad)")
    }
    let task = pick(MicroworldTask.preferred)
    guard let exercise = exercise(task) else { return nil }
    if let fillings = exercise.fillings {
      let names = fillings.map { $0.dropFirst(exercise.context.count) }
      return PreferencePair(
        prompt: exercise.context, chosen: names[exercise.answer] + exercise.choices[0],
        rejected: names[1 - exercise.answer] + exercise.choices[0])
    }
    if let solution = exercise.solution, let answer = exercise.answerText.flatMap({ Int($0) }) {
      let off = answer + pick([-3, -2, -1, 1, 2, 3])
      let wrong = solution.replacingOccurrences(of: " \(answer).", with: " \(off).")
      let bad = chance(0.7) ? wrong : spoiled(solution) ?? wrong
      return PreferencePair(prompt: exercise.context, chosen: solution, rejected: bad)
    }
    let right = exercise.choices[exercise.answer]
    let wrong = exercise.choices.filter { $0 != right }
    let bad = chance(0.75) ? pick(wrong) : spoiled(right) ?? pick(wrong)
    return PreferencePair(prompt: exercise.context, chosen: right, rejected: bad)
  }

  /// The same reply malformed: words doubled, cut off, or in another order. Nil when it is too short for that.
  private mutating func spoiled(_ reply: String) -> String? {
    var words = reply.split(separator: " ").map(String.init)
    guard words.count >= 3 else { return nil }
    switch random.next(below: 3) {
    case 0: words = words.flatMap { [$0, $0] }
    case 1: words = Array(words.prefix(words.count / 2))
    default:
      let before = words
      random.shuffle(&words)
      if words == before { return nil }
    }
    return (reply.hasPrefix(" ") ? " " : "") + words.joined(separator: " ")
  }
}
