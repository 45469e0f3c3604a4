import Groundwork

/// The tasks of the microworld and the benchmarks of the papers that they stand for.
public enum MicroworldTask: String, CaseIterable, Codable, Sendable {
  case recall, combine, endings, quiz, rules, goals, claims, passages, pronouns, problems, programs, edits
  /// One long text an item, which holds all that the answer needs.
  case studies, meetings, news, chats, completions, repositories
  /// Several steps; five answers about kinds of things.
  case puzzles, riddles, concepts

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
    case .studies: "Qasper"
    case .meetings: "QMSum"
    case .news: "MultiNews"
    case .chats: "SAMSum"
    case .completions: "LCC"
    case .repositories: "RepoBench-P"
    case .puzzles: "GPQA main"
    case .riddles: "GPQA diamond"
    case .concepts: "CommonsenseQA"
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
    case .studies: "qasper"
    case .meetings: "qmsum"
    case .news: "multi_news"
    case .chats: "samsum"
    case .completions: "lcc"
    case .repositories: "repobench-p"
    case .puzzles: "GPQA"
    case .riddles: "GPQA-D"
    case .concepts: "CSQA"
    }
  }

  /// Accuracy of guessing; 0 of what is generated.
  public var chance: Double {
    switch self {
    case .goals, .pronouns: 0.5
    case .claims: 1.0 / 3
    case .concepts: 0.2
    default: metric.isGenerated ? 0 : 0.25
    }
  }

  /// As the benchmark that it stands for is scored.
  public var metric: TaskItem.Metric {
    switch self {
    case .recall, .combine, .endings, .rules, .goals: .normalisedAccuracy
    case .quiz, .claims, .passages, .pronouns, .puzzles, .riddles, .concepts: .accuracy
    case .problems: .exactMatch
    case .programs, .edits: .passAtOne
    case .studies: .wordOverlap
    case .meetings, .news, .chats: .rougeL
    case .completions, .repositories: .editSimilarity
    }
  }

  /// What preference pairs are made of: their draws depend on this list.
  static let preferred: [MicroworldTask] = [
    .recall, .combine, .endings, .quiz, .rules, .goals, .claims, .passages, .pronouns, .problems,
  ]

  /// LongBench's tasks in the order of X-EcoMLA's Table 8: one long text an item.
  public static let longReading: [MicroworldTask] = [
    .completions, .repositories, .studies, .meetings, .news, .chats,
  ]

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
      if let longest = world.edition.exercises.longestItem, !Self.longReading.contains(self) {
        let bytes = item.scoredTexts.map(\.utf8.count).max()! + (exercise.solution?.utf8.count ?? 0)
        if bytes > longest { continue }
      }
      if seen.insert(item.scoredTexts.sorted().joined(separator: "\n")).inserted { items.append(item) }
    }
    return items
  }
}
