import Foundation
import Groundwork

/// One evaluation question, one line of a task file (JSON Lines). Keys:
/// - `task`, `id`: strings; `facts`: ids of the world facts that the item needs (may be empty).
/// - multiple choice: `context`, `choices`, `answer` (index), `metric` "acc" or "acc_norm". The score of a
///   choice is the sum of the log-probabilities of its tokens after the context; a choice begins with its
///   own space, so `context + choice` is the full text. `acc_norm` divides the score by the choice's
///   characters without that space, `acc_bytes` (reported beside it) by its bytes.
/// - partial scoring (WinoGrande): also `contexts`, the text up to and including each filling; `choices`
///   then holds the one common ending and `answer` is an index into `contexts`: the score of filling i is
///   the log-probability of the ending after `contexts[i]`. `context` is what the fillings have in common.
/// - generated: `context`, `answer_text`, `stop` (generation ends before it), `metric` "exact_match";
///   `answer_after`, when present, is the phrase after whose last occurrence the answer stands; spaces at the ends and
///   full stops at the end count neither in the answer nor in `answer_text`;
/// - programs: `context`, `answer_text` (one solution), `stop`, `metric` "pass@1", and `tests`: a generated program is
///   right when it gives every test's output;
/// - texts: as generated, `metric` "f1", "rouge_l" or "edit_sim": how much of `answer_text` the reply has, from 0 to 1.
///
/// Generated answers, programs and texts end after 80 tokens where nothing ended them before.
public struct TaskItem: Codable, Equatable, Sendable {
  /// How an item counts as right.
  public enum Metric: String, Codable, Sendable {
    case accuracy = "acc"
    case normalisedAccuracy = "acc_norm"
    case exactMatch = "exact_match"
    case passAtOne = "pass@1"
    case wordOverlap = "f1"
    case rougeL = "rouge_l"
    case editSimilarity = "edit_sim"

    /// Whether the model writes the answer (and does not choose one).
    public var isGenerated: Bool { self != .accuracy && self != .normalisedAccuracy }

    /// How a reply is compared that need not be right or wrong; nil: it is.
    public var overlap: TextOverlap? {
      switch self {
      case .wordOverlap: .words
      case .rougeL: .wordsInOrder
      case .editSimilarity: .charactersInOrder
      default: nil
      }
    }
  }

  /// The task's name.
  public var task: String
  /// Unique within the task.
  public var id: String
  /// What the model reads; with `contexts`, what they have in common.
  public var context: String
  /// Partial scoring: the text up to and including each filling.
  public var contexts: [String]?
  /// Continuations, each with its own space in front; nil for generated answers.
  public var choices: [String]?
  /// Index of the right one of `contexts`, or else of `choices`.
  public var answer: Int?
  /// The right answer of an item that asks for a text.
  public var answerText: String?
  /// The answer stands after its last occurrence.
  public var answerAfter: String?
  /// Generation ends before it.
  public var stop: String?
  /// What a generated program must pass.
  public var tests: [ProgramTest]?
  /// Which score counts.
  public var metric: Metric
  /// Ids of the world's facts that the item needs.
  public var facts: [Int]
  /// UTF-8 bytes of what `following` put in front of the question; no key of files.
  public var bytesBefore = 0

  enum CodingKeys: String, CodingKey, CaseIterable {
    case task, id, context, contexts, choices, answer
    case answerText = "answer_text"
    case answerAfter = "answer_after"
    case stop, tests, metric, facts
  }

  /// The same question after some text.
  public func following(_ text: String) -> TaskItem {
    var item = self
    item.context = text + context
    item.contexts = contexts.map { $0.map { text + $0 } }
    item.bytesBefore += text.utf8.count
    return item
  }

  /// Number of alternatives scored; 0 for generated answers.
  public var optionCount: Int { contexts?.count ?? choices?.count ?? 0 }

  /// Whether a generated continuation (of `context`) is right: cut at `stop`, taken after `answerAfter`,
  /// without spaces and full stops at the ends, of which the right answer is rid as well. A program is run.
  public func accepts(generated text: String) -> Bool {
    guard let answerText else { return false }
    var reply = self.reply(text)
    if let tests {
      guard let program = TinyProgram(parsing: String(reply)) else { return false }
      return tests.allSatisfy { $0.passes(program) }
    }
    if metric.overlap != nil { return reply.trimmed == answerText.trimmed }
    if let answerAfter, let mark = reply.range(of: answerAfter, options: .backwards) {
      reply = reply[mark.upperBound...]
    }
    return Self.bare(reply) == Self.bare(answerText)
  }

