import Groundwork

/// What the records say about the quantity of a test.
struct TestEstimate: Sendable {
  let uncertainty: Uncertainty
  /// How well more seeds would show it, or more pretrainings where terms are of several; nil when nothing tells the noise over
  /// them, and where a test wants something else.
  let power: Power?
  /// Whether the items are those of the models, one by one, and not only each model's own standard error.
  let isPaired: Bool
}

extension Claim.Test {
  /// Another metric of the same models, in the place of the one that the test names.
  enum Reading: CaseIterable {
    case asNamed
    /// The probability of the right choice: `scores.avg` -> `scores.graded.avg`.
    case graded
    /// The same after the model's own temperature is fitted.
    case calibrated

    func metric(_ name: String) -> String {
      let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { return name }
      switch self {
      case .asNamed: return name
      case .graded: return "\(parts[0]).graded.\(parts[1])"
      case .calibrated: return "\(parts[0]).calibrated.\(parts[1])"
      }
    }
  }

  /// The quantity of the cells' means, with the variance of its linear part: seeds (pooled over the experiment's
  /// cells, or the cells' own where Bartlett's test rejects; taken seed by seed, of the seeds that all cells have, where
  /// the claim says so, and pretraining by pretraining where terms are of several) and items (paired, or the recorded
  /// standard errors).
  /// - Returns: nil when a cell has no record with the metric, or one that has it as named and not in this reading: an
  ///   answer rests on all repeats that there are
  func estimate(from evidence: ClaimEvidence, _ reading: Reading = .asNamed) throws -> TestEstimate? {
    let shared = evidence.sharingSeeds(Array(terms.values))
    guard var (source, value, subjects) = try taken(from: pairsSeeds ? shared : evidence, reading) else { return nil }
    var comparesRepeats = pairsSeeds || subjects.contains { $0.cells.count > 1 }
    if measurement == .exact {
      return TestEstimate(uncertainty: Uncertainty(value: value, seeds: [], items: 0), power: nil, isPaired: false)
    }
    if !comparesRepeats, measurement == .seeds, source.seedsBelongTogether(subjects),
      let together = try taken(from: shared, reading)
    {
      (source, value, subjects) = together
      comparesRepeats = true
    }
    if measurement == .repeats {
      let parts = subjects.map { Uncertainty.Part(variance: $0.recordedVariance, freedom: Self.leastRepeats - 1) }
      return TestEstimate(uncertainty: Uncertainty(value: value, seeds: parts, items: 0), power: nil, isPaired: false)
    }
    let paired = try source.pairedItemVariance(subjects)
    let items = paired ?? subjects.reduce(0) { $0 + $1.recordedVariance }
    // What one repeat alone adds to the items' variance (Var e of `itemVariance`) is not told from theirs.
    let isItemsPart = subjects.allSatisfy { $0.isGiven || $0.repeats.count > 1 }
    let pairedNoise = comparesRepeats ? source.pairedNoise(subjects) : nil
    let noise = pairedNoise ?? source.seedNoise(subjects)
    // More seeds are no second pretraining, and do not repeat bases that are given.
    let asksForSeeds = isOfPretrainings || (pretrainings == 1 && !subjects.allSatisfy(\.isGiven))
    return TestEstimate(
      uncertainty: Uncertainty(value: value, seeds: noise.parts, items: items),
      power: (asksForSeeds ? noise.perSeed : nil).map {
        // Where nothing tells the error over the items that more seeds do not shrink, it is left out.
        Power(
          perSeed: $0, items: isItemsPart ? paired ?? 0 : 0, cells: pairedNoise == nil ? subjects.count : 1,
          freedom: noise.freedom)
      }, isPaired: paired != nil)
  }

  /// The quantity of the cells' means, and every cell, or list of cells, with what it enters with: a weight for each of its
  /// metrics; none for exact numbers.
  private func taken(
    from source: ClaimEvidence, _ reading: Reading
  ) throws -> (source: ClaimEvidence, value: Double, subjects: [WeightedCell])? {
    var means: [String: Double] = [:]
    for (name, term) in terms {
      let (repeats, metric) = (source.repeats(term.cells), reading.metric(term.metric))
      if repeats.joined().contains(where: { $0.metrics[term.metric] != nil && $0.metrics[metric] == nil }) {
        return nil
      }
      let values = source.values(repeats, [metric: 1])
      if values.isEmpty { return nil }
      means[name] = Sample(values: values).mean
    }
    let value = try quantity.value(means)
    guard value.isFinite else { return nil }
    if measurement == .exact { return (source, value, []) }
    let slopes = try quantity.gradient(means)
    // Beside a pole, such as that of 1 / (a - b), no linear part tells the error.
    guard slopes.values.allSatisfy(\.isFinite) else { return nil }
    var weights: [[String]: [String: Double]] = [:]
    for (name, slope) in slopes.sorted(by: { $0.key < $1.key }) where slope != 0 {
      let term = terms[name]!
      weights[term.cells, default: [:]][reading.metric(term.metric), default: 0] += slope
    }
    let subjects = weights.sorted { $0.key.lexicographicallyPrecedes($1.key) }
      .map { WeightedCell($0.key, weights: $0.value, from: source) }
    return (source, value, subjects)
  }

  /// Whether a term is of several pretrainings.
  var isOfPretrainings: Bool { terms.values.contains { $0.cells.count > 1 } }

  /// Timings of one record.
  static let leastRepeats = 5.0
}
