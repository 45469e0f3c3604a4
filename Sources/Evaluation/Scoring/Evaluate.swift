import Groundwork
import ModelCore
import TokenData
import Worlds

/// How items are scored.
public struct EvaluationOptions: Sendable {
  /// Tokens per model call.
  public var tokensPerBatch = 1024
  /// Longest generated answer.
  public var maximumAnswerTokens = 80
  /// Answers generated side by side, of short prompts.
  public var answersPerBatch = 128
  /// Of longer prompts so many fewer that they have at most these bytes.
  public var promptBytesPerBatch = 48_000

  /// The defaults.
  public init() {}
}

/// Scores task items: every alternative by the sum of its tokens' log-probabilities after the context
/// (partial scoring where an item has several contexts and one ending), generated answers greedily until
/// the item's stop text.
///
/// Deterministic; a task's scores do not depend on which other tasks are scored beside it.
/// - Parameter progress: called with the number of items done.
/// - Throws: when there are no items, the tokenizer does not fit the model, or an item cannot be scored.
public func evaluate(
  model: LanguageModel, tokenizer: Tokenizer, items: [TaskItem], options: EvaluationOptions = .init(),
  progress: (Int) -> Void = { _ in }
) throws -> EvaluationReport {
  if items.isEmpty { throw UpcycleError.usage("no items to evaluate") }
  try requireMatch(model.config, tokenizer)
  var tasks: [String] = []
  var byTask: [String: [TaskItem]] = [:]
  for item in items {
    if byTask[item.task] == nil { tasks.append(item.task) }
    byTask[item.task, default: []].append(item)
  }
  var results: [ItemResult] = []
  for task in tasks {
    let items = byTask[task]!
    let done = results.count
    if items.contains(where: { $0.metric != items[0].metric }) {
      throw UpcycleError("mixes metrics within one task", at: "task \(task)")
    }
    if items[0].metric.isGenerated {
      results += try generateAnswers(model, tokenizer, items, options) { progress(done + $0) }
    } else {
      results += try scoreChoices(model, tokenizer, items, options) { progress(done + $0) }
    }
    progress(results.count)
  }
  return EvaluationReport(results)
}

/// Refuses a tokenizer with ids that the model's embedding does not have.
public func requireMatch(_ config: ModelConfig, _ tokenizer: Tokenizer, at location: String? = nil) throws {
  if tokenizer.vocabularySize > config.vocabularySize {
    throw UpcycleError(
      "the tokenizer does not match the model", at: location, expected: "at most \(config.vocabularySize) tokens",
      found: "\(tokenizer.vocabularySize)", hint: "use the tokenizer the model was trained with")
  }
}

// MARK: - Multiple choice

private func scoreChoices(
  _ model: LanguageModel, _ tokenizer: Tokenizer, _ items: [TaskItem], _ options: EvaluationOptions,
  progress: (Int) -> Void
) throws -> [ItemResult] {
  let scores = try alternativeScores(
    model, items.map { try alternatives($0, tokenizer) }, tokensPerBatch: options.tokensPerBatch,
    place: { "task \(items[$0].task), item \(items[$0].id)" }, progress: progress)
  return zip(items, scores).map { result($0, scores: $1) }
}

/// Context and continuation ids of each alternative of an item.
private func alternatives(_ item: TaskItem, _ tokenizer: Tokenizer) throws -> [(
  context: [Int32], continuation: [Int32]
)] {
  let texts =
    item.contexts.map { contexts in contexts.map { ($0, item.choices?.first ?? "") } }
    ?? (item.choices ?? []).map { (item.context, $0) }
  let pairs = texts.map { tokenizer.split(context: $0.0, continuation: $0.1) }
  if pairs.count < 2 || pairs.contains(where: { $0.context.isEmpty || $0.continuation.isEmpty }) {
    throw UpcycleError(
      "cannot be scored", at: "task \(item.task), item \(item.id)", expected: "a context and two or more choices",
      hint: "an empty context needs a tokenizer with a beginning token")
  }
  return pairs
}

private func result(_ item: TaskItem, scores: [Double]) -> ItemResult {
  let endings = item.contexts == nil ? item.choices ?? [] : scores.map { _ in item.choices?.first ?? "" }
  let texts = endings.map { $0.unicodeScalars.drop { $0 == " " } }
  let (bytes, characters) = (texts.map { max(1, String($0).utf8.count) }, texts.map { max(1, $0.count) })
  func right(dividingBy lengths: [Int]) -> Bool { best(zip(scores, lengths).map { $0 / Double($1) }) == item.answer }
  return ItemResult(
    task: item.task, id: item.id, logLikelihoods: scores, endingBytes: bytes, endingCharacters: characters,
    answer: item.answer, isCorrect: best(scores) == item.answer,
    isCorrectNormalised: right(dividingBy: characters),
    isCorrectByBytes: right(dividingBy: bytes), generated: nil, metric: item.metric,
    chance: 1 / Double(scores.count), questionHash: item.questionHash)
}

extension TaskItem {
  /// Of the question without the solved examples before it, and of its answers: 64 bits of SHA-256.
  fileprivate var questionHash: String {
    let texts = (contexts ?? [context]).map { String(decoding: $0.utf8.dropFirst(bytesBefore), as: UTF8.self) }
    let parts = texts + (choices ?? []) + [answerText ?? ""]
    return String(sha256(parts.joined(separator: "\u{0}")).prefix(16))
  }
}

/// Index of the largest value, the first of equals.
private func best(_ values: [Double]) -> Int { values.indices.max { values[$0] < values[$1] } ?? 0 }

// MARK: - Generated answers

/// Refuses generated answers that alone would fill the positions of a model: its answers would follow from the last word of a
/// question. Experiments whose windows are so short by design do without.
public func requireRoomForQuestions(
  _ items: [TaskItem], _ config: ModelConfig, maximumTokens: Int = EvaluationOptions().maximumAnswerTokens
) throws {
  if config.readablePositions > maximumTokens || items.allSatisfy({ !$0.metric.isGenerated }) { return }
  throw UpcycleError.usage(
    "have no room for a question beside the answer", at: "the model's positions",
    expected: "more than the answer's \(maximumTokens) tokens", found: "\(config.readablePositions)")
}

private func generateAnswers(
  _ model: LanguageModel, _ tokenizer: Tokenizer, _ items: [TaskItem], _ options: EvaluationOptions,
  progress: (Int) -> Void
) throws -> [ItemResult] {
  var results: [ItemResult] = []
  while results.count < items.count {
    var bytes = 0
    let batch = items[results.count...].prefix(options.answersPerBatch).prefix { item in
      bytes += item.context.utf8.count
      return bytes <= options.promptBytesPerBatch || bytes == item.context.utf8.count
    }
    let texts = try greedyTexts(
      model, tokenizer, batch.map { ($0.context, $0.stop.map { [$0] } ?? []) },
      maximumTokens: options.maximumAnswerTokens)
    for (item, text) in zip(batch, texts) {
      let right = item.accepts(generated: text)
      results.append(
        ItemResult(
          task: item.task, id: item.id, logLikelihoods: [], isCorrect: right, isCorrectNormalised: right,
          generated: text, metric: item.metric, chance: 0, credit: item.credit(generated: text),
          questionHash: item.questionHash))
    }
    progress(results.count)
  }
  return results
}
