import Foundation
import Groundwork

/// What the records say about a claim.
public struct ClaimVerdict: Sendable {
  public enum Answer: String, Sendable { case holds, fails, undecided }

  public let claim: Claim
  public let answer: Answer
  /// The quantities with their intervals, or the runs that are missing.
  public let explanation: String

  /// Every test must hold for the claim to hold; one that fails makes it fail.
  public init(_ claim: Claim, spec: Spec, records: [Record]) throws {
    self.claim = claim
    if let pending = claim.pending {
      (answer, explanation) = (.undecided, "(needs \(pending))")
      return
    }
    let results = try claim.tests.map { try Self.run($0, spec: spec, records: records) }
    if results.contains(where: { $0.answer == .fails }) {
      answer = .fails
    } else {
      answer = results.allSatisfy { $0.answer == .holds } ? .holds : .undecided
    }
    var said: Set<String> = []
    explanation = "(" + results.map(\.text).filter { said.insert($0).inserted }.joined(separator: "; ") + ")"
  }

  private static func run(_ test: Claim.Test, spec: Spec, records: [Record]) throws -> (answer: Answer, text: String) {
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
    let bounds = (
      test.lower.map { $0 - test.tolerance } ?? -.infinity, test.upper.map { $0 + test.tolerance } ?? .infinity
    )

    if !missing.isEmpty || (!seeded.isEmpty && values.count < test.seeds) {
      if missing.isEmpty {
        missing = ["the same \(test.seeds) seeds of \(Set(test.terms.values.map(\.cell)).sorted().joined(separator: ", "))"]
      }
      let first = values.isEmpty ? "" : "; so far \(test.quantity.source) = \(formatted(sample.mean, 3))"
      return (.undecided, "needs \(list(missing))\(first)")
    }
    guard !values.isEmpty else { return (.undecided, "\(test.quantity.source) is not a number") }
    let interval = sample.interval ?? sample.mean...sample.mean
    let inside = interval.lowerBound > bounds.0 && interval.upperBound < bounds.1
    let outside = interval.upperBound <= bounds.0 || interval.lowerBound >= bounds.1
    let range = "[\(formatted(interval.lowerBound, 3)), \(formatted(interval.upperBound, 3))]"
    let wanted = [test.lower.map { "above \($0)" }, test.upper.map { "below \($0)" }]
      .compactMap { $0 }.joined(separator: " and ")
    let tolerance = test.tolerance > 0 ? " within \(test.tolerance)" : ""
    let text = "\(test.quantity.source) = \(formatted(sample.mean, 3)) \(range), wanted \(wanted)\(tolerance)"
    if inside { return (.holds, text) }
    if outside { return (.fails, text) }
    return (.undecided, text + ": the interval straddles the bound, needs more seeds")
  }

  private static func list(_ items: [String]) -> String {
    let shown = items.prefix(6).joined(separator: ", ")
    return items.count > 6 ? "\(shown) and \(items.count - 6) more" : shown
  }
}
