import Foundation
import Groundwork

/// What serving some requests together cost.
public struct ServingReport: Codable, Equatable, Sendable {
  /// One request's share.
  public struct Outcome: Codable, Equatable, Sendable {
    /// The request's name.
    public var request: String
    /// Tokens of its prompt.
    public var promptTokens: Int
    /// Without an end token.
    public var tokens: [Int32]
    /// Seconds after the start.
    public var arrival: Double
    /// Seconds from arrival to the first token, and from there per further token; nil where there is none.
    public var timeToFirstToken: Double?
    /// Seconds per token after the first; nil where there is none.
    public var timePerOutputToken: Double?
    /// `end`, `length` or `refused`.
    public var finish: String
    /// Why it was refused.
    public var refusal: String?
  }

  /// Of the requests that have such a time, seconds (nearest rank).
  public struct Percentiles: Codable, Equatable, Sendable {
    /// The median.
    public var p50: Double
    /// Nine in ten are no longer.
    public var p90: Double
    /// 99 in a hundred are no longer.
    public var p99: Double

    /// nil for no values
    public init?(_ values: [Double]) {
      if values.isEmpty { return nil }
      let sorted = values.sorted()
      func rank(_ percent: Double) -> Double {
        sorted[min(sorted.count - 1, max(0, Int((percent / 100 * Double(sorted.count)).rounded(.up)) - 1))]
      }
      (p50, p90, p99) = (rank(50), rank(90), rank(99))
    }
  }

  /// In the order of the requests.
  public var requests: [Outcome]
  /// From the start to the last token.
  public var seconds: Double
  /// Of all requests, end tokens not counted.
  public var newTokens: Int
  /// New tokens of all requests over all seconds, waiting for arrivals included.
  public var tokensPerSecond: Double
  /// Seconds from arrival; nil without any.
  public var timeToFirstToken: Percentiles?
  /// Seconds per token after the first; nil without any.
  public var timePerOutputToken: Percentiles?
  /// Of the whole batch.
  public var steps: Int
  /// Most requests that ran together.
  public var mostRunning: Int
  /// Prompt tokens that were not read again: others had begun with them.
  public var reusedTokens: Int
  /// The pools: both in bytes, tokens of a page, pages, most pages in use, slots.
  public var poolBytes: Int
  /// Tokens that a page holds.
  public var pageTokens: Int
  /// Pages in the pool.
  public var pages: Int
  /// Most pages in use at once.
  public var mostPages: Int
  /// Sequences that the pool has room for.
  public var slots: Int
  /// Beginnings of prompts that it keeps at most.
  public var prefixes: Int
  /// Highest sum of tensor bytes held at once: weights, pools, activations.
  public var peakBytes: Int

  /// Keys in snake_case.
  public func json() throws -> JSONValue { try jsonValue(self, snakeCase: true) }

  /// The requests as a table, one row each; times in seconds, empty where there is none.
  public var csv: CSV {
    func number(_ value: Double?) -> String { value.map { String(format: "%.6f", $0) } ?? "" }
    return CSV(
      header: [
        "request", "prompt_tokens", "new_tokens", "arrival", "time_to_first_token", "time_per_output_token", "finish",
      ],
      rows: requests.map {
        [
          $0.request, "\($0.promptTokens)", "\($0.tokens.count)", number($0.arrival), number($0.timeToFirstToken),
          number($0.timePerOutputToken), "\($0.finish)",
        ]
      })
  }
}
