import ArgumentParser
import Foundation
import Groundwork
import TokenData

struct Pack: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tokenizes text files into a folder of token shards.",
    discussion: """
      Every document becomes the beginning token and its ids. An existing folder of shards is replaced when \
      the new one is complete; any other folder is left alone.

      Example:
        shards pack --input tinystories/train.txt --tokenizer runs/babyllama --out shards/tinystories
      """)

  @Option(parsing: .upToNextOption, help: "Text files, in order.") var input: [String]
  @Option(
    help:
      "A model folder, tokenizer.json, vocabulary (or \"vocab.json,merges.txt\"), or llama2.c tokenizer.bin.")
  var tokenizer: String
  @Option(help: "The folder to write.") var out: String
  @Option(
    help: """
      Where documents end: 'auto' (lines of <|endoftext|>, else the whole file is one), 'endoftext', 'blank-line', \
      'line', 'file', or any other text that stands alone on a line.
      """)
  var documentSeparator = "auto"
  @Flag(help: "Put the end token behind every document.") var appendEnd = false
  @Option(help: "Tokens a frame, the unit of random access.") var frameTokens = ShardWriter.Options()
    .frameTokens
  @Option(help: "Tokens a shard file.") var shardTokens = "64M"
  @Option(help: "zstd level, 1 to 19.") var level = ShardWriter.Options().compressionLevel
  @Flag(help: "Print the manifest's main numbers as JSON.") var json = false
  @Flag(help: "No progress on standard error.") var quiet = false

  func run() throws { runReportingErrors { try pack() } }

  private func pack() throws {
    var options = ShardWriter.Options()
    options.frameTokens = frameTokens
    options.compressionLevel = level
    guard let shardTokens = parseCount(shardTokens), (1...19).contains(level) else {
      throw UpcycleError.usage(
        "--shard-tokens takes a count and --level 1 to 19", found: "\(shardTokens) and \(level)")
    }
    options.shardTokens = shardTokens
    let files = try input.map {
      try DocumentReader(URL(fileURLWithPath: $0), separator: .init(documentSeparator))
    }
    let tokenizer = try Tokenizer.load(from: tokenizer)
    let writer = try ShardWriter(folder: URL(fileURLWithPath: out), tokenizer: tokenizer, options: options)
    let bytes = files.reduce(0) { $0 + $1.size }
    let progress = ProgressLine("pack", total: bytes, quiet: quiet)
    var finished = 0
    for file in files {
      try file.forEachDocument { text, position in
        try writer.append(document: tokenizer.encodeDocument(text, appendingEnd: appendEnd))
        progress.update(finished + position, "bytes  \(formatCount(writer.tokens)) tokens")
      }
      finished += file.size
    }
    let manifest = try writer.finish()
    progress.finish(
      "\(formatCount(manifest.tokens)) tokens of \(formatCount(manifest.documents.count)) documents")
    try printResult(ShardSummary(manifest, folder: out).text(json: json))
  }
}
