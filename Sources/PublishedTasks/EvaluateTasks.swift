import Evaluation
import Foundation
import Groundwork
import ModelCore
import TokenData

/// How published tasks are scored.
public struct TaskOptions: Sendable {
  /// Questions of each task, from the first on; nil: all.
  public var limit: Int?
  /// Solved examples before each question.
  public var shots = SolvedExamples()
  /// Of the choice of examples; lm-evaluation-harness's default.
  public var seed = 1234
  /// Where data lies that the tasks do not carry; nil: beside them.
  public var dataFolder: URL?
  /// Tokens per model call.
  public var tokensPerBatch = 2048
  /// Answers generated side by side.
  public var answersPerBatch = 32

  /// As the tasks say, with lm-evaluation-harness's seed.
  public init() {}
}

/// Scores tasks as lm-evaluation-harness does: log-likelihoods of choices, or answers generated greedily.
/// - Parameter progress: called with the number of questions done and their number
/// - Throws: one line for a task or document that cannot be scored; a usage error for two tasks of one name
public func evaluate(
  _ tasks: [PublishedTask], model: LanguageModel, tokenizer: Tokenizer, options: TaskOptions = TaskOptions(),
  progress: (Int, Int) -> Void = { _, _ in }
) throws -> [TaskResult] {
  try requireDistinctNames(tasks)
  try requireMatch(model.config, tokenizer)
  let asked = try tasks.map { try AskedTask($0, options) }
  for task in asked { try task.requireRoom(model.config.readablePositions) }
  for task in asked { try task.checkAnswers() }
  noteCutQuestions(asked.flatMap(\.reading), model.config, tokenizer)
  let total = asked.reduce(0) { $0 + $1.questions.count }
  var done = 0
  return try asked.map { task in
    let score = task.task.form == .choice ? chosen : generated
    let samples = try score(task, model, tokenizer, options) { progress(done + $0, total) }
    done += task.questions.count
    return TaskResult(task.task, shots: task.shots, data: task.data, samples: samples)
  }
}

/// Refuses tasks of one name, by which their results are told apart.
private func requireDistinctNames(_ tasks: [PublishedTask]) throws {
  for (index, task) in tasks.enumerated() {
    guard let other = tasks[..<index].first(where: { $0.name == task.name }) else { continue }
    throw UpcycleError.usage(
      "is the name of two tasks", at: "\(task.file.path): task", expected: "another than in \(other.file.path)",
      found: task.name, hint: "name each file once, or score them by two commands")
  }
}

/// A task with its questions: everything is read and checked before the first is scored.
private struct AskedTask {
  let task: PublishedTask
  let shots: Int
  let data: TaskDocuments
  let questions: [TaskQuestion]

  init(_ task: PublishedTask, _ options: TaskOptions) throws {
    guard let split = task.scoredSplit else {
      throw UpcycleError("names no split to score", at: task.file.path, expected: "test_split or validation_split")
    }
    self.task = task
    data = try TaskDocuments(split, of: task, in: options.dataFolder)
    let given = try options.shots.file.map { try TaskDocuments($0, of: task).documents }
    shots = options.shots.count ?? given?.count ?? task.shots
    var pool = given
    if shots > 0, given == nil {
      pool = task.namedShotSplit == nil ? task.shotsConfig?["samples"]?.array : nil
      if pool == nil, let split = task.shotSplit {
        let others = try split == task.scoredSplit ? data : TaskDocuments(split, of: task, in: options.dataFolder)
        pool = others.documents
      }
    }
    questions = try task.questions(
      data, pool: pool, limit: options.limit, shots: shots, seed: options.seed,
      takesFirst: task.takesFirstExamples || (given != nil && options.shots.count == nil))
  }

