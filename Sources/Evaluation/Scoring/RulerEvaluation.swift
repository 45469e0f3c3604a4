import Foundation
import Groundwork
import ModelCore
import TokenData
import Worlds

/// A model's score on one task of RULER at one length, in fractions.
public struct RulerScore: Codable, Equatable, Sendable {
  /// A `RulerTask`'s raw value.
  public var task: String
  /// Tokens of prompt and answer together.
  public var length: Int
  /// Where the first needle stands, in percent of the text; nil where places were drawn.
  public var depth: Double?
  /// Samples that the means are over.
  public var samples: Int
  /// The share of references found (NVIDIA's `string_match_all`, and what lm-eval reports for every task).
  public var all: Estimate
  /// Whether any reference was found (NVIDIA's `string_match_part`, for question answering).
  public var part: Estimate

  /// Which of the two is a task's score.
  public enum Metric: String, CaseIterable, Codable, Sendable {
    /// Any reference counts in question answering, the share of references elsewhere.
    case nvidia
    /// The share of references everywhere: lm-eval's mean over references.
    case lmEval = "lm-eval"
  }

  /// `all` or `part`, as the metric has it for this task.
  public func score(_ metric: Metric) -> Estimate {
    metric == .nvidia && RulerTask(rawValue: task)?.countsAnyReference == true ? part : all
  }
}

/// Continues every sample greedily for its answer's budget (an end token ends it) and looks for the references.
/// - Parameters:
///   - answerTokens: the budget, part of the samples' length; of samples that do not say one of their own.
///   - answered: called with every sample and its answer.
///   - progress: called with the number of samples done.
/// - Throws: where the longest sample exceeds the model's positions, or the tokenizer does not fit.
public func evaluateRuler(
  _ model: LanguageModel, _ tokenizer: Tokenizer, _ samples: [RulerSample], task: String, length: Int,
  answerTokens: Int, depth: Double? = nil, answered: (RulerSample, String) -> Void = { _, _ in },
  progress: (Int) -> Void = { _ in }
) throws -> RulerScore {
  try requireMatch(model.config, tokenizer)
  let longest = samples.map { $0.length }.max() ?? 0
  if longest > model.config.readablePositions {
    throw UpcycleError.usage(
      "is longer than the model's positions", at: "length \(longest) of \(task)",
      expected: "at most \(model.config.readablePositions) positions", found: "\(longest)",
      hint: "extend the model (hylo extend), or measure beyond its training with `beyond_positions`")
  }
  // Prompts read in one call: their tokens take memory, their answers are written side by side.
  let batch = max(1, 16_384 / max(1, longest))
  var scores: [(all: Double, part: Double)] = []
  while scores.count < samples.count {
    // Those of one file may have more room for their answers than those of another.
    let budget = samples[scores.count].answerTokens ?? answerTokens
    let part = samples[scores.count...].prefix(batch).prefix { ($0.answerTokens ?? answerTokens) == budget }
    let texts = try greedyTexts(model, tokenizer, part.map { ($0.prompt, []) }, maximumTokens: budget)
    for (sample, text) in zip(part, texts) {
      scores.append(sample.score(text))
      answered(sample, text)
    }
    progress(scores.count)
  }
  return RulerScore(
    task: task, length: length, depth: depth, samples: samples.count, all: Estimate(scores.map(\.all)),
    part: Estimate(scores.map(\.part)))
}

/// Scores of several tasks and lengths.
public struct RulerReport: Codable, Equatable, Sendable {
  /// One per task, length and depth, in the order measured.
  public var scores: [RulerScore]
  /// Which score counts.
  public var metric: RulerScore.Metric
  /// Tasks that do not fit a length, by length: they are not part of its average.
  public var tooShort: [Int: [String]]

  /// Scores may be added later, as they are measured.
  public init(scores: [RulerScore] = [], metric: RulerScore.Metric, tooShort: [Int: [String]] = [:]) {
    self.scores = scores
    self.metric = metric
    self.tooShort = tooShort
  }

  /// Tokens, ascending.
  public var lengths: [Int] { Array(Set(scores.map(\.length))).sorted() }
  /// In the order of their first score.
  public var tasks: [String] {
    var names: [String] = []
    for score in scores where !names.contains(score.task) { names.append(score.task) }
    return names
  }

  /// The first score of that task at that length, if any.
  public subscript(task: String, length: Int) -> RulerScore? { scores.first { $0.task == task && $0.length == length } }

  /// RULER's number: the plain mean over tasks.
  public func average(length: Int) -> Estimate? {
    Estimate(meanOf: scores.filter { $0.length == length }.map { $0.score(metric) })
  }

  /// For people, in percent.
  public var table: String {
    let lengths = self.lengths
    func cell(_ text: String) -> String { " " + text.rightAligned(8) }
    var lines = ["task            " + lengths.map { cell("\($0)") }.joined()]
    for task in tasks {
      lines.append(
        task.leftAligned(16)
          + lengths.map { cell(self[task, $0].map { String(format: "%.1f", 100 * $0.score(metric).value) } ?? "-") }
          .joined())
    }
    lines.append(
      "average         "
        + lengths.map { cell(average(length: $0).map { String(format: "%.1f", 100 * $0.value) } ?? "-") }.joined())
    for (length, tasks) in tooShort.sorted(by: { $0.key < $1.key }) where !tasks.isEmpty {
      lines.append("\(length) tokens are too few for \(tasks.joined(separator: ", ")): not in its average")
    }
    return lines.joined(separator: "\n")
  }

  /// One task by depth and length, in percent.
  public var grid: String {
    let lengths = self.lengths
    func cell(_ text: String) -> String { " " + text.rightAligned(8) }
    var lines = ["depth %  " + lengths.map { cell("\($0)") }.joined()]
    for depth in Set(scores.compactMap(\.depth)).sorted() {
      lines.append(
        String(format: "%7g  ", depth)
          + lengths.map { length in
            let score = scores.first { $0.depth == depth && $0.length == length }
            return cell(score.map { String(format: "%.1f", 100 * $0.score(metric).value) } ?? "-")
          }.joined())
    }
    return lines.joined(separator: "\n")
  }

  /// The scores as a table, one row a task, length and depth, in percent.
  public var csv: CSV {
    CSV(
      header: ["task", "length", "depth", "samples", "score", "stderr", "all", "part"],
      rows: scores.map { score in
        let own = score.score(metric)
        return [
          score.task, "\(score.length)", score.depth.map { String(format: "%g", $0) } ?? "", "\(score.samples)",
          String(format: "%.2f", 100 * own.value), String(format: "%.2f", 100 * own.standardError),
          String(format: "%.2f", 100 * score.all.value), String(format: "%.2f", 100 * score.part.value),
        ]
      })
  }
}

/// A sample with what a model answered, a line of a predictions file as NVIDIA's `evaluate.py` reads it.
public struct RulerPrediction: Codable, Equatable, Sendable {
  /// Of the sample.
  public var index: Int
  /// What was generated, without the prompt.
  public var pred: String
  /// What the model read.
  public var input: String
  /// The references.
  public var outputs: [String]
  /// Nothing.
  public var others: [String: String] = [:]
  /// Nothing is cut off: -1.
  public var truncation = -1
  /// Of the sample.
  public var length: Int

  /// - Parameter answer: what was generated, without the prompt
  public init(_ sample: RulerSample, answer: String) {
    index = sample.index
    pred = answer
    input = sample.prompt
    outputs = sample.outputs
    length = sample.length
  }
}
