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
      The longest context follows from exact accounting of weights, states, cache and the working memory of a step, and
      is verified by decoding there. Decoding starts from caches of random numbers, as in the papers' protocol; prompts
      are really read up to --prefill-up-to. Beyond the positions that a model was trained for only speed means anything.

      Example: hylo serve-length --model runs/hylo-2k --vs experiments/teachers/nano-1b-seed1 --budget 2GiB
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
    guard let bytes = parseBytes(budget), bytes > 0 else {
      throw UpcycleError.usage(
        "is not an amount of memory", at: "--budget", expected: "such as 2GiB or 512MiB", found: budget)
    }
    guard let longestPrefill = parseCount(prefillUpTo) else {
      throw UpcycleError.usage("is not a number", at: "--prefill-up-to", expected: "such as 16k", found: prefillUpTo)
    }
    var plan = ServeLengthPlan(budget: bytes)
    (plan.chunk, plan.newTokens, plan.longestPrefill, plan.withinPositions) = (
      chunk, tokens, longestPrefill, withinPositions
    )
    Interrupt.listen()
    let folders = [model] + (vs.map { [$0] } ?? [])
    let reports = try folders.map { folder in
      let url = URL(fileURLWithPath: folder, isDirectory: true)
      return try measureServeLength(named: url.lastPathComponent, plan, progress: show) {
        try LanguageModel(folder: url)
      }
    }
    if let csv {
      try writeFile(ServeLengthReport.csv(reports).text, to: URL(fileURLWithPath: csv))
    }
    if json {
      return try printResult(jsonText(reports, pretty: true, snakeCase: true))
    }
    for report in reports { try printResult(text(report)) }
    if reports.count == 2, let ours = reports[0].budget.longest, let theirs = reports[1].budget.longest {
      try printResult(
        "\(reports[0].model) holds \(String(format: "%.1f", Double(ours) / Double(theirs))) times the context of \(reports[1].model)"
      )
    }
  }

  private func show(_ what: String) throws {
    try Interrupt.check()
    if !quiet { printNote("serve-length \(what)") }
  }

  private func text(_ report: ServeLengthReport) -> String {
    func cell(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    let budget = report.budget
    var lines = [
      report.model,
      "  weights   \(formatCount(budget.weightBytes)) bytes",
      "  states    \(formatCount(budget.stateBytes)) bytes",
      "  working   \(formatCount(budget.workingBytes)) bytes (prefill chunks of \(chunk) tokens)",
      "  cache     \(formatCount(budget.cacheBytesPerToken)) bytes per token",
      "  longest   \(budget.longest.map { formatCount($0) + " tokens" } ?? "without limit") in \(formatCount(budget.budgetBytes)) bytes"
        + (report.isVerified ? ", verified" : ": NOT verified, a measured peak is above it"),
    ]
    if let positions = budget.positions, (report.points.last?.context ?? 0) > positions {
      lines.append("  note: this model has \(formatCount(positions)) positions; beyond them only speed means anything")
    }
    lines.append("     context   prefill s   decode ms/token      peak bytes")
    for point in report.points {
      lines.append(
        cell(formatCount(point.context), 12) + cell(point.prefillSeconds.map { String(format: "%.3f", $0) } ?? "-", 12)
          + cell(String(format: "%.3f", point.decodeMilliseconds), 18) + cell(formatCount(point.peakBytes), 16))
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
