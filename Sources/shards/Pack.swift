import ArgumentParser
import Commands
import Foundation
import Groundwork
import TokenData

extension DocumentFormat: ExpressibleByArgument {}
extension Tokenizer.SpecialTokens: ExpressibleByArgument {}

struct Pack: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tokenizes documents into a folder of token shards.",
    discussion: """
      Every document becomes what the tokenizer puts in front of a text (mostly the beginning token) and its ids. \
      Inputs are text or JSON Lines, plain, .gz or .zst, which is told from their names and first bytes; a folder \
      stands for the files in it, - for standard input. With --chat each line is a conversation, {"messages": \
      [{"role": "user", "content": "…"}, …]}, written with the model's chat template, and training learns on what \
      the assistant says alone. Documents keep their order, file by file, unless --shuffle gives them one of its own; \
      --hold-out puts a share of them, one by chance of every hundred for 1%, into a folder beside OUT.

      Examples:
        shards pack --input tinystories/train.txt --tokenizer runs/babyllama \\
          --out shards/tinystories
        shards pack --input corpus.jsonl.zst --field text \\
          --tokenizer runs/babyllama --out shards/corpus
        shards pack --input chats.jsonl --chat --tokenizer runs/qwen \\
          --out shards/chats
        shards pack --input corpus/ --shuffle 1 --hold-out 1% \\
          --tokenizer runs/qwen --out shards/corpus
      """)

  @Option(parsing: .upToNextOption, help: "Files, folders, patterns or -, in order.") var input: [String]
  @Option(
    help: """
      A model folder, tokenizer.json, vocabulary (or "vocab.json,merges.txt"), SentencePiece .model or llama2.c \
      tokenizer.bin.
      """)
  var tokenizer: String
  @OptionGroup var output: OutputFolder
  @Option(
    help: """
      Where documents of a text end: 'auto' (lines of <|endoftext|>, else the whole file is one), 'endoftext', \
      'blank-line', 'line', 'file', or any other text that stands alone on a line (default: auto).
      """)
  var documentSeparator: String?
  @Option(help: "What the inputs are: auto, text or jsonl.") var format = DocumentFormat.auto
  @Option(help: "JSON Lines: the key of the text; dots go deeper (default: text).") var field: String?
  @Flag(help: "JSON Lines: each line is a conversation.") var chat = false
  @Option(help: "With --chat: a Jinja file instead of the tokenizer's own template.") var chatTemplate: String?
  @Option(help: "JSON Lines: lines that may be unusable and are left out.") var skipBadLines = 0
  @Option(
    help: "Whether special tokens spelled in a document are these tokens (parse) or ordinary text (text, the default).")
  var specialTokens: Tokenizer.SpecialTokens?
  @Option(help: "The beginning token in front of every document: on or off (default: as the tokenizer says).")
  var bos: Switch?
  @Flag(help: "Put the end token behind every document.") var appendEnd = false
  @Option(help: "Seed of an order of the documents (default: as they come).") var shuffle: UInt64?
  @Option(help: "Share of the documents that goes to OUT-held-out instead, such as 1%.") var holdOut: String?
  @Option(help: "Tokens a frame, the unit of random access.") var frameTokens = ShardWriter.Options()
    .frameTokens
  @Option(help: "Tokens a shard file.") var shardTokens = "64M"
  @Option(help: "zstd level, 1 to 19.") var level = ShardWriter.Options().compressionLevel
  @Flag(help: "Print the manifest's main numbers as JSON.") var json = false
  @Flag(help: "No progress on standard error.") var quiet = false

  func run() throws { runReportingErrors { try pack() } }

  private func pack() throws {
    if chat {
      try refuse(
        [
          "--document-separator": documentSeparator != nil, "--field": field != nil,
          "--special-tokens": specialTokens != nil, "--bos": bos != nil,
          "--format": format == .text,
        ], "says nothing with --chat, whose lines are conversations in the words of the template")
    } else {
      try refuse(["--chat-template": chatTemplate != nil], "says nothing without --chat")
    }
    let options = try shardOptions()
    let badLines = BadLines(limit: skipBadLines)
    let documents = try documents(badLines)
    let tokenizer = try loadTokenizer()
    let template = chat ? try template() : nil
    let share = try heldOutShare()
    // "vocab.json,merges.txt,PATTERN" names two files.
    let tokenizerFiles = self.tokenizer.split(separator: ",").map(String.init)
      .filter(FileManager.default.fileExists(atPath:))
    let inputs: [String?] = documents.paths + tokenizerFiles + [chatTemplate]
    let beside = share == nil ? nil : heldOutFolder
    try output.write(from: inputs, beside: beside, json: json) { folder, beside in
      let writer = try ShardWriter(folder: folder, tokenizer: tokenizer, options: options)
      let heldOut = try beside.map { try ShardWriter(folder: $0, tokenizer: tokenizer, options: options) }
      try write(documents, to: writer, share, heldOut, tokenizer, template)
      let summary = ShardSummary(try writer.finish(), folder: output.out)
      let other = try heldOut.map { ShardSummary(try $0.finish(), folder: heldOutFolder) }
      if let first = badLines.first {
        let told = Flags(of: Self.self).spelling("\(first)")
        printNote("note: \(counted(badLines.count, "line")) left out, the first: \(told)")
      }
      var numbers = summary.json.object ?? [:]
      if skipBadLines > 0 { numbers["lines_left_out"] = .int(badLines.count) }
      numbers["held_out"] = other?.json
      return .init(
        ([summary] + (other.map { [$0] } ?? [])).map(\.text).joined(separator: "\n\n"), json: .object(numbers))
    }
  }

  /// - Parameters:
  ///   - share: of the documents that goes to `heldOut`
  private func write(
    _ inputs: DocumentInputs, to writer: ShardWriter, _ share: Double?, _ heldOut: ShardWriter?,
    _ tokenizer: Tokenizer, _ template: ChatTemplate?
  ) throws {
    let order = try shuffle.map { seed in
      try DocumentShuffle(seed: seed, folder: output.url.deletingLastPathComponent())
    }
    var draw = share.map { HeldOutShare($0) }
    var (documents, tokens) = (0, 0)
    func add(_ ids: [Int32], _ answers: [Range<Int>] = []) throws {
      let isHeldOut = draw?.takesNext() ?? false
      documents += 1
      tokens += ids.count
      if isHeldOut { return try heldOut?.append(document: ids, answers: answers) ?? () }
      if let order { try order.add(ids, answers: answers) } else { try writer.append(document: ids, answers: answers) }
    }
    let began = monotonicSeconds()
    let progress = ProgressLine("pack", total: inputs.bytes, quiet: quiet)
    var finished = 0
    for path in inputs.paths {
      let file = try inputs.open(path)
      func report(_ position: Int) {
        progress.update(
          finished + position,
          "bytes  \(formatCount(tokens)) tokens, \(formatCount(Int(Double(tokens) / max(monotonicSeconds() - began, 1e-3)))) a second"
        )
      }
      if let template {
        try file.forEachConversation(as: { try template.document($0, tokenizer) }) { document, position in
          var ids = document.ids
          if appendEnd, let eos = tokenizer.eos, ids.last != eos { ids.append(eos) }
          try add(ids, document.answers)
          report(position)
        }
      } else {
        try file.forEachDocument { text, position in
          try add(tokenizer.encodeDocument(text, appendingEnd: appendEnd, parsingSpecials: specialTokens == .parse))
          report(position)
        }
      }
      finished += file.size
    }
    if let heldOut, heldOut.documents == 0 || documents == heldOut.documents {
      throw UpcycleError.usage(
        "leaves one of the two folders empty", at: "--hold-out", found: "\(heldOut.documents) of \(documents) documents"
      )
    }
    try order?.forEach { try writer.append(document: $0, answers: $1) }
    progress.finish("\(counted(tokens, "token")) of \(counted(documents, "document"))")
  }

  // MARK: Options

  /// Beside OUT, also where that ends in "/", "." or "..".
  private var heldOutFolder: String {
    var folder = output.out
    while folder.hasSuffix("/") { folder.removeLast() }
    let hasName = ![".", ".."].contains((folder as NSString).lastPathComponent)
    return (hasName ? folder : output.url.path) + "-held-out"
  }

  /// Between 0 and 1: "1%" or "0.01".
  private func heldOutShare() throws -> Double? {
    guard let holdOut else { return nil }
    let isPercent = holdOut.hasSuffix("%")
    guard let number = Double(isPercent ? String(holdOut.dropLast()) : holdOut), number > 0,
      number < (isPercent ? 100 : 1)
    else {
      throw UpcycleError.usage("is no share", at: "--hold-out", expected: "such as 1% or 0.01", found: holdOut)
    }
    return isPercent ? number / 100 : number
  }

  private func shardOptions() throws -> ShardWriter.Options {
    var options = ShardWriter.Options()
    options.frameTokens = frameTokens
    options.compressionLevel = level
    options.recordsAnswers = chat
    guard (1...19).contains(level) else {
      throw UpcycleError.usage("is out of range", at: "--level", expected: "1 to 19", found: "\(level)")
    }
    options.shardTokens = try parsedCount(shardTokens, "--shard-tokens", such: "64M", atLeast: 1)
    if skipBadLines < 0 {
      throw UpcycleError.usage("must not be negative", at: "--skip-bad-lines", found: "\(skipBadLines)")
    }
    return options
  }

  private func documents(_ badLines: BadLines) throws -> DocumentInputs {
    if format == .text {
      try refuse(
        ["--field": field != nil, "--skip-bad-lines": skipBadLines > 0], "is of JSON Lines, not of --format text")
    }
    if documentSeparator == "" {
      throw UpcycleError.usage(
        "is empty", at: "--document-separator", expected: "auto, endoftext, blank-line, line, file, or a line's text",
        hint: "blank-line is the empty line between documents")
    }
    return try DocumentInputs(input) {
      try DocumentReader(
        $0, separator: .init(documentSeparator ?? "auto"), format: chat ? .jsonl : format, field: field ?? "text",
        badLines: badLines)
    }
  }

  private func loadTokenizer() throws -> Tokenizer {
    let loaded = try Tokenizer.load(from: tokenizer)
    if appendEnd, loaded.eos == nil {
      throw UpcycleError.usage(
        "this tokenizer has no end token", at: "--append-end", hint: "\"eos_token\" in tokenizer_config.json names it")
    }
    return try bos.map { try loaded.addingBeginning($0.isOn) } ?? loaded
  }

  private func template() throws -> ChatTemplate {
    var folder = URL(fileURLWithPath: tokenizer)
    if fileKind(tokenizer) != S_IFDIR { folder = folder.deletingLastPathComponent() }
    if let chatTemplate { return try ChatTemplate(file: URL(fileURLWithPath: chatTemplate), folder: folder) }
    return try ChatTemplate(folder: folder)
  }
}
