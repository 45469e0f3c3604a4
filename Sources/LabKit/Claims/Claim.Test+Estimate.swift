import Groundwork

/// What the records say about the quantity of a test.
struct TestEstimate: Sendable {
  let uncertainty: Uncertainty
  /// How well more seeds would show it; nil when nothing tells the noise over seeds.
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
  /// cells, or the cells' own where Bartlett's test rejects; taken seed by seed where the claim says so) and items
  /// (paired, or the recorded standard errors).
  /// - Returns: nil when a cell has no record with the metric.
  func estimate(from source: ClaimEvidence, _ reading: Reading = .asNamed) throws -> TestEstimate? {
    var means: [String: Double] = [:]
    for (name, term) in terms {
      let values = source.values(source.repeats(term.cells), [reading.metric(term.metric): 1])
      if values.isEmpty { return nil }
      means[name] = Sample(values: values).mean
    }
    let value = try quantity.value(means)
    guard value.isFinite else { return nil }
    if measurement == .exact {
      return TestEstimate(uncertainty: Uncertainty(value: value, seeds: [], items: 0), power: nil, isPaired: false)
    }
    // What every cell, or list of cells, enters with: a weight for each of its metrics.
    var weights: [[String]: [String: Double]] = [:]
    for (name, slope) in try quantity.gradient(means).sorted(by: { $0.key < $1.key }) where slope != 0 {
      let term = terms[name]!
      weights[term.cells, default: [:]][reading.metric(term.metric), default: 0] += slope
    }
    let subjects = weights.sorted { $0.key.lexicographicallyPrecedes($1.key) }
      .map { Subject(cells: $0.key, weights: $0.value, repeats: source.repeats($0.key)) }
    if measurement == .repeats {
      let parts = subjects.map { Uncertainty.Part(variance: $0.recordedVariance, freedom: Self.leastRepeats - 1) }
      return TestEstimate(uncertainty: Uncertainty(value: value, seeds: parts, items: 0), power: nil, isPaired: false)
    }
    let paired = try Self.pairedItemVariance(subjects, source)
    let items = paired ?? subjects.reduce(0) { $0 + $1.recordedVariance }
    let pairedNoise = pairsSeeds ? Self.pairedSeedNoise(subjects, source) : nil
    let noise = pairedNoise ?? Self.seedNoise(subjects, source)
    return TestEstimate(
      uncertainty: Uncertainty(value: value, seeds: noise.parts, items: items),
      power: noise.perSeed.map {
        // Without the items themselves their paired error is not known: it is left out.
        Power(perSeed: $0, items: paired ?? 0, cells: pairedNoise == nil ? subjects.count : 1, freedom: noise.freedom)
      }, isPaired: paired != nil)
  }

  /// Timings of one record.
  static let leastRepeats = 5.0

  /// A cell (or list of cells) with the linear combination of its metrics that a quantity takes.
  private struct Subject {
    let cells: [String]
    let weights: [String: Double]
    let repeats: [[Record]]

    /// The recorded standard errors over items, each metric and cell by itself; the mean over repeats, which answer
    /// the same items.
    var recordedVariance: Double {
      weights.sorted { $0.key < $1.key }.reduce(0) { sum, item in
        let errors = repeats.joined().compactMap { $0.metrics[item.key]?.stderr }
        return sum + item.value * item.value * Sample(values: errors.map { $0 * $0 }).mean
      }
    }
  }

  // MARK: Seeds

  /// The variance of the quantity's linear part over seeds that all cells have.
  /// - Returns: nil for fewer than two such seeds, and for models of several pretrainings
  private static func pairedSeedNoise(
    _ subjects: [Subject], _ source: ClaimEvidence
  ) -> (parts: [Uncertainty.Part], perSeed: Double?, freedom: Double)? {
    if subjects.contains(where: { $0.cells.count > 1 }) { return nil }
    var sums: [Int: Double] = [:]
    for (index, subject) in subjects.enumerated() {
      var values: [Int: Double] = [:]
      for repeats in subject.repeats {
        guard let seed = repeats[0].seed, let value = source.values([repeats], subject.weights).first else { continue }
        values[seed] = value
      }
      sums =
        index == 0
        ? values : sums.filter { values[$0.key] != nil }.reduce(into: [:]) { $0[$1.key] = $1.value + values[$1.key]! }
    }
    let sample = Sample(values: sums.sorted { $0.key < $1.key }.map(\.value))
    guard let variance = sample.variance else { return nil }
    let freedom = Double(sums.count - 1)
    return ([Uncertainty.Part(variance: variance / Double(sums.count), freedom: freedom)], variance, freedom)
  }

