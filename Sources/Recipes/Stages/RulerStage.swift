import Evaluation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData

/// `ruler`: RULER at the given lengths, also beyond the model's positions; `tasks` is all or a list of names. Metrics:
/// the average of each length by its number of tokens (`512`), `needles_512` and `others_512` (the eight needle tasks
/// and the other five, where any of them fits), every task as `vt_512`, and `avg` over the lengths, in percent.
let rulerStage = Stage(
  name: "ruler", version: 1, parents: ["model"], parameters: ["tasks", "lengths", "samples"], seeded: false,
  run: { context in
    let parameters = StageParameters(context.config)
    let folder = try context.parent("model").folder
    let lengths = try counts(parameters.spelled("lengths"))
    let set = RulerSet(world: World(seed: MicroworldText.worldSeed), tokenizer: try Tokenizer.load(from: folder))
    let report = try rulerReport(
      set, model: folder, tasks: try RulerTask.list(parameters.string("tasks")), lengths: lengths,
      samples: parameters.int("samples"), beyondPositions: true
    ) { done, total in context.progress(done, of: total, "samples") }
    try context.checkInterrupt()
    try writeFile(report.csv.text, to: context.folder.appendingPathComponent("ruler.csv"))
    return StageResult(metrics: rulerMetrics(report))
  })

/// `needles`: one needle task with its needle at one `depth` in percent (HyLo's Figure 2). Metrics: percent found by
/// length in tokens (`512`).
let needlesStage = Stage(
  name: "needles", version: 1, parents: ["model"], parameters: ["task", "lengths", "depth", "samples"], seeded: false,
  run: { context in
    let parameters = StageParameters(context.config)
    let folder = try context.parent("model").folder
    let set = RulerSet(world: World(seed: MicroworldText.worldSeed), tokenizer: try Tokenizer.load(from: folder))
    let report = try rulerReport(
      set, model: folder, tasks: try RulerTask.list(parameters.string("task")),
      lengths: counts(parameters.spelled("lengths")),
      depths: [parameters.double("depth")], samples: parameters.int("samples"), beyondPositions: true
    ) { done, total in context.progress(done, of: total, "samples") }
    try context.checkInterrupt()
    return StageResult(
      metrics: Dictionary(
        uniqueKeysWithValues: report.scores.map { ("\($0.length)", percent($0.score(report.metric))) }))
  })

private func percent(_ score: Estimate) -> Metric { Metric(100 * score.value, stderr: 100 * score.standardError) }

private func rulerMetrics(_ report: RulerReport) -> [String: Metric] {
  var metrics: [String: Metric] = [:]
  for score in report.scores { metrics["\(score.task)_\(score.length)"] = percent(score.score(report.metric)) }
  for length in report.lengths {
    let scores = report.scores.filter { $0.length == length }
    for (group, isMember) in [("needles", { $0.hasPrefix("niah") }), ("others", { !$0.hasPrefix("niah") })]
      as [(String, (String) -> Bool)]
    {
      let part = RulerReport(scores: scores.filter { isMember($0.task) }, metric: report.metric)
      if let average = part.average(length: length) { metrics["\(group)_\(length)"] = percent(average) }
    }
    if let average = report.average(length: length) { metrics["\(length)"] = percent(average) }
  }
  let averages = report.lengths.compactMap { report.average(length: $0)?.value }
  metrics["avg"] = Metric(100 * averages.reduce(0, +) / Double(max(1, averages.count)))
  return metrics
}

private func counts(_ text: String) throws -> [Int] {
  try text.split(separator: ",").map {
    guard let count = Int($0) else { throw UpcycleError.usage("is not a list of numbers", at: "ruler", found: text) }
    return count
  }
}
