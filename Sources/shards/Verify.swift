import ArgumentParser
import Foundation
import Groundwork
import TokenData

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Reads every byte of a folder of token shards and compares all checksums.",
    discussion: """
      The first damage found is reported with its shard, offset and reason, and the exit code is 1.

      Example:
        shards verify shards/tinystories --tokenizer runs/babyllama
      """)

  @Argument(help: "A folder of token shards.") var folder: String
  @Option(help: "Also check that this tokenizer made them.") var tokenizer: String?
  @Flag(help: "No progress on standard error.") var quiet = false

  func run() throws {
    runReportingErrors {
      let shards = try TokenShards(URL(fileURLWithPath: folder))
      if let tokenizer { try shards.require(Tokenizer.load(from: tokenizer)) }
      let progress = ProgressLine("verify", total: shards.count, quiet: quiet)
      try shards.verify { progress.update($0, "tokens") }
      progress.finish()
      let documents = try shards.documents().count
      try printResult(
        "\(folder): \(counted(shards.manifest.shards.count, "shard")), \(counted(shards.count, "token")), "
          + "\(counted(documents, "document")): all good")
    }
  }
}
