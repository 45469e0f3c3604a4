import Foundation
import Groundwork

/// What the records say about a claim.
public struct ClaimVerdict: Sendable {
  public enum Answer: String, Sendable { case holds, fails, undecided }

  public let claim: Claim
  public let answer: Answer
  /// A line for the runs that are missing, and one for each test with its quantity, interval and answer.
  public let lines: [String]

  /// Every test must hold for the claim to hold; one that fails makes it fail.
  public init(_ claim: Claim, spec: Spec, records: [Record]) throws {
    self.claim = claim
    if let pending = claim.pending {
      (answer, lines) = (.undecided, ["needs \(pending)"])
      return
    }
    let metrics = Set(claim.tests.flatMap(\.terms.values).map(\.metric))
    let results = try claim.tests.map { try Self.run($0, naming: metrics.count > 1, spec: spec, records: records) }
    let missing = Set(results.flatMap(\.missing)).sorted()
    if results.contains(where: { $0.answer == .fails }) {
      answer = .fails
    } else {
      answer = results.allSatisfy { $0.answer == .holds } ? .holds : .undecided
    }
    let needs = missing.isEmpty ? [] : ["needs \(Self.list(missing))"]
    lines = needs + results.map(\.text).filter { !$0.isEmpty }
  }

  private struct Result {
    var answer: Answer
    var text: String
    /// Runs without which it cannot be decided.
    var missing: [String] = []
  }

  private static func run(
    _ test: Claim.Test, naming metrics: Bool, spec: Spec, records: [Record]
  ) throws -> Result {
    // Term -> seed -> value; a cell no seed matters to has one value for all seeds.
    var seeded: [String: [Int: Double]] = [:]
    var constant: [String: Double] = [:]
    var missing: [String] = []
    for (name, term) in test.terms.sorted(by: { ($0.value.cell, $0.key) < ($1.value.cell, $1.key) }) {
      let own = records.filter { $0.cell == term.cell && $0.metrics[term.metric] != nil }
      let cell = spec.cell(term.cell)
      if let only = own.first(where: { $0.seed == nil }) {
        constant[name] = only.metrics[term.metric]!.value
        continue
      }
      let values = own.reduce(into: [:]) { $0[$1.seed!] = $1.metrics[term.metric]!.value }
      seeded[name] = values
      if values.count < test.seeds {
        let reason = spec.pending ?? cell?.pending
        let text = "\(term.cell): \(reason ?? "\(values.count) of \(test.seeds) seeds")"
        if !missing.contains(text) { missing.append(text) }
      }
    }
    let common = seeded.values.map { Set($0.keys) }.reduce(nil as Set<Int>?) { $0?.intersection($1) ?? $1 }
    let seeds = (common ?? []).sorted()
    let values = try (seeded.isEmpty ? [0] : seeds).map { seed in
      try test.quantity.evaluate { constant[$0] ?? seeded[$0]![seed]! }
    }.filter(\.isFinite)
    let sample = Sample(values: values)
    let label = named(test, metrics: metrics)
    let bounds = (
      test.lower.map { $0 - test.tolerance } ?? -.infinity, test.upper.map { $0 + test.tolerance } ?? .infinity
    )

    if !missing.isEmpty || (!seeded.isEmpty && values.count < test.seeds) {
      if missing.isEmpty {
        let cells = Set(test.terms.values.map(\.cell)).sorted()
        missing = ["the same \(test.seeds) seeds of \(cells.joined(separator: ", "))"]
      }
      let first = seeded.isEmpty || values.isEmpty ? "" : "so far \(label) = \(formatted(sample.mean, 3))"
      return Result(answer: .undecided, text: first, missing: missing)
    }
    guard !values.isEmpty else { return Result(answer: .undecided, text: "\(label) is not a number") }
    let interval = sample.interval ?? sample.mean...sample.mean
    let inside = interval.lowerBound > bounds.0 && interval.upperBound < bounds.1
    let outside = interval.upperBound <= bounds.0 || interval.lowerBound >= bounds.1
    let range = "[\(formatted(interval.lowerBound, 3)), \(formatted(interval.upperBound, 3))]"
    let wanted = [test.lower.map { "above \(plain($0))" }, test.upper.map { "below \(plain($0))" }]
      .compactMap { $0 }.joined(separator: " and ")
    let tolerance = test.tolerance > 0 ? " within \(plain(test.tolerance))" : ""
    let text = "\(label) = \(formatted(sample.mean, 3)) \(range), wanted \(wanted)\(tolerance)"
    if inside { return Result(answer: .holds, text: text + ": holds") }
    if outside { return Result(answer: .fails, text: text + ": fails") }
    return Result(answer: .undecided, text: text + ": undecided, the interval straddles the bound, needs more seeds")
  }

  /// The quantity with the cells in place of short names, `[512 SFT] - [256 SFT]`, and their metrics where a claim has
  /// several.
  private static func named(_ test: Claim.Test, metrics: Bool) -> String {
    test.quantity.described { name in
      test.terms[name].map { metrics ? "[\($0.cell), \($0.metric)]" : "[\($0.cell)]" } ?? name
    }
  }

  private static func list(_ items: [String]) -> String {
    let shown = items.prefix(6).joined(separator: ", ")
    return items.count > 6 ? "\(shown) and \(items.count - 6) more" : shown
  }
}