  /// Refuses answers that leave the question none of a model's positions.
  func requireRoom(_ positions: Int) throws {
    let most = task.answerSettings.maximumTokens
    if task.form == .choice || (1..<positions).contains(most) { return }
    throw UpcycleError.usage(
      "leaves no room for the question", at: "\(task.file.path): generation_kwargs",
      expected: "answers of 1 to \(positions - 1) tokens, the model's positions", found: "\(most)")
  }

  /// Says how many documents have a right answer that is none of their choices: whatever is chosen is wrong. Refuses a
  /// task without any other.
  func checkAnswers() throws {
    if task.form == .generated { return }
    let strays = questions.filter { question in
      !question.right.contains { question.choices.indices.contains($0) }
    }
    guard let first = strays.first else { return }
    if strays.count == questions.count {
      throw UpcycleError(
        "no document has its right answer among its choices", at: task.file.path,
        expected: "a `doc_to_target` that is a choice or its number, from 0",
        found: "\(first.target.text()) at \(data.name(first.document))")
    }
    let share = "\(formatCount(strays.count)) of \(counted(questions.count, "document"))"
    printNote("note: \(task.name): \(share) have a right answer that is none of their choices")
  }

  /// The longest text that is read for each question, and how many tokens its answer may add.
  var reading: [(text: String, answerTokens: Int?)] {
    questions.map { question -> (text: String, answerTokens: Int?) in
      let texts = zip(question.contexts, question.continuations).map { $0 + $1 }
      let longest = texts.max { $0.utf8.count < $1.utf8.count } ?? question.contexts[0]
      return (longest, task.form == .generated ? task.answerSettings.maximumTokens : nil)
    }
  }
}

private func chosen(
  _ task: AskedTask, _ model: LanguageModel, _ tokenizer: Tokenizer, _ options: TaskOptions, progress: (Int) -> Void
) throws -> [TaskSample] {
  let pairs = task.questions.map { question in
    zip(question.contexts, question.continuations).map { tokenizer.split(context: $0, continuation: $1) }
  }
  let scores = try alternativeScores(
    model, pairs, tokensPerBatch: options.tokensPerBatch,
    place: { "task \(task.task.name), document \(task.questions[$0].document)" }, progress: progress)
  return zip(task.questions, scores).map { question, own in
    var sample = TaskSample(question, logLikelihoods: own)
    for metric in task.task.metrics {
      let lengths: [Double] = question.choices.map { choice in
        switch metric.kind {
        case .characters: Double(choice.unicodeScalars.count)
        case .bytes: Double(choice.utf8.count)
        case .accuracy, .exactMatch: 1
        }
      }
      let scores = zip(own, lengths).map { $0 / $1 }
      // The first of equals, as numpy's argmax.
      let best = scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
      sample.values["\(metric.kind.rawValue),none"] = question.right.contains(best) ? 1 : 0
    }
    return sample
  }
}

private func generated(
  _ task: AskedTask, _ model: LanguageModel, _ tokenizer: Tokenizer, _ options: TaskOptions, progress: (Int) -> Void
) throws -> [TaskSample] {
  let stops = task.task.answerSettings.stops ?? [task.task.shotDelimiter]
  let most = task.task.answerSettings.maximumTokens
  var samples: [TaskSample] = []
  while samples.count < task.questions.count {
    let batch = task.questions[samples.count..<min(samples.count + options.answersPerBatch, task.questions.count)]
    let texts = try greedyTexts(model, tokenizer, batch.map { ($0.contexts[0], stops) }, maximumTokens: most)
    for (question, text) in zip(batch, texts) {
      let answer = AnswerSettings.part(of: text, before: stops)
      var sample = TaskSample(question, answer: answer)
      for filter in task.task.filters {
        let filtered = filter.apply(answer)
        sample.filtered[filter.name] = filtered
        for metric in task.task.metrics {
          sample.values["\(metric.kind.rawValue),\(filter.name)"] =
            question.answers.contains { metric.matches(filtered, $0) } ? 1 : 0
        }
      }
      samples.append(sample)
    }
    progress(samples.count)
  }
  return samples
}
