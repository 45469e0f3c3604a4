import Foundation
import Groundwork

/// Every claim of every paper on one page, `figures/claims.md`: the sentence, what was published, what we measured, the
/// answer, what more seeds would show, and the command that repeats it.
public struct ClaimsPage: Sendable {
  /// One claim's answer with the experiment that gives it.
  public struct Entry: Sendable {
    /// The experiment that makes the claim.
    public let spec: Spec
    /// From the committed records.
    public let verdict: ClaimVerdict
    /// What its tests rest on.
    let records: [Record]
  }

  /// Sorted by claim.
  public let entries: [Entry]

  init(_ entries: [Entry]) {
    self.entries = entries.sorted {
      $0.verdict.claim.id.compare($1.verdict.claim.id, options: .numeric) == .orderedAscending
    }
  }

  /// Claims with that answer.
  public func count(_ answer: ClaimVerdict.Answer, of paper: String? = nil) -> Int {
    entries.count { $0.verdict.answer == answer && (paper == nil || $0.spec.paper == paper) }
  }

  /// "74 claims: 5 hold, 7 fail, 20 are undecided, 42 are out of reach".
  public var summary: String {
    func words(_ answer: ClaimVerdict.Answer, _ one: String, _ several: String) -> String {
      "\(count(answer)) \(count(answer) == 1 ? one : several)"
    }
    return counted(entries.count, "claim") + ": " + words(.holds, "holds", "hold") + ", "
      + words(.fails, "fails", "fail") + ", " + words(.undecided, "is undecided", "are undecided") + ", "
      + words(.outOfReach, "is out of reach", "are out of reach")
  }

  // MARK: Markdown

  var markdown: String {
    var lines = [
      "# What the papers claim and what our records say",
      "",
      "<!-- "
        + (["claims=\(entries.count)"]
        + ClaimVerdict.Answer.allCases.map {
          "\($0.rawValue.replacingOccurrences(of: " ", with: "_"))=\(count($0))"
        }).joined(separator: " ") + " -->",
      summary + "." + smallerThanPublished, "",
    ]
    var grid = MarkdownGrid()
    grid.add("paper", right: false)
    grid.add("claims", right: true)
    for answer in ClaimVerdict.Answer.allCases { grid.add(answer.rawValue, right: true) }
    for paper in papers {
      grid.rows.append(
        [name(paper), "\(entries.count { $0.spec.paper == paper })"]
          + ClaimVerdict.Answer.allCases.map { "\(count($0, of: paper))" })
    }
    lines += [grid.text, "", Self.legend, ""]
    lines += ["## The abstracts' sentences", ""]
    for paper in papers {
      for entry in entries where entry.spec.paper == paper && entry.verdict.claim.isHeadline { lines += block(entry) }
    }
    lines += askedAgain
    for paper in papers {
      lines += ["## \(name(paper))", ""]
      for entry in entries where entry.spec.paper == paper && !entry.verdict.claim.isHeadline { lines += block(entry) }
    }
    return lines.dropLast().joined(separator: "\n") + "\n"
  }

  /// The answers to sentences that were asked twice, of different models, side by side.
  private var askedAgain: [String] {
    var grid = MarkdownGrid()
    for header in ["sentence", "asked first", "asked again"] { grid.add(header, right: false) }
    for second in entries {
      guard let id = second.verdict.claim.asksAgain else { continue }
      func answer(_ entry: Entry) -> String { "\(entry.verdict.claim.id) \(entry.verdict.answer.rawValue)" }
      let first = entries.first { $0.verdict.claim.id == id }
      grid.rows.append([
        first?.verdict.claim.statement ?? "", first.map(answer) ?? "\(id): there is no such claim", answer(second),
      ])
    }
    return grid.rows.isEmpty ? [] : ["## Asked twice, of different models", "", grid.text, ""]
  }

  /// What the undecided ones say for all that.
  private var smallerThanPublished: String {
    let some = entries.filter { $0.verdict.answer == .undecided && $0.verdict.excludesPublished }.map(
      \.verdict.claim.id)
    guard !some.isEmpty else { return "" }
    let subject = some.count == 1 ? "one (\(some[0])) has" : "\(some.count) (\(some.joined(separator: ", "))) have"
    return
      " Of the undecided \(subject) a test whose interval leaves the published effect out: whether there is an effect "
      + "is open, that it is as large is refuted here."
  }

