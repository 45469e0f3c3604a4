import Foundation
import Groundwork
import Worlds

/// What one item came to.
public struct ItemResult: Codable, Equatable, Sendable {
  /// The task's name, as in the items.
  public var task: String
  /// Unique within the task.
  public var id: String
  /// Log-probability of each alternative, nats; empty for generated answers.
  public var logLikelihoods: [Double]
  /// UTF-8 length of each alternative without its space; nil for generated answers, and in reports of before.
  public var endingBytes: [Int]?
  /// The same in characters (Unicode scalars).
  public var endingCharacters: [Int]?
  /// Index of the right alternative; nil as above.
  public var answer: Int?
  /// Whether the most probable alternative (or the generated answer) is right.
  public var isCorrect: Bool
  /// The same with log-probabilities divided by the alternatives' lengths in characters.
  public var isCorrectNormalised: Bool
  /// The same by bytes; nil as above.
  public var isCorrectByBytes: Bool?
  /// The generated text, where the item asks for one.
  public var generated: String?
  /// Which of the two decides: see `counts`.
  public var metric: TaskItem.Metric
  /// Probability that guessing is right.
  public var chance: Double
  /// How much of the right answer a generated text has, 0 to 1; nil where it is right or wrong.
  public var credit: Double?
  /// Tells questions of one id apart, whatever stands before them; nil in reports of before.
  public var questionHash: String?

  /// Whether the item counts as right under its own metric.
  public var counts: Bool { metric == .normalisedAccuracy ? isCorrectNormalised : isCorrect }
  /// What the item adds to the score, 0 to 1.
  public var points: Double { credit ?? (counts ? 1 : 0) }

  enum CodingKeys: String, CodingKey {
    case task, id
    case logLikelihoods = "log_likelihoods"
    case endingBytes = "ending_bytes"
    case endingCharacters = "ending_characters"
    case answer
    case isCorrect = "correct"
    case isCorrectNormalised = "correct_norm"
    case isCorrectByBytes = "correct_bytes"
    case generated, metric, chance, credit
    case questionHash = "question_hash"
  }
}

/// A mean with its standard error.
public struct Estimate: Codable, Equatable, Sendable {
  /// The mean.
  public var value: Double
  /// In the mean's unit.
  public var standardError: Double

  /// A mean whose error is known, such as 0 where nothing was drawn.
  public init(value: Double, standardError: Double) {
    self.value = value
    self.standardError = standardError
  }

  /// Mean and sample standard deviation / sqrt(n); an error of 0 for a single value.
  public init(_ values: [Double]) {
    let n = Double(max(values.count, 1))
    let mean = values.reduce(0, +) / n
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    value = mean
    standardError = values.count < 2 ? 0 : (squares / (n - 1) / n).squareRoot()
  }

  /// The mean of independent estimates, each with equal weight: the error is sqrt(sum of squares) / n; nil without any.
  init?(meanOf estimates: [Estimate]) {
    if estimates.isEmpty { return nil }
    let n = Double(estimates.count)
    value = estimates.reduce(0) { $0 + $1.value } / n
    standardError = estimates.reduce(0) { $0 + $1.standardError * $1.standardError }.squareRoot() / n
  }

  enum CodingKeys: String, CodingKey {
    case value
    case standardError = "stderr"
  }
}

/// The score of one task.
public struct TaskScore: Codable, Equatable, Sendable {
  /// The task's name.
  public var task: String
  /// The benchmark that a microworld task stands for.
  public var benchmark: String?
  /// Items scored.
  public var items: Int
  /// Which of the two is the headline, `score`.
  public var metric: TaskItem.Metric
  /// Mean of the items' points under `metric`, 0 to 1: the share that is right, where an item is right or wrong.
  public var score: Estimate
  /// Share of items whose most probable alternative, or generated answer, is right, 0 to 1.
  public var accuracy: Estimate
  /// By characters; nil for generated answers.
  public var normalisedAccuracy: Estimate?
  /// The same by bytes; nil for generated answers, and in reports of before.
  public var byteAccuracy: Estimate?
  /// nil for generated answers.
  public var graded: GradedScore?
  /// Expected score of guessing.
  public var chance: Double

  enum CodingKeys: String, CodingKey {
    case task, benchmark
    case items = "n"
    case metric, score
    case accuracy = "acc"
    case normalisedAccuracy = "acc_norm"
    case byteAccuracy = "acc_bytes"
    case graded, chance
  }

