import ArgumentParser
import Evaluation
import Groundwork

/// `hybrid throughput`: speed and memory of decoding.
struct Throughput: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Times prefill and decoding and counts the cache's bytes.",
    discussion: """
      Example: hybrid throughput --model runs/mla-sft --batch 8 --prompt 128 --tokens 64 --json
      """)

  @OptionGroup var model: ModelOption
  @Option(help: "Sequences decoded side by side.") var batch = 1
  @Option(help: "Prompt tokens per sequence.") var prompt = 64
  @Option(help: "New tokens per sequence.") var tokens = 64
  @Flag(help: "Print the measurements as JSON.") var json = false

  func run() throws { runReportingErrors { try measure() } }

  private func measure() throws {
    let report = try measureThroughput(of: model.load(), batch: batch, promptTokens: prompt, newTokens: tokens)
    if json {
      print(try report.json().text(pretty: true))
      return
    }
    print(
      """
      prefill  \(formatCount(Int(report.prefillTokensPerSecond))) tokens/s
      decode   \(formatCount(Int(report.decodeTokensPerSecond))) tokens/s
      KV cache \(formatCount(report.cacheBytes)) bytes (base model: \(formatCount(report.baseCacheBytes)))
      peak     \(formatCount(report.peakBytes)) bytes of tensors, \(report.threads) threads
      """)
  }
}
