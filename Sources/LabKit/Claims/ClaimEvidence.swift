import Groundwork

/// What the claims of an experiment are answered from.
public struct ClaimEvidence {
  let spec: Spec
  let records: [Record]
  /// Right and wrong item by item, by the stage's name in the pipeline; empty where nothing was stored.
  let items: (Record) throws -> [String: [ItemScores]]
  init(
    _ spec: Spec, records: [Record],
    items: @escaping (Record) throws -> [String: [ItemScores]] = { _ in [:] }
  ) {
    self.spec = spec
    self.records = records
    self.items = items
  }

  // MARK: Repeats

  /// The repeats of a term: the records of a cell by seed; or, for several cells, those of each cell.
  func repeats(_ cells: [String]) -> [[Record]] {
    if cells.count > 1 { return cells.map(recorded).filter { !$0.isEmpty } }
    return recorded(cells[0]).map { [$0] }
  }

  /// The records of a cell by seed.
  func recorded(_ cell: String) -> [Record] {
    records.filter { $0.cell == cell }.sorted { ($0.seed ?? -1) < ($1.seed ?? -1) }
  }

  /// What is taken seed by seed: of the terms' cells, the records of those seeds alone with which all terms are measured. A
  /// quantity and its error are then of the same repeats: one that a single cell has would shift the quantity by what its batches
  /// do, of which the error, that of the differences within a seed, knows nothing.
  /// - Parameter least: seeds that must be shared
  /// - Returns: all records where fewer are (such repeats are taken as independent), and for lists of cells
  func sharingSeeds(_ terms: [Claim.Term], atLeast least: Int = 2) -> ClaimEvidence {
    if terms.isEmpty || terms.contains(where: { $0.cells.count > 1 }) { return self }
    let seeds = terms.map { term in
      Set(recorded(term.cells[0]).filter { $0.number(term.metric) != nil }.compactMap(\.seed))
    }
    let shared = seeds.dropFirst().reduce(seeds[0]) { $0.intersection($1) }
    if shared.count < least { return self }
    let cells = Set(terms.map { $0.cells[0] })
    let kept = records.filter { record in
      !cells.contains(record.cell) || record.seed.map { shared.contains($0) } ?? false
    }
    return ClaimEvidence(spec, records: kept, items: items)
  }

  /// The weighted sum of metrics in each repeat that has them all.
  func values(_ repeats: [[Record]], _ weights: [String: Double]) -> [Double] {
    repeats.compactMap { records -> Double? in
      var sum = 0.0
      for (metric, weight) in weights.sorted(by: { $0.key < $1.key }) {
        let values = records.compactMap { $0.number(metric) }
        if values.isEmpty { return nil }
        sum += weight * Sample(values: values).mean
      }
      return sum
    }
  }

  // MARK: Floor and ceiling

  /// Scores within this many points of chance, or above this, say little about what moved them.
  private static let (floorWidth, ceiling) = (3.0, 97.0)

  enum Limit: String { case floor, ceiling }

  /// Where a score has run out of room; nil in between, and for metrics whose chance no experiment file states.
  func limit(_ metric: String, _ value: Double) -> Limit? {
    guard let chance = spec.chance(of: metric) else { return nil }
    return value <= chance + Self.floorWidth ? .floor : value > Self.ceiling ? .ceiling : nil
  }

  // MARK: Variance over seeds

  /// Whether one of the metrics stands at floor or ceiling, or was not measured.
  func isLimited(_ repeats: [[Record]], _ weights: [String: Double]) -> Bool {
    weights.keys.contains { metric in
      let values = values(repeats, [metric: 1])
      return values.isEmpty || limit(metric, Sample(values: values).mean) != nil
    }
  }

  /// The variance over repeats of a weighted sum of metrics, pooled over what of the experiment is repeated and stands
  /// neither at floor nor at ceiling: its cells with several seeds, or, for a model that was pretrained several times,
  /// all such models of its claims.
  func pooled(_ weights: [String: Double], pretrainings: Bool = false) -> PooledVariance? {
    let terms = spec.claims.flatMap(\.tests).flatMap(\.terms.values).map(\.cells).filter { $0.count > 1 }
    let cells = records.filter { $0.seed != nil }.map { [$0.cell] }
    return PooledVariance(
      Set(pretrainings ? terms : cells).sorted { $0.lexicographicallyPrecedes($1) }.compactMap { cells in
        let own = repeats(cells)
        return isLimited(own, weights) ? nil : values(own, weights)
      })
  }
}