  private static let legend = """
    A claim **holds** when every one of its tests does, **fails** when one does (several tests: by Holm's procedure), by \
    the 95 % interval over seeds and items. It is **undecided** while runs are missing or an interval straddles its \
    bound, and **out of reach** when nothing here stands for what it speaks of, when the models of its tests miss the gate \
    behind which it could show (what they measured stands below), or when the published effect, and the one measured so \
    far, would need more than \(Power.mostSeeds) seeds a cell. \
    A model trained once and a single timing decide nothing. *Unpaired items*: what each item came to was not stored, so \
    every cell carries its own item error. *Power*: the seeds (or pretrainings) that find an effect four times in \
    five. \
    What each kind of number is: [experiments/README.md](../experiments/README.md).
    """

  private var papers: [String] {
    entries.map(\.spec.paper).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }.sorted {
      firstID($0) < firstID($1)
    }
  }

  private func firstID(_ paper: String) -> String {
    let id = entries.first { $0.spec.paper == paper }!.verdict.claim.id
    // X-EcoMLA, Zebra-Llama, HyLo, FarSkip: in the order of their appearance.
    return String(["X", "Z", "H", "F"].firstIndex { id.hasPrefix($0) } ?? 9) + id
  }

  /// The paper as most of its experiments call it: the first word of their places.
  private func name(_ paper: String) -> String {
    let words = entries.filter { $0.spec.paper == paper }
      .compactMap { $0.spec.place.split { $0 == " " || $0 == "," }.first.map(String.init) }
    let counts = Dictionary(grouping: words) { $0 }.mapValues(\.count)
    return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? paper
  }

  private func block(_ entry: Entry) -> [String] {
    let (claim, verdict) = (entry.verdict.claim, entry.verdict)
    var lines = ["### \(claim.id): \(verdict.answer.rawValue)", "", claim.statement, ""]
    if !claim.evidence.isEmpty { lines.append("- Paper: \(claim.evidence)") }
    if let gate = claim.gate { lines.append("- Gate missed: \(gate)") }
    if !verdict.needs.isEmpty { lines.append("- Needs: \(verdict.needs.joined(separator: "; "))") }
    for test in verdict.tests {
      lines.append("- \(test.text)")
      if let reason = test.test.reason { lines.append("  - margin: \(reason)") }
      if let power = test.powerText { lines.append("  - power: \(power)") }
    }
    if let scale = claim.scale { lines.append("- Micro scale: \(scale)") }
    let page = entry.spec.report.kind == .table ? "md" : "svg"
    let run = entry.spec.pending == nil && !claim.tests.isEmpty
    let again = entry.spec.command(
      repeating: entry.records, profile: entry.spec.report.profile, seeds: max(3, verdict.seedsToRun))
    let command = "`\(again)`, "
    lines.append(
      "- [\(entry.spec.place)](\(entry.spec.name).\(page)); \(run ? "repeat: \(command)" : "")"
        + "`lab check \(entry.spec.name) --power`")
    return lines + [""]
  }

  // MARK: JSON

  /// Counts of answers, and every verdict.
  public var json: JSONValue {
    .object([
      "claims": .int(entries.count),
      "answers": .object(
        Dictionary(uniqueKeysWithValues: ClaimVerdict.Answer.allCases.map { ($0.rawValue, .int(count($0))) })),
      "verdicts": .array(entries.map { $0.verdict.json(spec: $0.spec) }),
    ])
  }
}

extension ClaimVerdict {
  /// Seeds a cell that the tests ask for, at most `Power.mostSeeds`.
  var seedsToRun: Int { tests.map(\.wantedSeeds).max() ?? 3 }

  func json(spec: Spec) -> JSONValue {
    .object([
      "claim": .string(claim.id), "spec": .string(spec.name), "answer": .string(answer.rawValue),
      "statement": .string(claim.statement), "headline": .bool(claim.isHeadline),
      "gate": claim.gate.map(JSONValue.string) ?? .null,
      "needs": .array(needs.map { .string($0) }), "tests": .array(tests.map(\.json)),
    ])
  }
}

extension TestResult {
  fileprivate var json: JSONValue {
    func number(_ value: Double?) -> JSONValue { value.map(JSONValue.double) ?? .null }
    func seeds(_ count: SeedCount) -> JSONValue {
      switch count {
      case .number(let seeds): .int(seeds)
      case .never: .string("never")
      case .unknown: .null
      }
    }
    let interval = estimate?.interval()
    return .object([
      "quantity": .string(label), "wanted": .string(test.wanted), "answer": .string(answer.rawValue),
      "value": number(estimate?.value), "low": number(interval?.lowerBound), "high": number(interval?.upperBound),
      "item_error": number(estimate.map { $0.items.squareRoot() }), "published": number(published),
      "accuracy": number(accuracy?.value), "seeds_for_published": seeds(seedsForPublished),
      "seeds_for_observed": seeds(seedsForObserved), "excludes_published": .bool(excludesPublished),
      "remarks": .array(remarks.map { .string($0) }),
    ])
  }
}
