import ArgumentParser
import Foundation
import Groundwork
import TokenData

struct Info: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Says what a folder of token shards holds.",
    discussion: """
      Example:
        shards info shards/tinystories --json
      """)

  @Argument(help: "A folder of token shards.") var folder: String
  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    runReportingErrors {
      let shards = try TokenShards(URL(fileURLWithPath: folder))
      let summary = ShardSummary(shards.manifest, folder: folder)
      try printResult(json ? summary.json.text(pretty: true) : summary.text)
    }
  }
}