  /// Without spaces at the ends and full stops at the end; of nothing but full stops one is left.
  private static func bare(_ text: some StringProtocol) -> String {
    var bare = text.trimmed
    while bare.count > 1, bare.hasSuffix(".") { bare.removeLast() }
    return bare
  }

  /// What a generated continuation is worth, from 0 to 1: what it has in common with the right answer, up to `stop`; nil
  /// where it is right or wrong.
  public func credit(generated text: String) -> Double? {
    guard let answerText, let overlap = metric.overlap else { return nil }
    return overlap.share(reply(text).trimmed, answerText.trimmed)
  }

  /// A continuation up to `stop`.
  private func reply(_ text: String) -> Substring {
    guard let stop, !stop.isEmpty, let end = text.range(of: stop) else { return text[...] }
    return text[..<end.lowerBound]
  }

  /// Every full text that scoring this item would read: no one of them may occur in training text.
  public var scoredTexts: [String] {
    if let contexts { return contexts.map { $0 + (choices?.first ?? "") } }
    if let choices { return choices.map { context + $0 } }
    return [context]
  }
}

// MARK: - Files

extension TaskItem {
  /// - Throws: for what is missing; items of other worlds need no facts
  public init(from decoder: any Decoder) throws {
    let keys = try decoder.container(keyedBy: CodingKeys.self)
    task = try keys.decode(String.self, forKey: .task)
    id = try keys.decode(String.self, forKey: .id)
    context = try keys.decode(String.self, forKey: .context)
    contexts = try keys.decodeIfPresent([String].self, forKey: .contexts)
    choices = try keys.decodeIfPresent([String].self, forKey: .choices)
    answer = try keys.decodeIfPresent(Int.self, forKey: .answer)
    answerText = try keys.decodeIfPresent(String.self, forKey: .answerText)
    answerAfter = try keys.decodeIfPresent(String.self, forKey: .answerAfter)
    stop = try keys.decodeIfPresent(String.self, forKey: .stop)
    tests = try keys.decodeIfPresent([ProgramTest].self, forKey: .tests)
    metric = try keys.decode(Metric.self, forKey: .metric)
    facts = try keys.decodeIfPresent([Int].self, forKey: .facts) ?? []
  }

  /// Items as JSON Lines, keys in a fixed order of the alphabet, so that equal items give equal bytes.
  public static func write(_ items: [TaskItem], to url: URL) throws {
    try writeFile(JSONLines.text(items), to: url)
  }

  /// Reads a task file; errors name the line and what is wrong with it.
  public static func read(_ url: URL) throws -> [TaskItem] {
    let items = try JSONLines.read(
      TaskItem.self, from: url, what: "a task item",
      expected: #"such as {"task": "capitals", "id": "1", "context": "The capital of France is", "#
        + #""choices": [" Paris", " Rome"], "answer": 0, "metric": "acc"}"#)
    var lines: [[String]: Int] = [:]
    for (line, item) in items {
      let place = "\(url.path):\(line)"
      if let problem = item.problem { throw UpcycleError("is not a usable task item", at: place, found: problem) }
      if let other = lines.updateValue(line, forKey: [item.task, item.id]) {
        throw UpcycleError(
          "repeats the id of an item of the task \(item.task)", at: place, expected: "an id of its own",
          found: "\(item.id), as in line \(other)")
      }
    }
    if items.isEmpty { throw UpcycleError("holds no task items", at: url.path) }
    return items.map(\.value)
  }

  /// What makes an item unusable, if anything.
  var problem: String? {
    switch metric {
    case .exactMatch, .passAtOne, .wordOverlap, .rougeL, .editSimilarity:
      if answerText == nil { return "\(metric.rawValue) without answer_text" }
      if metric == .passAtOne && tests?.isEmpty ?? true { return "pass@1 without tests" }
      return answerText!.trimmed.isEmpty ? "an empty answer_text" : nil
    case .accuracy, .normalisedAccuracy:
      guard let choices, !choices.isEmpty else { return "no choices" }
      if choices.contains(where: \.isEmpty) { return "an empty choice" }
      if contexts != nil, choices.count != 1 { return "contexts with \(choices.count) endings (one is meant)" }
      if optionCount < 2 { return "fewer than two alternatives" }
      guard let answer, (0..<optionCount).contains(answer) else { return "an answer outside the alternatives" }
      return nil
    }
  }
}
