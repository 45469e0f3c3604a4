import Evaluation
import Foundation
import Groundwork
import LabKit
import ModelCore
import TokenData
import Worlds

/// Which of RULER's tasks, at which lengths in tokens.
struct RulerParameters: StageParameters {
  /// all, or a list of names.
  var tasks: String
  var lengths: [Int]
  var samples: Int

  enum CodingKeys: String, CodingKey, CaseIterable { case tasks, lengths, samples }
}

/// `ruler`: RULER at the given lengths, also beyond the model's positions. Metrics: the average of each length by its
/// number of tokens (`512`), `needles_512` and `others_512` (the eight needle tasks and the other five, where any of
/// them fits), every task as `vt_512`, and `avg` over the lengths, in percent.
let rulerStage = Stage(
  name: "ruler", version: 1, parents: ["model"], parameters: RulerParameters.self, seeded: false,
  run: { context, parameters in
    let report = try measure(
      in: context, tasks: parameters.tasks, lengths: parameters.lengths, samples: parameters.samples)
    try writeFile(report.csv.text, to: context.folder.appendingPathComponent("ruler.csv"))
    return StageResult(metrics: rulerMetrics(report))
  })

/// One needle task, with its needle at a depth in percent.
struct NeedlesParameters: StageParameters {
  var task: String
  var lengths: [Int]
  var depth: Double
  var samples: Int

  enum CodingKeys: String, CodingKey, CaseIterable { case task, lengths, depth, samples }
}

/// `needles`: one needle task with its needle at one `depth` in percent (HyLo's Figure 2). Metrics: percent found by
/// length in tokens (`512`).
let needlesStage = Stage(
  name: "needles", version: 1, parents: ["model"], parameters: NeedlesParameters.self, seeded: false,
  run: { context, parameters in
    if !(0...100).contains(parameters.depth) {
      throw UpcycleError.usage(
        "is out of range", field: "depth", expected: "0 to 100 percent", found: "\(parameters.depth)")
    }
    let report = try measure(
      in: context, tasks: parameters.task, lengths: parameters.lengths, depth: parameters.depth,
      samples: parameters.samples)
    return StageResult(
      metrics: Dictionary(
        uniqueKeysWithValues: report.scores.map { ("\($0.length)", Metric(percent: $0.score(report.metric))) }))
  })

/// The scores of a stage's model, also beyond its positions.
private func measure(
  in context: StageContext, tasks: String, lengths: [Int], depth: Double? = nil, samples: Int
) throws -> RulerReport {
  let folder = try context.parent("model").folder
  let tokenizer = try Tokenizer.load(from: folder)
  let set = RulerSet(world: try MicroworldText(for: tokenizer).world, tokenizer: tokenizer)
  let report = try rulerReport(
    set, model: folder, tasks: try RulerTask.list(tasks), lengths: lengths, depths: [depth], samples: samples,
    beyondPositions: true
  ) { done, total in context.progress(done, of: total, "samples") }
  try context.checkInterrupt()
  return report
}

private func rulerMetrics(_ report: RulerReport) -> [String: Metric] {
  var metrics: [String: Metric] = [:]
  for score in report.scores {
    metrics["\(score.task)_\(score.length)"] = Metric(percent: score.score(report.metric))
  }
  for length in report.lengths {
    let scores = report.scores.filter { $0.length == length }
    for (group, isMember) in [("needles", { $0.hasPrefix("niah") }), ("others", { !$0.hasPrefix("niah") })]
      as [(String, (String) -> Bool)]
    {
      let part = RulerReport(scores: scores.filter { isMember($0.task) }, metric: report.metric)
      if let average = part.average(length: length) { metrics["\(group)_\(length)"] = Metric(percent: average) }
    }
    if let average = report.average(length: length) { metrics["\(length)"] = Metric(percent: average) }
  }
  let averages = report.lengths.compactMap { report.average(length: $0)?.value }
  metrics["avg"] = Metric(100 * averages.reduce(0, +) / Double(max(1, averages.count)))
  return metrics
}