  /// - Parameter results: the items of one task, at least one.
  init(_ results: [ItemResult]) {
    let first = results[0]
    let known = MicroworldTask(rawValue: first.task)
    task = first.task
    benchmark = known?.benchmark
    items = results.count
    metric = first.metric
    score = Estimate(results.map(\.points))
    accuracy = Estimate(results.map { $0.isCorrect ? 1 : 0 })
    normalisedAccuracy =
      first.metric.isGenerated ? nil : Estimate(results.map { $0.isCorrectNormalised ? 1 : 0 })
    let byBytes = results.compactMap(\.isCorrectByBytes)
    byteAccuracy = byBytes.count == results.count ? Estimate(byBytes.map { $0 ? 1 : 0 }) : nil
    graded = GradedScore(results)
    chance = results.reduce(0) { $0 + $1.chance } / Double(results.count)
  }
}

/// The mean over tasks, every task with equal weight; nil without any.
public struct AverageScore: Codable, Equatable, Sendable {
  /// How many the mean is over.
  public var tasks: Int
  /// Of the tasks' headline scores, 0 to 1.
  public var score: Estimate
  /// Of the tasks of choice; nil without any.
  public var graded: GradedScore?
  /// Expected score of guessing.
  public var chance: Double

  /// nil without any.
  public init?(_ scores: [TaskScore]) {
    guard let score = Estimate(meanOf: scores.map(\.score)) else { return nil }
    tasks = scores.count
    self.score = score
    graded = GradedScore(meanOf: scores.compactMap(\.graded))
    chance = scores.reduce(0) { $0 + $1.chance } / Double(scores.count)
  }
}

/// The scores of a model on a set of items.
public struct EvaluationReport: Codable, Equatable, Sendable {
  /// In order of the tasks' first items.
  public var tasks: [TaskScore]
  /// Over the multiple-choice tasks; nil without any.
  public var average: AverageScore?
  /// In the order of the items given, task by task.
  public var items: [ItemResult]

  /// Scores every task that the items have.
  public init(_ items: [ItemResult]) {
    self.items = items
    var order: [String] = []
    var byTask: [String: [ItemResult]] = [:]
    for item in items {
      if byTask[item.task] == nil { order.append(item.task) }
      byTask[item.task, default: []].append(item)
    }
    tasks = order.map { TaskScore(byTask[$0]!) }
    average = AverageScore(tasks.filter { !$0.metric.isGenerated })
  }

  /// nil where no item is of that task.
  public subscript(task: String) -> TaskScore? { tasks.first { $0.task == task } }

  /// The report as JSON; `items` only on request.
  public func json(withItems: Bool) throws -> JSONValue {
    let value = try jsonValue(self)
    guard !withItems, case .object(var object) = value else { return value }
    object["items"] = nil
    return .object(object)
  }

  /// Reads a report that was written with its items.
  public init(contentsOf url: URL) throws {
    do {
      self = try decodeJSON(EvaluationReport.self, contentsOf: url, what: "an evaluation report with items")
    } catch var error as UpcycleError {
      error.hint = "write one with `out`"
      throw error
    }
  }

  /// A table for people, in percent; a single item tells no error.
  public var table: String {
    var lines = ["task           stands for       n   metric        score   +-     acc  acc_norm  chance"]
    func percent(_ value: Double?) -> String { value.map { String(format: "%5.1f", 100 * $0) } ?? "    -" }
    func line(_ name: String, _ stands: String, _ n: String, _ metric: String, _ rest: String) -> String {
      pad(name, 15) + pad(stands, 14) + n.rightAligned(4) + "   " + pad(metric, 12) + rest
    }
    for task in tasks {
      let error = task.items > 1 ? task.score.standardError : nil
      lines.append(
        line(
          task.task, task.benchmark ?? "", "\(task.items)", task.metric.rawValue,
          " \(percent(task.score.value))  \(percent(error).dropFirst()) "
            + " \(percent(task.accuracy.value))     \(percent(task.normalisedAccuracy?.value))   \(percent(task.chance))"
        ))
    }
    if let average {
      let error = tasks.contains { $0.items < 2 } ? nil : average.score.standardError
      lines.append(
        line(
          "average", "", "\(average.tasks)", "tasks",
          " \(percent(average.score.value))  \(percent(error).dropFirst()) "
            + "                  \(percent(average.chance))"))
    }
    return lines.joined(separator: "\n")
  }
}

private func pad(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(1, width - text.count))
}
