import Groundwork

/// A cell (or list of cells) with the linear combination of its metrics that a quantity takes.
struct WeightedCell {
  let cells: [String]
  let weights: [String: Double]
  let repeats: [[Record]]

  init(_ cells: [String], weights: [String: Double], from source: ClaimEvidence) {
    self.cells = cells
    self.weights = weights
    repeats = source.repeats(cells)
  }

  /// The weight of the metric that counts most.
  var scale: Double { weights.max { ($0.value.magnitude, $1.key) < ($1.value.magnitude, $0.key) }?.value ?? 0 }

  /// Repeats that a seed tells apart.
  var seeds: Int { repeats.count { $0.contains { $0.seed != nil } } }

  /// A base that is given has no seeds of which more could be run.
  var isGiven: Bool { cells.count == 1 && seeds == 0 && !repeats.isEmpty }

  /// The recorded standard errors over items, each metric and cell by itself; the mean over repeats, which answer
  /// the same items.
  var recordedVariance: Double {
    weights.sorted { $0.key < $1.key }.reduce(0) { sum, item in
      let errors = repeats.joined().compactMap { $0.metrics[item.key]?.stderr }
      return sum + item.value * item.value * Sample(values: errors.map { $0 * $0 }).mean
    }
  }
}

extension ClaimEvidence {
  // MARK: Seeds

  /// Whether tables compare cells seed by seed: where claims do.
  var pairsSeeds: Bool { spec.claims.contains { $0.tests.contains(where: \.pairsSeeds) } }

  /// Whether cells are to be compared seed by seed: they share three seeds at least, and these are seen to move them alike
  /// (`SeedEffect`), or their weights do not cancel, so that what moves all of them moves the quantity. No more is assumed: some
  /// cells may answer to a seed more than others.
  func seedsBelongTogether(_ subjects: [WeightedCell]) -> Bool {
    let scales = subjects.map(\.scale)
    let cells = zip(subjects, scales).map { subject, scale in
      subject.repeats.reduce(into: [Int: Double]()) { values, repeated in
        guard let seed = repeated[0].seed, let value = self.values([repeated], subject.weights).first else { return }
        values[seed] = scale == 0 ? nil : value / scale
      }
    }
    guard subjects.count > 1, subjects.allSatisfy({ $0.cells.count == 1 && !isLimited($0) }),
      cells.dropFirst().reduce(Set(cells[0].keys), { $0.intersection($1.keys) }).count > 2
    else { return false }
    let (sum, size) = (scales.reduce(0, +), scales.reduce(0) { $0 + $1.magnitude })
    return sum.magnitude > 0.25 * size || SeedEffect(cells)?.isPresent == true
  }

  /// The variance of the quantity's linear part over repeats that all cells have: the seeds that they share (see
  /// `sharingSeeds`), or the pretrainings of the base, which all lists name in one order.
  /// - Returns: nil for fewer than two such repeats, for lists of which a cell is not measured, and for lists beside single cells
  func pairedNoise(
    _ subjects: [WeightedCell]
  ) -> (parts: [Uncertainty.Part], perSeed: Double?, freedom: Double)? {
    if Set(subjects.map(\.cells.count)).count != 1 { return nil }
    let areLists = subjects[0].cells.count > 1
    var sums: [Int: Double] = [:]
    for (index, subject) in subjects.enumerated() {
      var values: [Int: Double] = [:]
      for (place, repeats) in subject.repeats.enumerated() {
        guard let name = areLists ? place : repeats[0].seed,
          let value = self.values([repeats], subject.weights).first
        else { continue }
        values[name] = value
      }
      if areLists && values.count < subject.cells.count { return nil }
      sums =
        index == 0
        ? values : sums.filter { values[$0.key] != nil }.reduce(into: [:]) { $0[$1.key] = $1.value + values[$1.key]! }
    }
    let sample = Sample(values: sums.sorted { $0.key < $1.key }.map(\.value))
    guard let variance = sample.variance else { return nil }
    let freedom = Double(sums.count - 1)
    return ([Uncertainty.Part(variance: variance / Double(sums.count), freedom: freedom)], variance, freedom)
  }

