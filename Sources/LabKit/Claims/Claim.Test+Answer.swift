import Groundwork

extension Claim.Test {
  private var region: (Double, Double) { (lower ?? -.infinity, upper ?? .infinity) }

  /// How far inside the region a value lies; negative outside.
  func distance(of value: Double) -> Double { min(value - region.0, region.1 - value) }

  /// How far a value lies from the bound below and from the one above, where it lies between them; from the bound that it is
  /// beyond, where it does not.
  func distances(of value: Double) -> (Double, Double) {
    let distance = distance(of: value)
    return distance < 0 ? (-distance, .infinity) : (value - region.0, region.1 - value)
  }

  /// Whether the graded score may decide: its points are not those of the accuracy, in which bounds other than 0 and margins
  /// are given.
  var isGradable: Bool {
    guard case .bounds = kind, measurement == .seeds else { return false }
    return [lower, upper].allSatisfy { $0 == nil || $0 == 0 }
  }

  /// The 95 % interval inside the region, outside it, or across a bound. An equivalence is decided by the same
  /// interval: two one-sided tests at 2.5 % each.
  func answer(_ estimate: Uncertainty) -> ClaimVerdict.Answer {
    let interval = estimate.interval()
    if interval.lowerBound > region.0 && interval.upperBound < region.1 { return .holds }
    if interval.upperBound <= region.0 || interval.lowerBound >= region.1 { return .fails }
    return .undecided
  }

  /// The probability (two-sided) of an estimate so far beyond its bound if the truth stood on the bound; 1 inside.
  func failing(_ estimate: Uncertainty) -> Double {
    if distance(of: estimate.value) > 0 { return 1 }
    return estimate.probability(of: estimate.value <= region.0 ? region.0 : region.1)
  }

  /// The region in words.
  var wanted: String {
    switch kind {
    case .bounds:
      [lower.map { "above \(plain($0))" }, upper.map { "below \(plain($0))" }].compactMap { $0 }
        .joined(separator: " and ")
    case .equivalent(let to, let margin, _): "\(plain(to)) within \(plain(margin))"
    case .notWorse(let than, let margin, _): "not below \(plain(than)) by more than \(plain(margin))"
    }
  }

  /// Why the margin is what it is.
  var reason: String? {
    switch kind {
    case .bounds: nil
    case .equivalent(_, _, let reason), .notWorse(_, _, let reason): reason
    }
  }

  /// Floor or ceiling, where a comparison's cells all stand at the same one.
  func limit(_ source: ClaimEvidence) -> ClaimEvidence.Limit? {
    guard Set(terms.values).count > 1 else { return nil }
    let limits = Set(
      terms.values.map { term -> ClaimEvidence.Limit? in
        let values = source.values(source.repeats(term.cells), [term.metric: 1])
        return values.isEmpty ? nil : source.limit(term.metric, Sample(values: values).mean)
      })
    return limits.count == 1 ? limits.first! : nil
  }

  /// Whether all of its numbers are shares of items answered right, of which none or all leave no error to see.
  func measuresScores(_ source: ClaimEvidence) -> Bool {
    measurement == .seeds && terms.values.allSatisfy { source.spec.chance(of: $0.metric) != nil }
  }

  /// Runs without which nothing is decided: cell -> what is there of what is wanted; of seeds that are paired, those that all
  /// cells have.
  func missing(from evidence: ClaimEvidence, wanted: Int) -> [String: String] {
    let source = pairsSeeds ? evidence.sharingSeeds(Array(terms.values)) : evidence
    var missing: [String: String] = [:]
    for term in Set(terms.values) {
      let all = source.repeats(term.cells)
      let repeats = all.filter { $0.contains { $0.number(term.metric) != nil } }
      let name = term.cells.joined(separator: " + ")
      if repeats.isEmpty, !all.isEmpty {
        missing[name] = "records without \(term.metric)"
        continue
      }
      switch measurement {
      case .exact:
        if repeats.isEmpty { missing[name] = "not run" }
        if repeats.joined().contains(where: { $0.metrics[term.metric]?.stderr != nil }) {
          missing[name] = "an exact number; its \(term.metric) has a standard error"
        }
        let cells = Dictionary(grouping: repeats.joined(), by: \.cell).mapValues {
          $0.compactMap { $0.number(term.metric) }
        }
        // Sums by other numbers of threads differ in their last bits.
        if cells.values.contains(where: { $0.max()! - $0.min()! > 1e-6 * ($0.map(\.magnitude).max() ?? 0) }) {
          missing[name] = "one value; its \(term.metric) differs from seed to seed"
        }
      case .repeats:
        let first = repeats.first?.first
        if first?.seed != nil {
          missing[name] = "timings, which have no seed"
        } else if first?.metrics[term.metric]?.stderr == nil {
          missing[name] = "\(repeats.isEmpty ? 0 : 1) of \(Int(Self.leastRepeats)) timings"
        }
      case .seeds where term.cells.count > 1:
        if repeats.count < max(2, pretrainings) {
          missing[name] = "\(repeats.count) of \(max(2, pretrainings)) pretrainings"
        }
      case .seeds where pretrainings > 1: missing[name] = "1 of \(pretrainings) pretrainings"
      case .seeds:
        // A model trained once says nothing of what another training would give.
        if repeats.contains(where: { $0[0].seed == nil }) {
          missing[name] = "1 of 2 pretrainings"
        } else if repeats.count < seeds {
          missing[name] = "\(repeats.count) of \(wanted) seeds"
        }
      }
    }
    return missing
  }
}

extension Claim.Term {
  func label(withMetric: Bool) -> String {
    // Tables print dashes where a base has no setting.
    let name = cells.map { $0.allSatisfy("- ".contains) ? "base" : $0 }.joined(separator: " + ")
    return withMetric ? "[\(name), \(metric)]" : "[\(name)]"
  }
}

extension ClaimEvidence {
  /// Why nothing stands for a cell; nil when it runs.
  func absence(of cell: String) -> String? { spec.pending ?? spec.cell(cell)?.pending }

  /// The quantity of a test with the published numbers: those of the report's column that shows the term's metric, in
  /// the cell's published row; nil where one is missing.
  func published(_ test: Claim.Test) throws -> Double? {
    var values: [String: Double] = [:]
    for (name, term) in test.terms {
      let column = spec.report.columns.first { $0.metric == term.metric && $0.published != nil && $0.scale == 1 }
      guard let column, term.cells.count == 1, let row = spec.cell(term.cells[0])?.row,
        let value = spec.published?.text(column.published!, row: row).flatMap(Double.init)
      else { return nil }
      values[name] = value
    }
    let value = try test.quantity.value(values)
    return value.isFinite ? value : nil
  }
}
