import Evaluation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData
import Worlds

/// What is asked of a model.
struct EvaluateParameters: StageParameters {
  var tasks: String
  var items: Int
  var shots: Int?
  /// What evicts keys and values (`h2o:15.6%`); nil: nothing.
  var cache: String?
  /// Of every task, whatever its metric, both accuracies; nil: no.
  var accuracies: Bool?

  enum CodingKeys: String, CodingKey, CaseIterable { case tasks, items, shots, cache, accuracies }
}

/// `evaluate`: microworld tasks, with `shots` solved exercises before every item, the cache evicted as `cache` says; metrics by task in percent, `avg`
/// over the tasks of choice and `avg_all` over all tasks (chosen and generated), with standard errors over items. Of
/// tasks of choice also `graded.TASK` and `graded.avg` (probability of the right choice, percent), `calibrated.…` (the
/// same at each task's best temperature) and `bits_per_byte.…` of the right choice; where `accuracies`
/// are asked for also `acc.TASK` and `acc_norm.TASK`. What every item came to is kept.
let evaluateStage = Stage(
  name: "evaluate", version: 1, parents: ["model"], parameters: EvaluateParameters.self, seeded: false,
  run: { context, parameters in
    let folder = try context.parent("model").folder
    let tokenizer = try Tokenizer.load(from: folder)
    let items = try TaskSelection(
      parameters.tasks, seed: MicroworldText.worldSeed, edition: Edition(of: tokenizer), items: parameters.items,
      shots: SolvedExamples(count: parameters.shots)
    ).items()
    let model = try LanguageModel(folder: folder)
    if let cache = parameters.cache { try model.evict(by: HeavyHitters(cache)) }
    let report = try evaluate(
      model: model, tokenizer: tokenizer, items: items
    ) { done in context.progress(done, of: items.count, "items") }
    try context.checkInterrupt()
    try writeFile(report.json(withItems: true).text(), to: context.folder.appendingPathComponent("report.json"))
    var metrics = Dictionary(uniqueKeysWithValues: report.tasks.map { ($0.task, Metric(percent: $0.score)) })
    if let average = report.average { metrics["avg"] = Metric(percent: average.score) }
    metrics["avg_all"] = AverageScore(report.tasks).map { Metric(percent: $0.score) }
    let graded = report.tasks.map { ($0.task, $0.graded) } + [("avg", report.average?.graded)]
    for case (let name, let score?) in graded {
      metrics["graded.\(name)"] = Metric(percent: score.score)
      metrics["calibrated.\(name)"] = Metric(percent: score.calibrated)
      metrics["bits_per_byte.\(name)"] = Metric(score.bitsPerByte.value, stderr: score.bitsPerByte.standardError)
    }
    if parameters.accuracies == true {
      for task in report.tasks {
        metrics["acc.\(task.task)"] = Metric(percent: task.accuracy)
        metrics["acc_norm.\(task.task)"] = task.normalisedAccuracy.map { Metric(percent: $0) }
      }
    }
    try context.keep(itemScores(items, report))
    return StageResult(metrics: metrics)
  })

/// What every item came to, task by task. Models are compared item by item where the items' ids, texts and answers are
/// the same.
private func itemScores(_ items: [TaskItem], _ report: EvaluationReport) -> [ItemScores] {
  report.tasks.map { task in
    let results = report.items.filter { $0.task == task.task }
    let graded = results.compactMap { $0.gradedScore() }
    let texts = items.filter { $0.task == task.task }.map { item in
      ([item.id, "\(item.answer ?? -1)", item.answerText ?? ""] + item.scoredTexts).joined(separator: "\u{1}")
    }
    let identity = String(sha256(texts.joined(separator: "\u{2}")).prefix(16))
    if task.metric.overlap != nil {
      return ItemScores(task: task.task, identity: identity, values: results.map { 100 * $0.points })
    }
    return ItemScores(
      task: task.task, identity: identity,
      isCorrect: results.map(\.counts), graded: graded.count == results.count ? graded : nil)
  }
}

extension Metric {
  /// A share in percent.
  init(percent share: Estimate) { self.init(100 * share.value, stderr: 100 * share.standardError) }
}
