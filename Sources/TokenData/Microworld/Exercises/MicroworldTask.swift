import Groundwork

/// The tasks of the microworld and the benchmarks of the papers that they stand for.
public enum MicroworldTask: String, CaseIterable, Codable, Sendable {
  case recall, combine, endings, quiz, rules, goals, claims, passages, pronouns, problems, programs, edits

  /// The benchmark that a column of the papers' tables names.
  public var benchmark: String {
    switch self {
    case .recall: "ARC-Easy"
    case .combine: "ARC-Challenge"
    case .endings: "HellaSwag"
    case .quiz: "MMLU"
    case .rules: "OpenBookQA"
    case .goals: "PIQA"
    case .claims: "PubMedQA"
    case .passages: "RACE"
    case .pronouns: "WinoGrande"
    case .problems: "GSM8K"
    case .programs: "HumanEval+"
    case .edits: "MBPP+"
    }
  }

  /// The short column name in the papers' tables.
  public var column: String {
    switch self {
    case .recall: "ARE"
    case .combine: "ARC"
    case .endings: "HS"
    case .quiz: "MMLU"
    case .rules: "OBQA"
    case .goals: "PIQA"
    case .claims: "PBMD"
    case .passages: "RA"
    case .pronouns: "WG"
    case .problems: "GSM8K"
    case .programs: "HE+"
    case .edits: "MBPP+"
    }
  }

  /// Accuracy of guessing.
  public var chance: Double {
    switch self {
    case .goals, .pronouns: 0.5
    case .claims: 1.0 / 3
    case .problems, .programs, .edits: 0
    default: 0.25
    }
  }

  /// As the benchmark that it stands for is scored.
  public var metric: TaskItem.Metric {
    switch self {
    case .recall, .combine, .endings, .rules, .goals: .normalisedAccuracy
    case .quiz, .claims, .passages, .pronouns: .accuracy
    case .problems: .exactMatch
    case .programs, .edits: .passAtOne
    }
  }

  /// The nine multiple-choice tasks, in the order of the papers' tables.
  public static let multipleChoice: [MicroworldTask] = [
    .combine, .recall, .endings, .quiz, .rules, .goals, .claims, .passages, .pronouns,
  ]

  /// `count` solved exercises from the training side of the hold-out, as text: what stands before an item in
  /// few-shot evaluation. The same for every item.
  public func shots(world: World, count: Int) -> [String] {
    let stream = RandomStream(seed: world.seed, "shots/\(rawValue)")
    var texts: [String] = []
    for draw in 0..<UInt64(count) * 60 + 200 where texts.count < count {
      var scribe = Scribe(world: world, random: stream.substream(draw), split: .training)
      if let text = scribe.exercise(self)?.text, !texts.contains(text) { texts.append(text) }
    }
    return texts
  }

  /// `count` distinct items; `set` ("a", "b", ...) is the seed of the choice of items, not of the world.
  public func items(world: World, set: String, count: Int) throws -> [TaskItem] {
    let stream = RandomStream(seed: world.seed, "items/\(rawValue)/\(set)")
    var seen = Set<String>()
    var items: [TaskItem] = []
    var draw: UInt64 = 0
    while items.count < count {
      if draw > UInt64(count) * 60 + 2000 {
        throw UpcycleError.usage(
          "this world has too few facts for that many items", at: "task \(rawValue)",
          expected: "at most \(items.count)", found: "\(count)")
      }
      var scribe = Scribe(world: world, random: stream.substream(draw), split: .evaluation)
      draw += 1
      guard let exercise = scribe.exercise(self) else { continue }
      let item = exercise.item(task: self, id: "\(rawValue)-\(set)-\(items.count)")
      if let longest = world.edition.exercises.longestItem {
        let bytes = item.scoredTexts.map(\.utf8.count).max()! + (exercise.solution?.utf8.count ?? 0)
        if bytes > longest { continue }
      }
      if seen.insert(item.scoredTexts.sorted().joined(separator: "\n")).inserted { items.append(item) }
    }
    return items
  }
}
