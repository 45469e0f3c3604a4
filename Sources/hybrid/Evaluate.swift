import ArgumentParser
import Commands
import Evaluation
import Foundation
import Groundwork
import ModelCore
import TokenData

/// `hybrid evaluate`: task scores.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Scores a model on tasks: the microworld's, or any task file.",
    discussion: """
      --tasks: a list of task names and JSON Lines files; all stands for the nine tasks of choice and the word \
      problems. Tasks of the microworld are made from its seed: \
      \(MicroworldTask.allCases.map(\.rawValue).joined(separator: ", ")). Multiple choice compares the choices' \
      log-probabilities (acc_norm: divided by their byte lengths); word problems are generated greedily, and so are \
      programs and edits (little programs on numbers and on words), which are run on test inputs. The average is \
      over the multiple-choice tasks. --shots puts solved exercises before every item; quiz:5 in the list gives one \
      task its own number.

      --cache h2o:15.6% evicts as H2O does: every head keeps that share of a sequence's tokens, half of it the most \
      recent, half those that most attention was paid to.

      Example:
        hybrid evaluate --model runs/mla-sft --tasks all --items 200
        hybrid evaluate --model runs/far-kd --tasks all,programs,edits
        hybrid evaluate --model runs/mla-sft \\
          --tasks combine:5,endings:2,quiz:1,claims
        hybrid evaluate --model runs/mla-sft --tasks recall,mine.jsonl \\
          --out mla.json --against teacher.json
        hybrid evaluate --model runs/babyllama --cache h2o:15.6%
      """)

  @OptionGroup var model: ModelOption
  @Option(help: "Names and files, separated by commas.") var tasks = "all"
  @Option(help: "Items per task (a file: at most).") var items = 200
  @Option(help: "Solved exercises before every item (few-shot).") var shots = 0
  @Option(help: "Which set of items of the microworld: a, b, ...") var set = "a"
  @Option(help: "Evict keys and values: h2o:PERCENT% (default: keep all).") var cache: String?
  @Option(help: "Seed of the microworld.") var seed: UInt64 = 1
  @Flag(help: "Print the scores as JSON.") var json = false
  @Option(help: "File for the scores and every item's result, as JSON.") var out: String?
  @Option(help: "A file written with --out: print the paired difference of each task to it.") var against: String?
  @Flag(help: "No progress on standard error.") var quiet = false

  func run() throws { runReportingErrors { try score() } }

  private func score() throws {
    if items < 1 { throw UpcycleError.usage("no items", at: "--items", expected: "1 or more", found: "\(items)") }
    let file = try out.map { try outputFile($0, "--out", replacing: "json") }
    let baseline = try against.map { try EvaluationReport(contentsOf: URL(fileURLWithPath: $0)) }
    let chosen = try TaskSelection(tasks, seed: seed, set: set, items: items, shots: shots).items()
    let heavyHitters = try cache.map { try HeavyHitters($0) }
    let (model, tokenizer) = try self.model.loadWithTokenizer()
    if let heavyHitters { try model.evict(by: heavyHitters) }
    let progress = ProgressLine("evaluate", total: chosen.count, quiet: quiet || json)
    let report = try evaluate(model: model, tokenizer: tokenizer, items: chosen) { progress.update($0, "items") }
    progress.finish("\(formatCount(chosen.count)) items")
    if let file { try writeFile(try report.json(withItems: true).text(pretty: true) + "\n", to: file) }
    try printResult(json ? report.json(withItems: false).text(pretty: true) : report.table)
    if let file { sayWritten(file) }
    if let baseline { try printComparison(baseline, report) }
  }

  private func printComparison(_ first: EvaluationReport, _ second: EvaluationReport) throws {
    if json { return }
    try printResult("\npaired with \(against ?? "")")
    for task in second.tasks where first[task.task] != nil {
      let paired = try PairedComparison(
        first.items.filter { $0.task == task.task }, second.items.filter { $0.task == task.task })
      try printResult(
        String(
          format: "%@  %+.1f +- %.1f points  (%d won, %d lost of %d, p %.3f)",
          task.task.padding(toLength: 12, withPad: " ", startingAt: 0), 100 * paired.difference.value,
          100 * paired.difference.standardError, paired.onlySecond, paired.onlyFirst, paired.items, paired.pValue))
    }
  }
}
