import ArgumentParser
import Commands
import Evaluation
import Foundation
import Groundwork
import LabKit
import ModelCore
import Recipes

/// `hybrid throughput`: speed and memory of decoding.
struct Throughput: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Times prefill and decoding and counts the cache's bytes.",
    discussion: """
      Without --contexts one point: a prompt is read and continued. With --contexts (or several batch sizes) a sweep \
      of decoding, each point from a cache of random numbers as in the papers' protocol, or from a real prefill with \
      --prefill; --vs adds a second model to every point. With --requests texts are served together as they arrive: \
      a request joins when a slot and pages of the cache are free, leaves after its last token, and is told its time \
      to the first token and per token after it.

      Example:
        hybrid throughput --model runs/mla-sft --batch 8 --prompt 128 --tokens 64 \\
          --json
        hybrid throughput --model runs/zebra --requests requests.jsonl --slots 8 \\
          --pool 64MiB --csv served.csv
        hybrid throughput --model runs/zebra --vs runs/babyllama \\
          --contexts 1k,4k,16k,64k --batch 8 --plot speed.svg
      """)

  @OptionGroup var model: ModelOption
  @Option(help: "Another model to measure beside it.") var vs: String?
  @Option(help: "Sequences decoded side by side: a number, or a list to sweep (default: 1).") var batch: String?
  @Option(help: "Tokens in every cache before the first step, a list such as 1k,4k,16k.") var contexts: String?
  @Option(help: "Prompt tokens per sequence (without --contexts; default: 64, of several points 1).") var prompt: Int?
  @Option(help: "New tokens per sequence (default: 64).") var tokens: Int?
  @Flag(help: "Fill caches by reading tokens, not with random numbers.") var prefill = false
  @OptionGroup var requests: RequestsOption
  @Option(help: "Write the sweep, or what each request waited for, as CSV.") var csv: String?
  @Option(defaultAsFlag: "throughput.svg", help: "Draw the sweep as SVG (with gnuplot, inside a checkout).") var plot:
    String?
  @Flag(help: "No progress line.") var quiet = false
  @Flag(help: "Print the measurements as JSON.") var json = false

  func run() throws { runReportingErrors { try measure() } }

  private func measure() throws {
    try requests.requireFile()
    if prompt != nil, contexts != nil || requests.file != nil {
      throw UpcycleError.usage(
        "says nothing with --contexts or --requests, which have lengths of their own", at: "--prompt")
    }
    if let file = requests.file {
      try refuse(
        ["--batch": batch != nil, "--tokens": tokens != nil, "--prefill": prefill],
        "says nothing with --requests, which says it for each")
      if vs != nil || contexts != nil || plot != nil {
        throw UpcycleError.usage(
          "serves one model and draws nothing", at: "--requests", hint: "leave --vs, --contexts and --plot out")
      }
      return try requests.serve(file, from: model, csv: csv, json: json, quiet: quiet)
    }
    let batches = try parsedCounts(batch ?? "1", "--batch")
    if contexts != nil || batches.count > 1 || vs != nil { return try sweep(batches) }
    try refuse(
      ["--csv": csv != nil, "--plot": plot != nil], "is of a sweep", hint: "--contexts or a list of --batch makes one")
    try measureOne(batches[0])
  }

  private func sweep(_ batches: [Int]) throws {
    let table = try csv.map { try outputFile($0, "--csv", replacing: "csv") }
    let picture = try plot.map {
      (try outputFile($0, "--plot", replacing: "svg"), try FigureScript.ofCheckout("throughput.gp"))
    }
    let lengths = try contexts.map { try parsedCounts($0, "--contexts") } ?? [prompt ?? 1]
    var models = [(name: name(of: model.path), model: try model.load())]
    if let vs {
      let other = URL(fileURLWithPath: vs)
      models.append(
        (
          name(of: vs) == models[0].name ? vs : name(of: vs),
          try LanguageModel(folder: other, storage: model.weights.storage)
        ))
    }
    Interrupt.listen()
    let total = models.count * batches.count * lengths.count
    let progress = ProgressLine("throughput", total: total, quiet: quiet)
    var points: [DecodingPoint] = []
    for batch in batches {
      for context in lengths {
        for (name, model) in models {
          if Interrupt.isRaised { throw Interrupted(keepsNothing: true) }
          let point = try measureDecoding(
            of: model, named: name, batch: batch, context: context, newTokens: tokens ?? 64, prefill: prefill)
          points.append(point)
          progress.update(points.count, "\(name) \(batch) x \(formatCount(context))")
        }
      }
    }
    progress.finish(counted(total, "point"))
    // Neither a file that cannot be written nor a closed pipe costs the other.
    let written = Result { if let table { try writeFile(DecodingPoint.csv(points).text, to: table) } }
    try show(points)
    try written.get()
    if let (plot, script) = picture { try drawDecodingSweep(points, with: script, to: plot) }
    [table, picture?.0].compactMap { $0 }.forEach(sayWritten)
  }

  private func show(_ points: [DecodingPoint]) throws {
    if json {
      return try printResult(jsonText(points, pretty: true, snakeCase: true))
    }
    let widest = max(5, points.map(\.model.count).max() ?? 5)
    try printResult(
      "\("model".leftAligned(widest))  batch   context    tokens/s   ms/step     cache bytes      peak bytes"
    )
    for point in points {
      try printResult(
        [
          point.model.leftAligned(widest), "\(point.batch)".rightAligned(7),
          formatCount(point.context).rightAligned(10), formatCount(Int(point.tokensPerSecond)).rightAligned(12),
          String(format: "%.3f", point.millisecondsPerStep).rightAligned(10),
          formatCount(point.cacheBytes).rightAligned(16), formatCount(point.peakBytes).rightAligned(16),
        ].joined())
    }
  }

  private func name(of path: String) -> String { URL(fileURLWithPath: path).lastPathComponent }

  private func measureOne(_ batch: Int) throws {
    let language = try model.load()
    let report = try measureThroughput(
      of: language, batch: batch, promptTokens: prompt ?? 64, newTokens: tokens ?? 64)
    if json {
      try printResult(report.json().text(pretty: true))
      return
    }
    let states = language.config.stateNumbers > 0 ? ", states included" : ""
    try printResult(
      """
      prefill  \(formatCount(Int(report.prefillTokensPerSecond))) tokens/s
      decode   \(formatCount(Int(report.decodeTokensPerSecond))) tokens/s
      KV cache \(formatCount(report.cacheBytes)) bytes\(states) (base model: \(formatCount(report.baseCacheBytes)))
      peak     \(formatCount(report.peakBytes)) bytes of tensors, \(counted(report.threads, "thread"))
      """)
  }
}
