/// Word problems of one to three steps with small numbers, and their worked answers.
extension Scribe {
  private struct Problem {
    var text: String
    var steps: [String]
    var answer: Int
  }

  private static let countables = Lexicon.words(
    "apples pears plums eggs nuts coins shells stones buttons candles stamps cakes kites cups seeds ribbons")
  private static let containers = Lexicon.words("boxes bags baskets jars bowls sacks")

  /// "Question: Mira has 7 apples. ...\nAnswer: 7 + 5 = 12. The answer is 12."
  mutating func problem() -> Exercise? {
    let kind = chance(0.7) ? pick([0, 0, 1, 1, 4]) : random.next(below: 10)
    let a = number(2...12)
    let b = number(2...9)
    let c = number(1...6)
    guard allows("problem", kind, a, b * 100 + c), let made = problem(kind, a, b, c) else { return nil }
    let steps = made.steps.joined(separator: " ")
    return Exercise(
      "Question: \(made.text)\nAnswer:", choices: [], answer: 0,
      solution: " \(steps) The answer is \(made.answer).", answerText: "\(made.answer)",
      answerAfter: "The answer is", facts: [])
  }

  private mutating func problem(_ kind: Int, _ a: Int, _ b: Int, _ c: Int) -> Problem? {
    let cast = newNames(2)
    let (A, B) = (cast[0].fullName, cast[1].name)
    let he = cast[0].entity.subjectPronoun
    let He = he.capitalisedFirst
    let things = pick(Self.countables)
    let holders = pick(Self.containers)
    switch kind {
    case 0:
      return Problem(
        text:
          "\(A) has \(a) \(things). \(He) \(pick(["buys", "finds", "gets"])) \(b) more. How many \(things) does \(he) have now?",
        steps: ["\(a) + \(b) = \(a + b)."], answer: a + b)
    case 1:
      guard a > b else { return nil }
      return Problem(
        text:
          "\(A) has \(a) \(things). \(He) \(pick(["gives \(b) to \(B)", "loses \(b)", "sells \(b)"])). How many \(things) are left?",
        steps: ["\(a) - \(b) = \(a - b)."], answer: a - b)
    case 2:
      guard c > 1, b <= 10 else { return nil }
      return Problem(
        text: "\(A) has \(c) \(holders) with \(b) \(things) in each. How many \(things) are there in all?",
        steps: ["\(c) * \(b) = \(c * b)."], answer: c * b)
    case 3:
      guard a + b > c else { return nil }
      return Problem(
        text: "\(A) has \(a) \(things). \(B) brings \(b) more. Then they use \(c). How many \(things) are left?",
        steps: ["\(a) + \(b) = \(a + b).", "\(a + b) - \(c) = \(a + b - c)."], answer: a + b - c)
    case 4:
      return Problem(
        text: "\(A) has \(a) \(things). \(B) has \(b) more than \(cast[0].name). How many \(things) does \(B) have?",
        steps: ["\(a) + \(b) = \(a + b)."], answer: a + b)
    case 5:
      return Problem(
        text: "\(A) has \(a) \(things) and \(B) has \(b) more. How many \(things) do they have together?",
        steps: ["\(a) + \(b) = \(a + b).", "\(a) + \(a + b) = \(2 * a + b)."], answer: 2 * a + b)
    case 6:
      guard c > 1, c <= 6, b <= 10 else { return nil }
      return Problem(
        text:
          "\(A) fills \(c) \(holders) with \(b) \(things) each and has \(a) \(things) left over. How many \(things) does \(he) have?",
        steps: ["\(c) * \(b) = \(c * b).", "\(c * b) + \(a) = \(c * b + a)."], answer: c * b + a)
    case 7:
      guard a > b, a - b > c else { return nil }
      return Problem(
        text:
          "\(A) picks \(a) \(things). \(He) eats \(c) and gives \(b) to \(B). How many \(things) does \(he) still have?",
        steps: ["\(a) - \(c) = \(a - c).", "\(a - c) - \(b) = \(a - c - b)."], answer: a - c - b)
    case 8:
      guard c > 1, c <= 5, b <= 10 else { return nil }
      return Problem(
        text:
          "One cup costs \(b) coins. \(A) buys \(c) cups and pays with \(c * b + a) coins. How many coins does \(he) get back?",
        steps: ["\(c) * \(b) = \(c * b).", "\(c * b + a) - \(c * b) = \(a)."], answer: a)
    default:
      guard c > 1, c <= 5, b <= 10 else { return nil }
      return Problem(
        text:
          "\(A) reads \(b) pages a day for \(c) days. On the next day \(he) reads \(a) pages. How many pages has \(he) read in all?",
        steps: ["\(b) * \(c) = \(b * c).", "\(b * c) + \(a) = \(b * c + a)."], answer: b * c + a)
    }
  }

  // MARK: Long problems

  /// Two to five steps on one running number below 100.
  mutating func longProblem() -> Exercise? {
    let cast = newNames(2)
    let (A, B) = (cast[0].fullName, cast[1].name)
    let (he, him) = (cast[0].entity.subjectPronoun, cast[0].entity.objectPronoun)
    let He = he.capitalisedFirst
    let things = pick(Self.countables)
    var count = number(2...12)
    var text = "\(A) has \(count) \(things)."
    var steps: [String] = []
    var numbers = [count]
    for _ in 0..<number(2...5) {
      let change = number(2...9)
      let before = count
      switch random.next(below: 7) {
      case 0..<3:
        count += change
        text += pick([
          " \(He) buys \(change) more.", " \(He) finds \(change) more.", " \(B) gives \(him) \(change).",
          " \(He) gets \(change) from \(B).",
        ])
        steps.append("\(before) + \(change) = \(count).")
        numbers.append(change)
      case 3..<6:
        guard count > change else { return nil }
        count -= change
        text += pick([
          " \(He) gives \(change) to \(B).", " \(He) loses \(change).", " \(He) sells \(change).",
          " \(B) takes \(change).",
        ])
        steps.append("\(before) - \(change) = \(count).")
        numbers.append(-change)
      default:
        guard count <= 20 else { return nil }
        count *= 2
        text += pick([" Then \(he) has twice as many.", " Soon \(he) has twice as many."])
        steps.append("\(before) * 2 = \(count).")
        numbers.append(0)
      }
    }
    let key = numbers.reduce(0) { $0 &* 31 &+ $1 }
    guard count < 100, allows("long problem", key) else { return nil }
    return Exercise(
      "Question: \(text) How many \(things) does \(he) have now?\nAnswer:", choices: [], answer: 0,
      solution: " \(steps.joined(separator: " ")) The answer is \(count).", answerText: "\(count)",
      answerAfter: "The answer is", facts: [])
  }
}
