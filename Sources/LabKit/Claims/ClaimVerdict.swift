import Foundation
import Groundwork

/// What the records say about a claim.
public struct ClaimVerdict: Sendable {
  /// Raw values are the words of pages and JSON.
  public enum Answer: String, CaseIterable, Sendable {
    /// Every test holds.
    case holds
    /// A test fails, of several one that Holm's procedure rejects.
    case fails
    /// A test's interval lies on both sides of a bound, or runs are missing.
    case undecided
    /// No stand-in for what it speaks of, or more seeds than can be run for the published effect.
    case outOfReach = "out of reach"
  }

  /// What was asked.
  public let claim: Claim
  /// What the tests come to.
  public let answer: Answer
  /// One result for each of the claim's tests; none where it is pending.
  public let tests: [TestResult]
  /// Runs that are missing, such as "small: 2 of 3 seeds"; or what does not exist.
  public let needs: [String]

  /// All tests must hold for the claim to hold: that needs no correction. One that fails makes it fail: with several
  /// tests the failing ones are those that Holm's procedure rejects, so that a true claim of eight tests fails by chance
  /// no more often than a claim of one.
  init(_ claim: Claim, from source: ClaimEvidence) throws {
    self.claim = claim
    if let pending = claim.pending {
      (answer, tests, needs) = (.outOfReach, [], [pending])
      return
    }
    let metrics = Set(claim.tests.flatMap(\.terms.values).map(\.metric))
    var tests = try claim.tests.map { try TestResult($0, naming: metrics.count > 1, from: source) }
    let rejected = holmRejections(tests.map(\.failing), level: 0.05)
    for index in tests.indices where tests[index].answer == .fails && !rejected[index] {
      tests[index].forgiveFailure(among: tests.count)
    }
    self.tests = tests
    // Of two tests the one that wants more: "1 of 3 seeds", "1 of 12 seeds".
    let missing = tests.reduce(into: [:]) { found, test in
      found.merge(test.missing) { $0.compare($1, options: .numeric) == .orderedAscending ? $1 : $0 }
    }
    needs = missing.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
    let answers = Set(tests.map(\.answer))
    answer =
      claim.gate != nil
      ? .outOfReach
      : answers.contains(.fails)
        ? .fails : answers.contains(.outOfReach) ? .outOfReach : answers.contains(.undecided) ? .undecided : .holds
  }

  /// Whether a test leaves the published effect out, which there may be in part or not at all.
  var excludesPublished: Bool { tests.contains(where: \.excludesPublished) }

  /// A line for a gate that is missed, one for the runs that are missing, and one for each test.
  public var lines: [String] {
    (claim.gate.map { ["gate missed: \($0)"] } ?? []) + (needs.isEmpty ? [] : [needsText]) + tests.map(\.text)
  }

  /// "needs small: 2 of 3 seeds and 4 more".
  public var needsText: String { "needs \(Self.list(needs))" }

  private static func list(_ items: [String]) -> String {
    let shown = items.prefix(6).joined(separator: ", ")
    return items.count > 6 ? "\(shown) and \(items.count - 6) more" : shown
  }
}
