import ArgumentParser
import Commands
import Foundation
import Groundwork
import TokenData

struct Cat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prints documents, or a window of tokens, of a folder of shards.",
    discussion: """
      With --tokenizer as text, a line <|endoftext|> between documents, so that `shards pack` can read it again \
      (chats with their special tokens, for its --special-tokens parse and --bos off; white space at a document's end is lost); else as ids, a document a line. (`zstd -dc FILE.zst` gives a shard's raw little-endian ids.)

      Example:
        shards cat shards/tinystories --tokenizer runs/babyllama --document 3 \\
          --count 2
        shards cat shards/tinystories --from 100000 --tokens 256
      """)

  @Argument(help: "A folder of token shards.") var folder: String
  @Option(help: "The tokenizer that made the shards; prints text.") var tokenizer: String?
  @Option(help: "The first document, counted from 0.") var document: Int?
  @Option(help: "How many documents (default: 1 with --document, else all).") var count: Int?
  @Option(help: "The first token of a window, instead of documents.") var from: Int?
  @Option(help: "Tokens in the window (default: 256).") var tokens: Int?

  func run() throws { runReportingErrors { try printTokens() } }

  private func printTokens() throws {
    try refuse(["--tokens": tokens != nil && from == nil], "is of a window", hint: "--from begins one")
    let shards = try TokenShards(URL(fileURLWithPath: folder))
    let tokenizer = try tokenizer.map { try Tokenizer.load(from: $0) }
    if let tokenizer { try shards.require(tokenizer) }
    let isChat = try shards.answers(in: 0..<1) != nil
    if let from {
      let tokens = self.tokens ?? 256
      guard document == nil, count == nil, from >= 0, tokens >= 1, from < shards.count else {
        if document != nil || count != nil {
          throw UpcycleError.usage(
            "is of documents", at: document != nil ? "--document" : "--count", hint: "leave out --from")
        }
        throw UpcycleError.usage(
          "no such window", at: tokens < 1 ? "--tokens" : "--from",
          expected: tokens < 1 ? "1 or more" : "0 to \(shards.count - 1)", found: "\(tokens < 1 ? tokens : from)")
      }
      let ids = try shards.read(from..<from + min(tokens, shards.count - from))
      try write(ids, tokenizer, showingSpecials: isChat, continuing: true)
      return
    }
    let total = try shards.documents().count
    let first = document ?? 0
    let count = count ?? (document == nil ? total : 1)
    if count < 1 { throw UpcycleError.usage("no documents", at: "--count", expected: "1 or more", found: "\(count)") }
    guard first >= 0, first < total else {
      throw UpcycleError.usage(
        "no such document", at: "--document", expected: "0 to \(total - 1)", found: "\(first)")
    }
    for number in first..<first + min(count, total - first) {
      if number > first, tokenizer != nil { try printResult(DocumentSeparator.endOfText) }
      try write(shards.read(shards.document(number)), tokenizer, showingSpecials: isChat, continuing: false)
    }
  }

  private func write(_ ids: [Int32], _ tokenizer: Tokenizer?, showingSpecials: Bool, continuing: Bool) throws {
    guard let tokenizer else { return try printResult(ids.map(String.init).joined(separator: " ")) }
    try printResult(
      bytes: tokenizer.decodeBytes(ids, showingSpecials: showingSpecials, continuing: continuing) + [0x0A])
  }
}
