/// Which microworld. Text, items and keys of an edition never change: what grows or gets harder is a new edition.
///
/// The first is the world of every committed record; 12 M tokens teach nano-1b nearly all of it. The second holds some ten times
/// as many facts, told in proportion to a power law, and asks for more steps.
public enum Edition: Int, CaseIterable, Codable, Sendable {
  case first = 1
  case second = 2

  /// How large its world is and how unevenly told.
  public var knobs: World.Knobs {
    switch self {
    case .first: World.Knobs()
    case .second: Self.secondKnobs
    }
  }

  private static let secondKnobs: World.Knobs = {
    var knobs = World.Knobs()
    knobs.people = 1200
    knobs.towns = 240
    knobs.objects = 900
    knobs.animals = 297
    knobs.shops = 160
    knobs.dishes = 160
    knobs.festivals = 48
    knobs.guests = 80
    knobs.exposureExponent = 1
    knobs.headDivisor = 100
    return knobs
  }()

  /// What its exercises ask for.
  var exercises: ExerciseMix {
    switch self {
    case .first: .first
    case .second: .second
    }
  }
}

/// The proportions in which an edition asks its kinds of questions, and how hard they are. Lists are relative numbers.
struct ExerciseMix: Sendable {
  /// Of combinations: both values of one subject; who fits two descriptions; the value of a value; the value of the value
  /// of a value; who shares a value with somebody.
  let combinations: [Int]
  /// Of the quiz: facts, kinds of things, sums.
  let quiz: [Int]
  /// Largest number of a quiz's sum.
  let largestSummand: Int
  /// Of rules: about objects, people, animals, towns.
  let rules: [Int]
  /// Of rules about an object: by use, which its noun tells, by material, by place.
  let objectRules: [Relation]
  /// Share of goals that a thing's use decides; the others need a fact about one subject.
  let goalsByUse: Double
  /// Share of stories (told, continued or asked about) with two heroes who want different things.
  let storiesOfTwo: Double
  /// Of endings of such stories: what is needed for a wish, the way out of a trouble, the deed.
  let endings: [Int]
  /// Share of reports about two treatments and several outcomes.
  let reportsOfTwo: Double
  /// Share of problems with two to five steps on one running number.
  let longProblems: Double
  /// Whether wrong answers are drawn as unevenly as right ones, so that a model that knows only how often names and
  /// values are told stands at chance.
  let wrongAnswersAsTold: Bool
  /// Bytes that the longest text of an item may have, so that it fits a window of 192 tokens; nil: any number.
  let longestItem: Int?

  static let first = ExerciseMix(
    combinations: [7, 2, 1, 0, 0], quiz: [3, 5, 2], largestSummand: 9, rules: [5, 2, 1, 1],
    objectRules: [.use, .use, .use, .material, .place], goalsByUse: 0.6, storiesOfTwo: 0, endings: [], reportsOfTwo: 0,
    longProblems: 0, wrongAnswersAsTold: false, longestItem: nil)

  static let second = ExerciseMix(
    combinations: [4, 2, 2, 1, 1], quiz: [6, 2, 2], largestSummand: 30, rules: [4, 3, 1, 2],
    objectRules: [.use, .material, .material, .place, .place, .colour], goalsByUse: 0.2, storiesOfTwo: 0.6,
    endings: [1, 2, 3], reportsOfTwo: 0.7, longProblems: 0.5, wrongAnswersAsTold: true, longestItem: 640)
}
