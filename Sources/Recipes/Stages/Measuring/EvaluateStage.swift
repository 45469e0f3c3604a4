import Evaluation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData

/// What is asked of a model.
struct EvaluateParameters: StageParameters {
  var tasks: String
  var items: Int
  var shots: Int?

  enum CodingKeys: String, CodingKey, CaseIterable { case tasks, items, shots }
}

/// `evaluate`: microworld tasks, with `shots` solved exercises before every item; metrics by task in percent, `avg`
/// over the tasks of choice and `avg_all` over all tasks (chosen and generated), with standard errors over items.
let evaluateStage = Stage(
  name: "evaluate", version: 1, parents: ["model"], parameters: EvaluateParameters.self, seeded: false,
  run: { context, parameters in
    let folder = try context.parent("model").folder
    let items = try TaskSelection(
      parameters.tasks, seed: MicroworldText.worldSeed, items: parameters.items, shots: parameters.shots ?? 0
    ).items()
    let report = try evaluate(
      model: try LanguageModel(folder: folder), tokenizer: try Tokenizer.load(from: folder), items: items
    ) { done in context.progress(done, of: items.count, "items") }
    try context.checkInterrupt()
    try writeFile(report.json(withItems: true).text(), to: context.folder.appendingPathComponent("report.json"))
    var metrics = Dictionary(uniqueKeysWithValues: report.tasks.map { ($0.task, Metric(percent: $0.score)) })
    if let average = report.average { metrics["avg"] = Metric(percent: average.score) }
    metrics["avg_all"] = AverageScore(report.tasks).map { Metric(percent: $0.score) }
    return StageResult(metrics: metrics)
  })

extension Metric {
  /// A share in percent.
  init(percent share: Estimate) { self.init(100 * share.value, stderr: 100 * share.standardError) }
}
