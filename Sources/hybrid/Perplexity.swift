import ArgumentParser
import Evaluation
import Foundation
import Groundwork
import TokenData

/// `hybrid perplexity`: the mean next-token loss on a text.
struct Perplexity: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures the next-token loss on token shards or a text.",
    discussion: """
      The tokens are cut into windows of --length ids, each a sequence of its own, and every id after a window's \
      first is predicted; of shards that were packed from chats the answers alone, as in training. Windows do not \
      overlap.

      Example:
        hybrid perplexity --model runs/mla-sft --data shards/tinystories-valid \\
          --windows 128
      """)

  @OptionGroup var model: ModelOption
  @Option(help: "Folder of token shards, packed with the model's tokenizer.") var data: String?
  @Option(help: "Or a text file, read as one document.") var text: String?
  @Option(help: "Most windows; all without it.") var windows: Int?
  @Option(help: "Ids per window; 256, or the model's context length where that is shorter.") var length: Int?
  @Flag(help: "Print the measurements as JSON.") var json = false
  @Flag(help: "No progress on standard error.") var quiet = false

  func run() throws { runReportingErrors { try measure() } }

  private func measure() throws {
    let (model, tokenizer) = try self.model.loadWithTokenizer()
    let length = self.length ?? min(256, model.config.maxPosition)
    if length < 2 { throw UpcycleError.usage("a window needs two ids", at: "--length", found: "\(length)") }
    if let windows, windows < 1 { throw UpcycleError.usage("no windows", at: "--windows", found: "\(windows)") }
    if let note = model.config.positionsNote(length - 1) { printNote(note) }
    let source = try TokenSource(shards: data, text: text, tokenizer: tokenizer)
    let count = min(source.count / length, windows ?? Int.max)
    if count == 0 {
      throw UpcycleError(
        "too short for one window", at: data ?? text, expected: "\(length) tokens", found: "\(source.count)",
        hint: "choose a smaller --length")
    }
    let progress = ProgressLine("perplexity", total: count, quiet: quiet || json)
    let report = try perplexity(
      of: model, windows: count, tokenizer: tokenizer, progress: { progress.update($0, "windows") },
      answers: { try source.answers($0 * length + 1..<($0 + 1) * length) }
    ) { try source.read($0 * length..<($0 + 1) * length) }
    progress.finish(counted(report.tokens, "token"))
    if try source.answers(0..<1) != nil { printNote("note: these are chats, of which answers alone are scored") }
    if let text, source.holdsSeparators {
      printNote(
        "note: \(text): lines of \(DocumentSeparator.endOfText) are read as text; shards pack cuts the text into documents there"
      )
    }
    if json {
      let weights = JSONValue.object(["weights": .string(self.model.weights.rawValue)])
      try printResult(report.json().merging(weights).text(pretty: true))
    } else {
      // A single window tells no error.
      let error = count > 1 ? String(format: " +- %.4f", report.standardError) : ""
      try printResult(
        String(
          format: "loss %.4f%@ nats per token   perplexity %.3f   %.4f bits per byte   %@ of %d",
          report.loss, error, report.perplexity, report.bitsPerByte ?? .nan, counted(count, "window"), length))
    }
  }
}

/// Tokens of shards, or of a text in memory.
private enum TokenSource {
  case shards(TokenShards)
  case ids([Int32], holdsSeparators: Bool)

  init(shards: String?, text: String?, tokenizer: Tokenizer) throws {
    switch (shards, text) {
    case (let path?, nil):
      self = .shards(try TokenShards(URL(fileURLWithPath: path, isDirectory: true), tokenizer: tokenizer))
    case (nil, let path?):
      let bytes = try textBytes(of: path)
      let separator = Array("\n\(DocumentSeparator.endOfText)\n".utf8)
      self = .ids(
        tokenizer.documentStart + tokenizer.encode(bytes: bytes),
        holdsSeparators: bytes.firstRange(of: separator) != nil)
    default: throw UpcycleError.usage("give one of --data and --text")
    }
  }

  var count: Int {
    switch self {
    case .shards(let shards): shards.count
    case .ids(let ids, _): ids.count
    }
  }

  func read(_ range: Range<Int>) throws -> [Int32] {
    switch self {
    case .shards(let shards): try shards.read(range)
    case .ids(let ids, _): Array(ids[range])
    }
  }

  /// Which tokens of chats are answers; nil for other text.
  func answers(_ range: Range<Int>) throws -> [Bool]? {
    if case .shards(let shards) = self { try shards.answers(in: range) } else { nil }
  }

  /// Whether a text has lines that separate documents elsewhere.
  var holdsSeparators: Bool { if case .ids(_, true) = self { true } else { false } }
}
