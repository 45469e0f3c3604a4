import Evaluation
import Foundation
import Groundwork
import TokenData

/// A question as it is put to a model.
struct TaskQuestion {
  /// Number of its document in the split.
  var document: Int
  /// What is read before each alternative: the same text for all of them, except where the alternatives differ in
  /// their beginning (WinoGrande).
  var contexts: [String]
  /// What is scored after each context; empty for generated answers.
  var continuations: [String]
  /// The alternatives' texts, whose lengths divide their scores.
  var choices: [String]
  /// The right alternatives; outside of the choices where the document says so.
  var right: [Int]
  /// What a generated answer may be; empty for choices.
  var answers: [String]
  /// `doc_to_target` as the document gives it.
  var target: JSONValue
}

/// Question, choices and answer of every document of a split.
private struct TaskFields {
  let task: PublishedTask
  let documents: [JSONValue]
  let name: (Int) -> String
  private let texts: [JSONValue]
  private let choices: [JSONValue]
  private let targets: [JSONValue]

  init(_ task: PublishedTask, _ documents: [JSONValue], name: @escaping (Int) -> String) throws {
    self.task = task
    self.documents = documents
    self.name = name
    texts = try task.field("doc_to_text", of: documents, name: name)
    choices = try task.field("doc_to_choice", of: documents, name: name)
    targets = try task.field("doc_to_target", of: documents, name: name)
  }

  /// The question is a number: the alternatives are its beginnings, the number the right one.
  var hasSeveralContexts: Bool { texts.first?.int != nil }

  func choices(_ index: Int) throws -> [String] {
    if choices.isEmpty { return [] }
    let list = choices[index].array ?? []
    let texts = list.compactMap(\.string)
    guard texts.count == list.count, texts.count > 1 else {
      throw UpcycleError("`doc_to_choice` gives no two texts", at: name(index), found: choices[index].text())
    }
    return texts
  }

  func text(_ index: Int) throws -> String {
    if let text = texts[index].string { return text }
    guard hasSeveralContexts, let number = texts[index].int else {
      throw UpcycleError("`doc_to_text` gives no text", at: name(index), found: texts[index].text())
    }
    let choices = try choices(index)
    guard choices.indices.contains(number) else {
      throw UpcycleError("`doc_to_text` is no choice's number", at: name(index), found: "\(number)")
    }
    return choices[number]
  }

  func target(_ index: Int) -> JSONValue { targets[index] }

  /// The number of a choice; true and false are Python's 1 and 0.
  private static func number(_ value: JSONValue) -> Int? { value.int ?? value.bool.map { $0 ? 1 : 0 } }

  /// As a solved example writes it.
  func answer(_ index: Int) throws -> String {
    let target = targets[index].array?.first ?? targets[index]
    if let number = Self.number(target) {
      let choices = hasSeveralContexts ? [] : try choices(index)
      if choices.indices.contains(number) { return choices[number] }
    }
    return target == .null ? "" : pythonText(target)
  }

  /// What a generated answer may be: the target's texts, or the choice whose number it is.
  func answers(_ index: Int) throws -> [String] {
    let target = targets[index]
    let texts = try choices(index)
    if texts.isEmpty { return (target.array ?? [target]).map(pythonText) }
    guard let number = Self.number(target), texts.indices.contains(number) else {
      throw UpcycleError(
        "`doc_to_target` is no choice's number", at: name(index), expected: "0 to \(texts.count - 1)",
        found: target.text(), hint: "without `doc_to_choice` the target is the answer itself")
    }
    return [texts[number]]
  }

  /// Numbers of the right choices.
  func right(_ index: Int) throws -> [Int] {
    let choices = try choices(index)
    let target = hasSeveralContexts ? texts[index] : targets[index]
    return (target.array ?? [target]).map { value in
      Self.number(value) ?? choices.firstIndex { value.string?.utf8.elementsEqual($0.utf8) == true } ?? -1
    }
  }
}

extension PublishedTask {
  /// The questions of the scored split, each behind its solved examples, as lm-evaluation-harness puts them.
  /// - Parameters:
  ///   - limit: at most so many, from the first on
  ///   - shots: solved examples before each
  ///   - seed: of their choice
  ///   - takesFirst: they are the first of the pool
  func questions(
    _ data: TaskDocuments, pool: [JSONValue]?, limit: Int?, shots: Int, seed: Int, takesFirst: Bool
  ) throws -> [TaskQuestion] {
    let documents = Array(data.documents.prefix(limit ?? data.documents.count))
    let fields = try TaskFields(self, documents, name: data.name)
    let pooled = try pool.map { try TaskFields(self, $0) { "\(file.path): example \($0)" } }
    let description = try text("description").map {
      try DocumentTemplate($0, at: "\(file.path): description").texts(documents, name: data.name)
    }
    var random = PythonRandom(seed: seed)
    return try documents.indices.map { index in
      var before = description?[index] ?? ""
      if shots > 0, let pooled {
        for example in try examples(shots, for: documents[index], of: pooled.documents, takesFirst, &random) {
          let (question, answer) = (try pooled.text(example), try pooled.answer(example))
          before += question + (answer.isEmpty ? "" : targetDelimiter + answer + shotDelimiter)
        }
      }
      return try question(index, before, fields)
    }
  }

  private func question(_ index: Int, _ before: String, _ fields: TaskFields) throws -> TaskQuestion {
    let target = fields.target(index)
    guard form == .choice else {
      return TaskQuestion(
        document: index, contexts: [before + (try fields.text(index))], continuations: [], choices: [], right: [],
        answers: try fields.answers(index), target: target)
    }
    let choices = try fields.choices(index)
    if choices.contains(where: \.isEmpty), metrics.contains(where: { $0.kind != .accuracy }) {
      throw UpcycleError(
        "an empty choice has no length to divide its score by",
        at: "\(fields.name(index)): task \(name), document \(index)",
        found: JSONValue.array(choices.map { .string($0) }).text(),
        hint: "a `metric_list` of acc alone divides nothing")
    }
    let several = fields.hasSeveralContexts
    let contexts = several ? choices.map { before + $0 } : [before + (try fields.text(index))]
    let ending = pythonText(target)
    return TaskQuestion(
      document: index, contexts: several ? contexts : choices.map { _ in contexts[0] },
      continuations: several ? choices.map { _ in targetDelimiter + ending } : choices.map { targetDelimiter + $0 },
      choices: choices, right: try fields.right(index), answers: [], target: target)
  }

  /// Numbers of the examples before a question.
  private func examples(
    _ count: Int, for document: JSONValue, of pool: [JSONValue], _ takesFirst: Bool, _ random: inout PythonRandom
  ) throws -> [Int] {
    func refuse() -> UpcycleError {
      .usage(
        "too few documents to choose examples from", at: file.path, expected: "more than \(count)",
        found: "\(pool.count)")
    }
    if count > pool.count { throw refuse() }
    let isOther: (Int) -> Bool = { !excludesQuestion || pool[$0] != document }
    if takesFirst {
      let first = pool.indices.filter(isOther).prefix(count)
      if first.count < count { throw refuse() }
      return Array(first)
    }
    let drawn = count + (excludesQuestion ? 1 : 0)
    if drawn > pool.count { throw refuse() }
    let chosen = random.sample(drawn, of: pool.count).filter(isOther).prefix(count)
    if chosen.count == count { return Array(chosen) }
    // Several copies of the question were drawn.
    let others = pool.indices.filter(isOther)
    if others.count < count { throw refuse() }
    return random.sample(count, of: others.count).map { others[$0] }
  }
}
