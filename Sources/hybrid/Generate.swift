import ArgumentParser
import Evaluation
import Foundation
import Groundwork
import TokenData

/// `hybrid generate`: text from a prompt, streamed.
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continues a prompt; text on standard output, measurements on standard error.",
    discussion: """
      The prompt is printed too, then the continuation until an end token or --tokens. An empty prompt starts
      from the beginning-of-text token. A prompt from a file is read but not printed.

      Examples:
        hybrid generate --model runs/babyllama --prompt "Once upon a time" --tokens 200
        hybrid generate --model runs/hylo-2k --prompt-file book.txt --report-memory
      """)

  @OptionGroup var model: ModelOption
  @Option(help: "Text to continue.") var prompt = ""
  @Option(help: "File with the text to continue.") var promptFile: String?
  @Option(help: "Prompt tokens read at once.") var chunk = 512
  @Flag(help: "Go on beyond the positions that the model was trained for.") var beyondPositions = false
  @Flag(help: "Print what memory holds: peak, cache and state bytes.") var reportMemory = false
  @Option(help: "Most new tokens.") var tokens = 200
  @Option(help: "0 is greedy.") var temperature = 0.0
  @Option(help: "Choose among the K most probable tokens.") var topK: Int?
  @Option(help: "Choose among the most probable tokens that hold this much probability.") var topP: Double?
  @Option(help: "Seed of the choices.") var seed: UInt64 = 0
  @Flag(help: "Only the text, without a line break at its end.") var quiet = false

  func run() throws { runReportingErrors { try write() } }

  private func write() throws {
    if tokens < 1 {
      throw UpcycleError.usage("nothing to generate", at: "--tokens", expected: "1 or more", found: "\(tokens)")
    }
    if promptFile != nil && !prompt.isEmpty {
      throw UpcycleError.usage("two prompts", at: "--prompt-file", expected: "it or --prompt")
    }
    let prompt =
      try promptFile.map { String(decoding: try readFile(URL(fileURLWithPath: $0)), as: UTF8.self) } ?? self.prompt
    let (model, tokenizer) = try self.model.loadWithTokenizer()
    let ids = tokenizer.documentStart + tokenizer.encode(prompt)
    let ends = Set([tokenizer.bos, tokenizer.eos].compactMap { $0 } + model.config.eosTokenIds.map { Int32($0) })
    if !quiet, let positions = model.config.positionLimit, ids.count <= positions || beyondPositions,
      tokens > positions - ids.count
    {
      let what = beyondPositions ? "was trained on \(positions)" : "ends at \(positions)"
      let note = "note: prompt and --tokens may reach position \(cappedSum(ids.count, tokens)); this model \(what)\n"
      printNote(note, terminator: "")
    }
    var stream = TextStream(tokenizer, continuing: !prompt.isEmpty)
    if promptFile == nil { try printResult(prompt, terminator: "") }
    let report = try generate(
      model, prompt: ids, maximum: tokens,
      sampling: SamplingOptions(temperature: temperature, topK: topK, topP: topP, seed: seed), ends: ends, chunk: chunk,
      positions: beyondPositions ? .max : nil
    ) { token in
      try printResult(stream.append(token), terminator: "")
      return true
    }
    try printResult(stream.finish(), terminator: "")
    if quiet && !reportMemory { return }
    if quiet { return printNote(memory(report), terminator: "") }
    try printResult("")
    printNote(summary(report, CacheCost(model)), terminator: "")
    if reportMemory { printNote(memory(report), terminator: "") }
  }

  private func memory(_ report: GenerationReport) -> String {
    """
    peak     \(formatCount(report.peakBytes)) bytes of tensors
    cache    \(formatCount(report.cacheBytes - report.stateBytes)) bytes for \(formatCount(report.cachedTokens)) tokens
    state    \(formatCount(report.stateBytes)) bytes, whatever the length

    """
  }

  private func summary(_ report: GenerationReport, _ cost: CacheCost) -> String {
    func rate(_ value: Double) -> String { formatCount(Int(value.rounded())) }
    return """
      prefill  \(report.promptTokens) tokens, \(rate(report.prefillRate)) tokens/s
      decode   \(report.newTokens) tokens, \(rate(report.decodeRate)) tokens/s
      KV cache \(formatCount(cost.bytesPerToken)) bytes per token, \(formatCount(report.cacheBytes)) in all \
      (\(report.cachedTokens) tokens, float32)
      base     \(formatCount(cost.baseBytesPerToken)) bytes per token, \
      \(formatCount(cost.baseBytesPerToken * report.cachedTokens)) in all: this model keeps \
      \(String(format: "%.1f", cost.percent)) %

      """
  }
}
