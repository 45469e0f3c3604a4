import Evaluation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData

/// `evaluate`: microworld tasks, with `shots` solved exercises before every item; metrics by task in percent, `avg`
/// over the tasks of choice and `avg_all` over all tasks (chosen and generated), with standard errors over items.
let evaluateStage = Stage(
  name: "evaluate", version: 1, parents: ["model"], parameters: ["tasks", "items", "shots"], seeded: false,
  run: { context in
    let parameters = StageParameters(context.config)
    let folder = try context.parent("model").folder
    let items = try TaskSelection(
      parameters.string("tasks"), seed: MicroworldText.worldSeed, items: parameters.int("items"),
      shots: parameters.optional("shots") { $0.int } ?? 0
    ).items()
    let report = try evaluate(
      model: try LanguageModel(folder: folder), tokenizer: try Tokenizer.load(from: folder), items: items
    ) { done in context.progress(done, of: items.count, "items") }
    try context.checkInterrupt()
    try writeFile(report.json(withItems: true).text(), to: context.folder.appendingPathComponent("report.json"))
    func percent(_ score: Estimate) -> Metric { Metric(100 * score.value, stderr: 100 * score.standardError) }
    var metrics = Dictionary(uniqueKeysWithValues: report.tasks.map { ($0.task, percent($0.score)) })
    if let average = report.average { metrics["avg"] = percent(average.score) }
    metrics["avg_all"] = AverageScore(report.tasks).map { percent($0.score) }
    return StageResult(metrics: metrics)
  })
