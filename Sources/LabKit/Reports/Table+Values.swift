import Groundwork

extension Table {
  /// The value of a column in a cell's row.
  /// - Parameter scope: the variables that the cell runs with
  static func value(
    _ column: Column, _ cell: Cell, _ evidence: ClaimEvidence, _ byCell: [String: [Record]],
    scope: [String: JSONValue]
  ) throws -> Value {
    let spec = evidence.spec
    let own = byCell[cell.id] ?? []
    let base = cell.baseline == cell.id ? nil : cell.baseline.flatMap(spec.cell)
    let published = { (cell: Cell) in
      column.published.flatMap { name in cell.row.flatMap { spec.published?.text(name, row: $0) } }
    }
    var value = Value(isComparable: !cell.isInexact)
    value.published = published(cell)
    value.ours = sample(column, own, baseline: cell.baseline.flatMap { byCell[$0] } ?? [])
    if !column.exact, let ours = value.ours, own.contains(where: { $0.seed != nil }) {
      value.seeds = ours.count
      value.interval = try interval(of: column, cell, ours, evidence)
    }
    value.stderr = itemError(of: column, own)
    if value.ours == nil && !own.isEmpty { value.pending = column.pending }
    if let template = column.ours, cell.pipeline != nil, cell.pending == nil {
      // A variable set to null says that the setting does not apply to this cell.
      let applies = !scope.contains { $0.value == .null && template.contains("{\($0.key)}") }
      // What a variable says may name others.
      if applies {
        value.setting = try Matrix.fill(Matrix.fill(template, scope, in: spec.file.path), scope, in: spec.file.path)
      }
    }
    guard column.isMeasured, let base else { return value }
    let (mine, theirs) = (value.publishedNumber, published(base).flatMap(Double.init))
    let terms = column.metrics.flatMap { metric in
      [cell, base].map { Claim.Term(cells: [$0.id], metric: metric) }
    }
    // Fewer seeds than the base's against the mean of all of its would say what the seeds do.
    let source = evidence.sharingSeeds(
      terms, atLeast: evidence.pairsSeeds ? 2 : max(1, Set(own.compactMap(\.seed)).count))
    let ours = sample(column, source.recorded(cell.id), baseline: source.recorded(base.id))?.mean
    let reference = sample(column, source.recorded(base.id), baseline: [])?.mean
    value.againstBaseline = Pair(
      published: mine.flatMap { mine in theirs.map { mine - $0 } },
      ours: ours.flatMap { ours in reference.map { ours - $0 } })
    if column.kept {
      value.kept = Pair(
        published: mine.flatMap { mine in theirs.flatMap { share(mine, of: $0) } },
        ours: ours.flatMap { ours in reference.flatMap { share(ours, of: $0) } })
    }
    guard let ours, let reference, value.seeds != nil, !column.metrics.isEmpty else { return value }
    func halfWidth(_ mine: Double, _ theirs: Double) throws -> Double? {
      try source.halfWidth(of: [
        WeightedCell([cell.id], weights: weights(column, mine), from: source),
        WeightedCell([base.id], weights: weights(column, theirs), from: source),
      ])
    }
    value.againstBaselineInterval = try halfWidth(1, -1)
    // The linear part of 100 a / b.
    if value.kept?.ours != nil {
      value.keptInterval = try halfWidth(100 / reference, -100 * ours / (reference * reference))
    }
    return value
  }

  /// In percent; nil of a base that scores nothing.
  private static func share(_ mine: Double, of base: Double) -> Double? {
    let share = 100 * mine / base
    return share.isFinite ? share : nil
  }

  private static func sample(_ column: Column, _ own: [Record], baseline: [Record]) -> Sample? {
    let values: [Double] = own.sorted { ($0.seed ?? -1) < ($1.seed ?? -1) }.compactMap { record in
      if let series = column.reach {
        let reference = baseline.first { $0.seed == record.seed }
        guard let level = reference?.series?[series]?.last?.last else { return nil }
        return crossing(record.series?[series] ?? [], level: level).map { $0 * column.scale }
      }
      let parts = column.metrics.compactMap(record.number)
      if parts.isEmpty || parts.count < column.metrics.count { return nil }
      return parts.reduce(0, +) / Double(parts.count) * column.scale
    }
    return values.isEmpty ? nil : Sample(values: values)
  }

  /// Where a falling curve [[x, y], …] first comes down to `level`, by linear interpolation; nil if never.
  static func crossing(_ points: [[Double]], level: Double) -> Double? {
    var before: [Double]?
    for point in points where point.count == 2 {
      if point[1] <= level {
        guard let before, before[1] > point[1] else { return point[0] }
        return before[0] + (point[0] - before[0]) * (before[1] - level) / (before[1] - point[1])
      }
      before = point
    }
    return nil
  }

  // MARK: Errors

  /// The standard error over items, the mean over seeds.
  private static func itemError(of column: Column, _ own: [Record]) -> Double? {
    let errors = own.compactMap { record -> Double? in
      let parts = column.metrics.compactMap { record.metrics[$0]?.stderr }
      if parts.isEmpty { return nil }
      return parts.reduce(0) { $0 + $1 * $1 }.squareRoot() / Double(column.metrics.count)
    }
    return errors.isEmpty ? nil : errors.reduce(0, +) / Double(errors.count) * column.scale
  }

  /// Each metric's part in a column's number, times `factor`.
  private static func weights(_ column: Column, _ factor: Double = 1) -> [String: Double] {
    Dictionary(uniqueKeysWithValues: column.metrics.map { ($0, factor * column.scale / Double(column.metrics.count)) })
  }

  /// Half the width of a mean's 95 % interval; times and what a curve reaches have no variance but their own.
  private static func interval(
    of column: Column, _ cell: Cell, _ ours: Sample, _ evidence: ClaimEvidence
  ) throws -> Double? {
    // Seeds run on different machines.
    if column.metric == "record.seconds" { return nil }
    if column.metrics.isEmpty || column.metric?.hasPrefix("record.") == true {
      return ours.halfWidth.flatMap { $0 > 0 ? $0 : nil }
    }
    return try evidence.halfWidth(of: [WeightedCell([cell.id], weights: weights(column), from: evidence)])
  }
}
