import ArgumentParser
import Commands
import Evaluation
import Foundation
import Groundwork
import ModelCore
import TokenData

extension Tokenizer.SpecialTokens: ExpressibleByArgument {}

/// `hybrid generate`: text from a prompt, or a chat, streamed.
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continues a prompt, or chats; text on standard output, measurements on standard error.",
    discussion: """
      The prompt is printed too, then the continuation until an end token (the tokenizer's, or any that config.json \
      or generation_config.json names), a --stop text or --tokens. An empty prompt starts from the beginning-of-text \
      token. A prompt from a file is read but not printed. Special tokens spelled in a prompt are these tokens, \
      unless --special-tokens text.

      With --chat the model's chat template writes what the user says: one message with --prompt or --prompt-file, \
      else a conversation, a line of standard input after the other; only answers are printed.

      Example:
        hybrid generate --model runs/babyllama --prompt "Once upon a time" \\
          --tokens 200
        hybrid generate --model runs/hylo-2k --prompt-file book.txt --report-memory
        hybrid generate --model runs/qwen --chat --system "Answer briefly."
        hybrid generate --model runs/babyllama --prompt "Once upon a time" \\
          --cache h2o:25%
      """)

  @OptionGroup var model: ModelOption
  @Option(help: "Text to continue.") var prompt = ""
  @Option(help: "File with the text to continue.") var promptFile: String?
  @Flag(help: "Write what the user says with the model's chat template.") var chat = false
  @Option(help: "With --chat: the system's message.") var system: String?
  @Option(help: "With --chat: a Jinja file instead of the model's own template.") var chatTemplate: String?
  @Option(help: "A text that ends the answer and is not part of it; may be given several times.") var stop: [String] =
    []
  @Option(help: "Special tokens spelled in a prompt are these tokens (parse) or ordinary text (text).")
  var specialTokens = Tokenizer.SpecialTokens.parse
  @Option(help: "The beginning token in front of the prompt: on or off (default: as the tokenizer says).")
  var bos: Switch?
  @Option(help: "Prompt tokens read at once.") var chunk = 512
  @Flag(help: "Go on beyond the positions that the model was trained for.") var beyondPositions = false
  @Flag(help: "Print what memory holds: peak, cache and state bytes.") var reportMemory = false
  @Option(help: "Most new tokens.") var tokens = 200
  @Option(help: "Evict keys and values: h2o:PERCENT% of prompt and --tokens (default: keep all).") var cache: String?
  @Option(help: "0 is greedy.") var temperature = 0.0
  @Option(help: "Choose among the K most probable tokens.") var topK: Int?
  @Option(help: "Choose among the most probable tokens that hold this much probability.") var topP: Double?
  @Option(help: "Seed of the choices (default: 0).") var seed: UInt64?
  @Flag(help: "Only the text, without a line break at its end.") var quiet = false

  func run() throws { runReportingErrors { try write() } }

  private func write() throws {
    try validateOptions()
    try sampling.validate()
    let prompt = try promptFile.map { String(decoding: try textBytes(of: $0), as: UTF8.self) } ?? self.prompt
    let heavyHitters = try cache.map { try HeavyHitters($0) }
    let (model, loaded) = try self.model.loadWithTokenizer()
    if let heavyHitters { try model.evict(by: heavyHitters) }
    let tokenizer = try bos.map { try loaded.addingBeginning($0.isOn) } ?? loaded
    if chat { return try converse(model, tokenizer, opening: prompt) }
    let ids = tokenizer.prompt(prompt, parsingSpecials: specialTokens == .parse)
    // Printed with the first words behind it: a refusal comes before.
    var opening = promptFile == nil ? prompt : ""
    let report = try answer(model, tokenizer, ids, continuing: !prompt.isEmpty) { text in
      try printResult(opening + text, terminator: "")
      opening = ""
    }
    try finish(report, model)
  }

  private var sampling: SamplingOptions {
    SamplingOptions(temperature: temperature, topK: topK, topP: topP, seed: seed ?? 0)
  }

  private func validateOptions() throws {
    if tokens < 1 {
      throw UpcycleError.usage("nothing to generate", at: "--tokens", expected: "1 or more", found: "\(tokens)")
    }
    if promptFile != nil && !prompt.isEmpty {
      throw UpcycleError.usage("two prompts", at: "--prompt-file", expected: "it or --prompt")
    }
    if chat, specialTokens == .text {
      throw UpcycleError.usage(
        "cannot be text with --chat, whose template writes special tokens", at: "--special-tokens", expected: "parse",
        found: specialTokens.rawValue)
    }
    if stop.contains("") {
      throw UpcycleError.usage("ends every answer before it begins", at: "--stop", expected: "a text", found: "\"\"")
    }
    if chat { try refuse(["--bos": bos != nil], "says nothing with --chat, whose template writes the beginning") }
    if chunk < 1 {
      throw UpcycleError.usage("must be positive", at: "--chunk", expected: "1 or more tokens", found: "\(chunk)")
    }
    if !chat {
      try refuse(
        ["--system": system != nil, "--chat-template": chatTemplate != nil], "says nothing without --chat")
    }
    if temperature == 0 {
      try refuse(
        ["--top-k": topK != nil, "--top-p": topP != nil, "--seed": seed != nil],
        "says nothing at --temperature 0, which always takes the most probable token")
    }
  }

  /// Generates after `ids`, giving text as it comes; stops at an end token or a stop text.
  private func answer(
    _ model: LanguageModel, _ tokenizer: Tokenizer, _ ids: [Int32], continuing: Bool, show: (String) throws -> Void
  ) throws -> GenerationReport {
    if !quiet, let positions = model.config.positionLimit, ids.count <= positions || beyondPositions,
      tokens > positions - ids.count
    {
      let what = beyondPositions ? "was trained on \(positions)" : "ends at \(positions)"
      printNote("note: prompt and --tokens may reach position \(cappedSum(ids.count, tokens)); this model \(what)")
    }
    var stream = TextStream(tokenizer, continuing: continuing)
    var stops = StopTexts(stop)
    let report = try generate(
      model, prompt: ids, maximum: tokens, sampling: sampling, ends: model.config.endTokens(with: tokenizer),
      chunk: chunk, positions: beyondPositions ? .max : nil
    ) { token in
      try show(stops.append(stream.append(token)))
      return !stops.isDone
    }
    try show(stops.append(stream.finish()))
    try show(stops.finish())
    return report
  }

  private func finish(_ report: GenerationReport, _ model: LanguageModel) throws {
    if quiet && !reportMemory { return }
    if quiet { return printNote(memory(report), terminator: "") }
    try printResult("")
    printNote(summary(report, CacheCost(model)), terminator: "")
    if reportMemory { printNote(memory(report), terminator: "") }
  }

  // MARK: Chat

  /// One answer to `opening`; without it answers to the lines of standard input, the whole conversation before them.
  private func converse(_ model: LanguageModel, _ tokenizer: Tokenizer, opening: String) throws {
    let template =
      try chatTemplate.map { try ChatTemplate(file: URL(fileURLWithPath: $0), folder: self.model.folder) }
      ?? ChatTemplate(folder: self.model.folder)
    var conversation = Conversation()
    if let system { conversation.append(role: "system", system) }
    func reply(to message: String) throws -> GenerationReport {
      conversation.append(role: "user", message)
      let ids = tokenizer.encode(try template.text(conversation, addingPrompt: true), parsingSpecials: true)
      var said = ""
      let report = try answer(model, tokenizer, ids, continuing: true) {
        said += $0
        try printResult($0, terminator: "")
      }
      conversation.append(role: "assistant", said)
      return report
    }
    if !opening.isEmpty { return try finish(reply(to: opening), model) }
    let isTerminal = isatty(0) == 1
    if isTerminal && !quiet { printNote("Say something; Ctrl-D ends.") }
    var last: GenerationReport?
    while true {
      if isTerminal { printNote("> ", terminator: "") }
      guard let line = readLine() else { break }
      if line.allSatisfy(\.isWhitespace) { continue }
      last = try reply(to: line)
      try printResult("")
    }
    if isTerminal { printNote("") }
    if reportMemory, let last { printNote(memory(last), terminator: "") }
  }

  // MARK: Measurements

  private func memory(_ report: GenerationReport) -> String {
    """
    peak     \(formatCount(report.peakBytes)) bytes of tensors
    cache    \(formatCount(report.cacheBytes - report.stateBytes)) bytes for \(counted(report.cachedTokens, "token"))

    """ + state(report)
  }

  private func state(_ report: GenerationReport) -> String {
    "state    \(formatCount(report.stateBytes)) bytes, whatever the length\n"
  }

  private func summary(_ report: GenerationReport, _ cost: CacheCost) -> String {
    func rate(_ value: Double) -> String { formatCount(Int(value.rounded())) }
    // What is evicted costs nothing: then the bytes at the end say more than those of a token.
    let bytes = report.cacheBytes - report.stateBytes
    let kept = Double(bytes) / Double(max(1, cost.baseBytesPerToken * report.cachedTokens))
    let percent = cache == nil ? cost.percent : 100 * kept
    return """
      prefill  \(counted(report.promptTokens, "token")), \(rate(report.prefillRate)) tokens/s
      decode   \(counted(report.newTokens, "token")), \(report.newTokens > 1 ? "\(rate(report.decodeRate)) tokens/s" : "from the prefill")
      KV cache \(formatCount(cost.bytesPerToken)) bytes per token, \(formatCount(bytes)) in all \
      (\(counted(report.cachedTokens, "token")), float32)
      base     \(formatCount(cost.baseBytesPerToken)) bytes per token, \
      \(formatCount(cost.baseBytesPerToken * report.cachedTokens)) in all: this model keeps \
      \(String(format: "%.1f", percent)) %

      """ + (report.stateBytes > 0 && !reportMemory ? state(report) : "")
  }
}