  /// The variance over seeds: pooled over what is repeated, or a cell's own where Bartlett's test rejects.
  /// - Returns: its parts; the variance with one seed a cell, nil where nothing tells it (a base that is given has none);
  ///   and degrees of freedom
  func seedNoise(
    _ subjects: [WeightedCell]
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
      let scale = subject.scale
      // What does not move the quantity adds nothing.
      if scale == 0 { continue }
      // Slopes are differences of numbers: rounded, those that are one by meaning are one.
      let direction = subject.weights.mapValues { ($0 / scale * 1e9).rounded() / 1e9 }
      let kind = Kind(direction: direction, isPretrained: subject.cells.count > 1)
      let pool = pools[kind]?.pool ?? pooled(direction, pretrainings: kind.isPretrained)
      let values = self.values(subject.repeats, subject.weights)
      let own = Sample(values: values).variance
      func count(_ variance: Double?) {
        if !subject.isGiven { perSeed = perSeed.flatMap { sum in variance.map { sum + $0 } } }
      }
      if let pool, pool.isShared || own == nil {
        let squares = scale * scale / Double(max(values.count, 1))
        pools[kind] = (pool, (pools[kind]?.squares ?? 0) + squares)
        count(pool.variance * scale * scale)
        freedom = max(freedom, pool.freedom)
      } else if let own {
        parts.append(Uncertainty.Part(variance: own / Double(values.count), freedom: Double(values.count - 1)))
        count(own)
        freedom = max(freedom, Double(values.count - 1))
      } else {
        let known = subject.weights.sorted { $0.key < $1.key }.map { metric, weight in
          spec.noise(of: metric).map { $0 * $0 * weight * weight }
        }
        count(known.contains { $0 == nil } ? nil : known.reduce(0) { $0 + $1! })
      }
    }
    for (pool, squares) in pools.values {
      parts.append(Uncertainty.Part(variance: pool.variance * squares, freedom: pool.freedom))
    }
    return (parts.sorted { $0.variance < $1.variance }, perSeed, freedom)
  }

  /// Half the width of the 95 % interval of a sum of cells' metrics, over seeds and items as in claims: of several cells seed by
  /// seed where those take them so. A cell at floor or
  /// ceiling keeps its own variance over seeds; a cell without seeds (a base that is given) adds that of its items alone.
  /// - Parameter subjects: first the cell whose seeds it is about
  /// - Returns: nil for fewer than two of them, where it has no finite width, and where all repeats and items agree, which tells
  ///   no error
  func halfWidth(of subjects: [WeightedCell]) throws -> Double? {
    guard subjects[0].seeds > 1 else { return nil }
    let seeded = subjects.filter { $0.seeds > 0 }
    let items = try pairedItemVariance(subjects) ?? subjects.reduce(0) { $0 + $1.recordedVariance }
    func width(_ parts: [Uncertainty.Part]) -> Double? {
      let half = Uncertainty(value: 0, seeds: parts, items: items).halfWidth()
      return half.isFinite && half > 0 ? half : nil
    }
    if seeded.count > 1, pairsSeeds || seedsBelongTogether(seeded), let paired = pairedNoise(seeded) {
      return width(paired.parts)
    }
    var parts = seedNoise(seeded.filter { !isLimited($0) }).parts
    for subject in seeded where isLimited(subject) {
      let own = Sample(values: values(subject.repeats, subject.weights))
      guard let variance = own.variance else { continue }
      parts.append(Uncertainty.Part(variance: variance / Double(own.count), freedom: Double(own.count - 1)))
    }
    return width(parts)
  }

  private func isLimited(_ subject: WeightedCell) -> Bool {
    subject.weights.keys.contains { metric in
      let values = self.values(subject.repeats, [metric: 1])
      return !values.isEmpty && limit(metric, Sample(values: values).mean) != nil
    }
  }

  // MARK: Items

  /// The variance over the items that all models answered, task by task; nil when some record has no items.
  func pairedItemVariance(_ subjects: [WeightedCell]) throws -> Double? {
    /// Task and items -> what each subject's repeats enter with, all stages that answered them together.
    var models: [String: [[[Double]]]] = [:]
    for subject in subjects {
      let records = Array(subject.repeats.joined())
      var rows: [String: [Int: [Double]]] = [:]
      for (metric, weight) in subject.weights.sorted(by: { $0.key < $1.key }) {
        for (index, record) in records.enumerated() {
          guard let parts = ItemScores.parts(of: metric, in: try items(record)) else { return nil }
          for part in parts {
            let key = "\(part.isGraded) \(part.scores.task) \(part.scores.identity)"
            let scaled = part.values.map { weight * part.weight * $0 }
            rows[key, default: [:]].merge([index: scaled]) { zip($0, $1).map(+) }
          }
        }
      }
      for (key, scores) in rows {
        if scores.count != records.count { return nil }
        models[key, default: []].append(records.indices.map { scores[$0]! })
      }
    }
    return models.sorted { $0.key < $1.key }.reduce(0) { $0 + itemVariance($1.value) }
  }
}
