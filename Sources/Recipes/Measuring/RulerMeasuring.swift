import Evaluation
import Foundation
import Groundwork
import LabKit
import ModelCore
import Worlds

/// Scores a model on RULER, task by task and length by length, shortest first.
///
/// Asked for one task, a length that is too short for it is an error; asked for several, it is noted in the report.
/// - Parameters:
///   - depths: places of the (first) needle in percent, nil for drawn ones.
///   - beyondPositions: take lengths beyond the model's `max_position_embeddings`.
///   - read: score the files of this folder instead of making samples (`RulerFiles`).
///   - write: keep the samples here, where no others are.
///   - predictions: keep the answers here, LENGTH/TASK.jsonl (`RulerPrediction`).
public func rulerReport(
  _ set: RulerSet, model folder: URL, tasks: [RulerTask], lengths: [Int], depths: [Double?] = [nil], samples count: Int,
  metric: RulerScore.Metric = .nvidia, beyondPositions: Bool = false, read: URL? = nil, write: URL? = nil,
  predictions: URL? = nil, quiet: Bool = true, progress report: (Int, Int) -> Void = { _, _ in }
) throws -> RulerReport {
  // A length that a task cannot fill costs no answers.
  if read == nil {
    for length in Set(lengths) {
      for task in tasks where set.shortestLength(task) <= length { _ = try set.samples(task, length: length, count: 1) }
    }
  }
  // Nor does a place that cannot be written.
  for case let place? in [write, predictions] { try makeDirectory(place) }
  let files = try read.map {
    try RulerFiles($0, tasks: tasks, lengths: lengths, count: count, tokenizer: set.tokenizer)
  }
  if let write {
    for length in Set(lengths) {
      for task in tasks where files != nil || set.shortestLength(task) <= length {
        try RulerFiles.requireNoOther(in: write, of: task, length, set.scale) {
          if let files { return files[task, length] }
          return try set.samples(task, length: length, count: count, depth: depths.first ?? nil)
        }
      }
    }
  }
  var config = try ModelConfig(contentsOf: folder)
  if beyondPositions { config.maxPosition = max(config.maxPosition, lengths.max() ?? 0, files?.longest ?? 0) }
  let model = try LanguageModel(config, weights: CheckpointReader(folder), file: folder.path)
  var scores = RulerReport(metric: metric)
  let total = files?.count ?? tasks.count * Set(lengths).count * depths.count * count
  let line = ProgressLine("ruler", total: total, quiet: quiet)
  var done = 0
  for length in Set(lengths).sorted() {
    for task in tasks {
      for depth in depths {
        let samples: [RulerSample]
        if let files {
          samples = files[task, length]
        } else if tasks.count > 1, set.shortestLength(task) > length {
          scores.tooShort[length, default: []].append(task.rawValue)
          done += count
          continue
        } else {
          samples = try set.samples(task, length: length, count: count, depth: depth)
        }
        if let write { try RulerFiles.write(samples, of: task, length, set.scale, to: write) }
        var answers: [RulerPrediction] = []
        let score = try evaluateRuler(
          model, set.tokenizer, samples, task: task.rawValue, length: length,
          answerTokens: set.scale.answerTokens(task), depth: depth,
          answered: { answers.append(RulerPrediction($0, answer: $1)) }
        ) { ready in
          line.update(done + ready, "samples  \(task.rawValue) \(length)")
          report(done + ready, total)
        }
        if let predictions {
          let place = predictions.appendingPathComponent("\(length)")
          try makeDirectory(place)
          try writeFile(JSONLines.text(answers), to: place.appendingPathComponent("\(task.rawValue).jsonl"))
        }
        scores.scores.append(score)
        done += samples.count
      }
    }
  }
  if let length = lengths.max(), scores.scores.isEmpty {
    throw UpcycleError.usage(
      "is too short for every one of these tasks", field: "lengths",
      expected: "\(tasks.map(set.shortestLength).min() ?? 0) tokens or more", found: "\(length)")
  }
  line.finish(counted(scores.scores.reduce(0) { $0 + $1.samples }, "sample"))
  return scores
}

/// Draws the heat map of tasks and lengths, or of a grid's depths and lengths; `script` is `figures/ruler.gp` or
/// `figures/needles.gp`.
public func drawRuler(_ report: RulerReport, with script: FigureScript, to svg: URL) throws {
  try script.draw(
    report.csv, to: svg,
    settings: [
      "tasks": report.tasks.joined(separator: " "), "lengths": report.lengths.map(String.init).joined(separator: " "),
    ])
}
