import Collectives
import Foundation
import Groundwork
import Parallelism

extension ParallelInference.Outcome {
  private var later: Double { median(generation.laterTokens) }

  /// What a user reads.
  public var summary: String {
    String(
      format: "first token after %.2f ms (%d prompt tokens), then %.2f ms a token (median of %d)\n",
      generation.firstToken, promptTokens, later, generation.laterTokens.count)
  }

  /// The same for scripts.
  public func json(_ ranks: any Communicator, overlaps: Bool) -> JSONValue {
    .object([
      "ranks": .int(ranks.size), "transport": .string(ranks.transport), "overlap": .string(overlaps ? "on" : "off"),
      "text": .string(text), "tokens": .array(generation.tokens.map { .int(Int($0)) }),
      "prompt_tokens": .int(promptTokens),
      "first_token_ms": .double(generation.firstToken), "later_token_ms": .double(later),
      "exposed_first_token_ms": .double(timeline.runs[0].logs[0].milliseconds(.stall, .prefill)),
    ])
  }
}
