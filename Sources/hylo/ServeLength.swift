import ArgumentParser
import Commands
import Evaluation
import Foundation
import Groundwork
import ModelCore

/// `hylo serve-length`: how long a context fits, and how fast it is.
struct ServeLength: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve-length",
    abstract: "Finds the longest context that fits into an amount of memory, and times prefill and decoding up to it.",
    discussion: """
      The longest context follows from exact accounting of weights, states, cache and the working memory of a step, \
      and is verified by decoding there. Decoding starts from caches of random numbers, as in the papers' protocol; \
      prompts are really read up to --prefill-up-to. Beyond the positions that a model was trained for only speed \
      means anything.

      Example:
        hylo serve-length --model runs/hylo-2k \\
          --vs experiments/teachers/nano-1b-seed1 --budget 2GiB
      """)

  @Option(help: "Model folder.") var model: String
  @Option(help: "Another model to set beside it.") var vs: String?
  @Option(help: "Memory for everything, such as 2GiB or 512MiB.") var budget: String
  @Option(help: "Prompt tokens read at once.") var chunk = 512
  @Option(help: "Decoding steps per length.") var tokens = 4
  @Option(help: "Longest prompt that is read for its time, such as 64k.") var prefillUpTo = "16k"
  @Flag(help: "No longer than the model's positions.") var withinPositions = false
  @Option(help: "Write the times as CSV.") var csv: String?
  @Flag(help: "No progress on standard error.") var quiet = false
  @Flag(help: "Print the measurements as JSON.") var json = false

  func run() throws { runReportingErrors { try measure() } }

  private func measure() throws {
    var plan = ServeLengthPlan(budget: try parsedBytes(budget, "--budget"))
    plan.longestPrefill = try parsedCount(prefillUpTo, "--prefill-up-to", such: "16k")
    (plan.chunk, plan.newTokens, plan.withinPositions) = (chunk, tokens, withinPositions)
    let table = try csv.map { try outputFile($0, "--csv", replacing: "csv") }
    Interrupt.listen()
    let folders = [model] + (vs.map { [$0] } ?? [])
    // What cannot be opened costs no measurement.
    for folder in folders { _ = try ModelConfig(contentsOf: URL(fileURLWithPath: folder, isDirectory: true)) }
    let reports = try folders.map { folder in
      let url = URL(fileURLWithPath: folder, isDirectory: true)
      return try measureServeLength(named: url.lastPathComponent, plan, progress: show) {
        try LanguageModel(folder: url)
      }
    }
    // Neither a file that cannot be written nor a closed pipe costs the other.
    let written = Result {
      guard let table else { return }
      try writeFile(ServeLengthReport.csv(reports).text, to: table)
      sayWritten(table)
    }
    if json { try printResult(jsonText(reports, pretty: true, snakeCase: true)) } else { try show(reports, plan) }
    try written.get()
  }

  private func show(_ reports: [ServeLengthReport], _ plan: ServeLengthPlan) throws {
    for report in reports { try printResult(report.text(plan)) }
    if reports.count == 2, let ours = reports[0].budget.longest, let theirs = reports[1].budget.longest {
      try printResult(
        "\(reports[0].model) holds \(String(format: "%.1f", Double(ours) / Double(theirs))) times the context of \(reports[1].model)"
      )
    }
  }

  private func show(_ what: String) throws {
    if Interrupt.isRaised { throw Interrupted(keepsNothing: true) }
    if !quiet { printNote("serve-length \(what)") }
  }
}
