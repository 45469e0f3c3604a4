import ArgumentParser
import Commands
import Evaluation
import Foundation
import Groundwork
import ModelCore
import TensorCore
import TokenData

/// `hybrid throughput --requests FILE`: requests served together as they arrive.
struct RequestsOption: ParsableArguments {
  @Option(
    name: .customLong("requests"),
    help:
      "Serve requests together: JSON Lines of prompt or prompt_tokens, max_tokens and, if wanted, arrival (seconds) and id."
  )
  var file: String?
  @Option(help: "With --requests: most requests at once (default: 8).") var slots: Int?
  @Option(help: "With --requests: tokens of one page of the cache (default: 128).") var page: Int?
  @Option(help: "With --requests: memory for pages, such as 64MiB (default: as much as the slots can need).") var pool:
    String?
  @Option(help: "With --requests: prompt tokens read in one step (default: 256).") var chunk: Int?
  @Option(help: "With --requests: beginnings of prompts that are kept for others that begin alike (default: 16).")
  var prefixes: Int?
  @Flag(help: "With --requests: serve texts longer than the positions that the model was trained for.")
  var beyondPositions = false

  /// Refuses options that say nothing without --requests.
  func requireFile() throws {
    if file != nil { return }
    try refuse(
      [
        "--slots": slots != nil, "--page": page != nil, "--pool": pool != nil, "--chunk": chunk != nil,
        "--prefixes": prefixes != nil,
        "--beyond-positions": beyondPositions,
      ], "says nothing without --requests")
  }

  func serve(_ file: String, from model: ModelOption, csv: String?, json: Bool, quiet: Bool) throws {
    let (slots, page, chunk) = (self.slots ?? 8, self.page ?? 128, self.chunk ?? 256)
    for (name, value) in [("--slots", slots), ("--page", page), ("--chunk", chunk)] where value < 1 {
      throw UpcycleError.usage("must be positive", at: name, expected: "1 or more", found: "\(value)")
    }
    let prefixes = self.prefixes ?? 16
    if prefixes < 0 {
      throw UpcycleError.usage("must not be negative", at: "--prefixes", expected: "0 or more", found: "\(prefixes)")
    }
    let (language, tokenizer) =
      Tokenizer.isPresent(in: model.folder) ? try model.loadWithTokenizer() : (try model.load(), nil as Tokenizer?)
    let requests = try ServingRequest.read(
      URL(fileURLWithPath: file), vocabulary: language.config.vocabularySize,
      encode: tokenizer.map { tokenizer in { tokenizer.prompt($0) } })
    let ends = language.config.endTokens(with: tokenizer)
    let memory = try CachePool(
      language, pageTokens: page, pages: try pages(of: page, for: requests, slots: slots, language.config),
      slots: slots, prefixes: prefixes)
    let positions = beyondPositions ? Int.max : nil
    let batch = try ContinuousBatch(language, memory, promptTokens: chunk, ends: ends, positions: positions)
    let table = try csv.map { try outputFile($0, "--csv", replacing: "csv") }
    Interrupt.listen()
    let progress = ProgressLine("requests", total: requests.count, quiet: quiet)
    let report = try Evaluation.serve(requests, on: batch) {
      if Interrupt.isRaised { throw Interrupted(keepsNothing: true) }
      progress.update($0, "\(batch.active.count) running, \(memory.pagesInUse) pages in use")
    }
    progress.finish(counted(requests.count, "request"))
    for request in report.requests {
      if let refusal = request.refusal { printNote("refused: \(refusal)") }
    }
    // Neither a file that cannot be written nor a closed pipe costs the other.
    let written = Result { if let table { try writeFile(report.csv.text, to: table) } }
    try printResult(json ? report.json().text(pretty: true) : lines(report))
    try written.get()
    if let table { sayWritten(table) }
  }

  /// - Parameter page: tokens of one
  private func pages(
    of page: Int, for requests: [ServingRequest], slots: Int, _ config: ModelConfig
  ) throws -> Int {
    guard let pool else {
      let longest = requests.map { ContinuousBatch.tokens(of: $0) }.max() ?? 0
      let tokens = min(longest, beyondPositions ? .max : config.positionLimit ?? .max)
      return max(1, cappedProduct(slots, cappedSum(tokens, page - 1) / page))
    }
    let bytes = CachePool.pageBytes(config, pageTokens: page)
    guard let memory = parseBytes(pool) else {
      throw UpcycleError.usage("is not an amount of memory", at: "--pool", expected: "such as 64MiB", found: pool)
    }
    if memory < bytes {
      throw UpcycleError.usage(
        "is less than one page", at: "--pool", expected: "\(formatCount(bytes)) bytes or more",
        found: formatCount(memory),
        hint: "a smaller --page")
    }
    return bytes == 0 ? 1 : memory / bytes
  }

  private func lines(_ report: ServingReport) -> String {
    func milliseconds(_ seconds: Double?) -> String { seconds.map { String(format: "%.2f", 1000 * $0) } ?? "-" }
    let name = max(7, report.requests.map(\.request.count).max() ?? 7)
    var lines = [
      "\("request".leftAligned(name))  prompt     new  arrival s  first token ms  per token ms  finish"
    ]
    for request in report.requests {
      lines.append(
        [
          request.request.leftAligned(name),
          formatCount(request.promptTokens).rightAligned(8), formatCount(request.tokens.count).rightAligned(8),
          String(format: "%.2f", request.arrival).rightAligned(11),
          milliseconds(request.timeToFirstToken).rightAligned(16),
          milliseconds(request.timePerOutputToken).rightAligned(14), "  \(request.finish)",
        ].joined())
    }
    func percentiles(_ what: String, _ values: ServingReport.Percentiles?) -> String {
      "\(what)  p50 \(milliseconds(values?.p50))  p90 \(milliseconds(values?.p90))  p99 \(milliseconds(values?.p99)) ms"
    }
    lines += [
      "", percentiles("time to first token  ", report.timeToFirstToken),
      percentiles("time per output token", report.timePerOutputToken),
      "\(counted(report.newTokens, "token")) in \(formatDuration(report.seconds)): \(String(format: "%.1f", report.tokensPerSecond)) tokens/s, "
        + "\(counted(report.steps, "step")), at most \(counted(report.mostRunning, "request")) at once"
        + (report.reusedTokens > 0 ? ", \(counted(report.reusedTokens, "prompt token")) not read again" : ""),
      "pools \(formatCount(report.poolBytes)) bytes: \(counted(report.slots, "slot")), \(counted(report.prefixes, "kept beginning")), \(counted(report.pages, "page")) of \(counted(report.pageTokens, "token")), "
        + "\(report.mostPages) in use at most; peak \(formatCount(report.peakBytes)) bytes of tensors, \(counted(Threads.count, "thread"))",
    ]
    return lines.joined(separator: "\n")
  }
}
