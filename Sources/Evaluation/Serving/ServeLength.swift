import Foundation
import Groundwork
import ModelCore
import TensorCore

/// What a model does in an amount of memory: the longest context, and how fast it is up to there.
public struct ServeLengthReport: Codable, Equatable, Sendable {
  /// One length.
  public struct Point: Codable, Equatable, Sendable {
    /// Cached tokens.
    public var context: Int
    /// Of reading the whole prompt; nil where it was not measured.
    public var prefillSeconds: Double?
    /// Per token, at this many cached tokens.
    public var decodeMilliseconds: Double
    /// Highest sum of this model's tensor bytes while decoding.
    public var peakBytes: Int
  }

  /// As the caller names it.
  public var model: String
  /// What fits, by accounting.
  public var budget: ContextBudget
  /// By context, as measured.
  public var points: [Point]
  /// The first length that was not measured, since more memory than was free would go into it; nil: all were.
  public var unmeasured: Unmeasured?
  /// What was held at most at the longest context, measured: the accounting is right when it is below the budget.
  public var isVerified: Bool { unmeasured == nil && points.allSatisfy { $0.peakBytes <= budget.budgetBytes } }

  /// A length beyond the memory that was free.
  public struct Unmeasured: Codable, Equatable, Sendable {
    /// Cached tokens.
    public var context: Int
    /// By accounting, without the weights, which are there.
    public var neededBytes: Int
    /// When its turn came.
    public var freeBytes: Int
  }

  /// The points of several models as a table, one row each.
  public static func csv(_ reports: [ServeLengthReport]) -> CSV {
    CSV(
      header: ["model", "context", "prefill_seconds", "decode_ms", "peak_bytes", "budget_bytes"],
      rows: reports.flatMap { report in
        report.points.map {
          [
            report.model, "\($0.context)", $0.prefillSeconds.map { String(format: "%.4f", $0) } ?? "",
            String(format: "%.4f", $0.decodeMilliseconds), "\($0.peakBytes)", "\(report.budget.budgetBytes)",
          ]
        }
      })
  }
}

/// How `measureServeLength` measures.
public struct ServeLengthPlan: Sendable {
  /// Bytes of weights, states, cache and activations together.
  public var budget: Int
  /// Prompt tokens of one prefill step.
  public var chunk = 512
  /// Steps per decoding point.
  public var newTokens = 4
  /// The longest prompt to read, for its time: the time grows with the square of the length.
  public var longestPrefill = 16_384
  /// No longer than the model's positions.
  public var withinPositions = false
  /// Bytes that may still be taken, asked before each length.
  public var freeBytes: @Sendable () -> Int = { availableMemory() }

  /// - Parameter budget: bytes of weights, states, cache and activations together
  public init(budget: Int) { self.budget = budget }
}

/// Finds the longest context by exact accounting, then decodes there and at 1k, 4k, 16k and so on below it, from caches
/// of random numbers as in the papers' protocol, and reads prompts of the shorter lengths. It ends before a length that
/// needs more memory than is free, whatever the budget.
/// - Parameter load: makes the model; its bytes are told from those of others by loading it here
/// - Throws: usage errors for a budget too small for the model, and for numbers below 1; what `load` throws
public func measureServeLength(
  named name: String, _ plan: ServeLengthPlan, progress: (String) throws -> Void = { _ in },
  load: () throws -> LanguageModel
) throws -> ServeLengthReport {
  for (what, value) in [("chunk", plan.chunk), ("tokens", plan.newTokens)] where value < 1 {
    throw UpcycleError.usage("must be positive", field: what, expected: "1 or more", found: "\(value)")
  }
  let others = StoragePool.liveBytes
  let model = try load()
  try progress("\(name): accounting")
  let budget = try ContextBudget(of: model, budget: plan.budget, chunk: plan.chunk)
  var report = ServeLengthReport(model: name, budget: budget, points: [])
  var longest = budget.longest ?? 1 << 20
  if plan.withinPositions, let positions = budget.positions { longest = min(longest, positions) }
  for context in contexts(upTo: longest - plan.newTokens - 1) {
    try progress("\(name): \(formatCount(context)) tokens")
    StoragePool.trim()
    let needed = budget.bytes(model.config, tokens: context + plan.newTokens + 1) - budget.weightBytes
    let free = plan.freeBytes()
    if needed > free {
      report.unmeasured = .init(context: context, neededBytes: needed, freeBytes: free)
      break
    }
    let prefill =
      context <= plan.longestPrefill ? try measurePrefill(of: model, tokens: context, chunk: plan.chunk) : nil
    let point = try measureDecoding(of: model, named: name, batch: 1, context: context, newTokens: plan.newTokens)
    report.points.append(
      .init(
        context: context, prefillSeconds: prefill, decodeMilliseconds: point.millisecondsPerStep,
        peakBytes: point.peakBytes - others))
  }
  return report
}

/// 1k, 4k, 16k, ... and the longest.
private func contexts(upTo longest: Int) -> [Int] {
  var lengths: [Int] = []
  var length = 1000
  while length < longest {
    lengths.append(length)
    length *= 4
  }
  return lengths + [max(1, longest)]
}

/// Seconds to read a prompt of `tokens` tokens, whose ids follow from the position, and to choose the next one.
public func measurePrefill(of model: LanguageModel, tokens: Int, chunk: Int) throws -> Double {
  let prompt = (0..<tokens).map { Int32(($0 * 7919 + 1) % model.config.vocabularySize) }
  StoragePool.trim()
  let cache = model.makeCache(capacity: tokens, positions: .max)
  let start = monotonicSeconds()
  let hidden = try read(model, cache, prompt, chunk: chunk)
  _ = greedyTokens(model, hidden, rows: [hidden.rowCount - 1])
  return monotonicSeconds() - start
}