  private static func seedNoise(
    _ subjects: [Subject], _ source: ClaimEvidence
  ) -> (parts: [Uncertainty.Part], perSeed: Double?, freedom: Double) {
    // Cells that enter with the same metrics share a pool: their variances are one part.
    struct Kind: Hashable {
      let direction: [String: Double]
      let isPretrained: Bool
    }
    var pools: [Kind: (pool: PooledVariance, squares: Double)] = [:]
    var parts: [Uncertainty.Part] = []
    var (perSeed, freedom) = (Double?(0), 0.0)
    for subject in subjects {
      let scale = subject.weights.max { ($0.value.magnitude, $1.key) < ($1.value.magnitude, $0.key) }!.value
      let direction = subject.weights.mapValues { $0 / scale }
      let kind = Kind(direction: direction, isPretrained: subject.cells.count > 1)
      let pool = pools[kind]?.pool ?? source.pooled(direction, pretrainings: kind.isPretrained)
      let values = source.values(subject.repeats, subject.weights)
      let own = Sample(values: values).variance
      if let pool, pool.isShared || own == nil {
        let squares = scale * scale / Double(max(values.count, 1))
        pools[kind] = (pool, (pools[kind]?.squares ?? 0) + squares)
        perSeed = perSeed.map { $0 + pool.variance * scale * scale }
        freedom = max(freedom, pool.freedom)
      } else if let own {
        parts.append(Uncertainty.Part(variance: own / Double(values.count), freedom: Double(values.count - 1)))
        perSeed = perSeed.map { $0 + own }
        freedom = max(freedom, Double(values.count - 1))
      } else {
        let known = subject.weights.sorted { $0.key < $1.key }.map { metric, weight in
          source.spec.noise(of: metric).map { $0 * $0 * weight * weight }
        }
        perSeed = known.contains { $0 == nil } ? nil : perSeed.map { $0 + known.reduce(0) { $0 + $1! } }
      }
    }
    for (pool, squares) in pools.values {
      parts.append(Uncertainty.Part(variance: pool.variance * squares, freedom: pool.freedom))
    }
    return (parts.sorted { $0.variance < $1.variance }, perSeed, freedom)
  }

  // MARK: Items

  /// The variance over the items that all models answered, task by task; nil when some record has no items.
  private static func pairedItemVariance(_ subjects: [Subject], _ source: ClaimEvidence) throws -> Double? {
    /// Task and items -> what each subject enters with.
    var models: [String: [(coefficient: Double, scores: [[Double]])]] = [:]
    for subject in subjects {
      let records = Array(subject.repeats.joined())
      var coefficients: [String: Double] = [:]
      var scores: [String: [[Double]]] = [:]
      for (metric, weight) in subject.weights.sorted(by: { $0.key < $1.key }) {
        for (index, record) in records.enumerated() {
          guard let parts = ItemScores.parts(of: metric, in: try source.items(record)) else { return nil }
          for part in parts {
            let key = "\(part.isGraded) \(part.scores.task) \(part.scores.identity)"
            if index == 0 { coefficients[key, default: 0] += weight * part.weight }
            if scores[key, default: []].count < records.count { scores[key, default: []].append(part.values) }
          }
        }
      }
      for (key, coefficient) in coefficients {
        if scores[key]!.count != records.count { return nil }
        models[key, default: []].append((coefficient, scores[key]!))
      }
    }
    return models.sorted { $0.key < $1.key }.reduce(0) { $0 + itemVariance($1.value) }
  }
}
