import Foundation
import Groundwork

/// A spec's report filled from records: per cell and column what was published and what we measured.
struct Table {
  struct Value {
    var published: String?
    /// One number per seed, scaled.
    var ours: Sample?
    /// Item-sampling standard error of our value (mean over seeds), scaled.
    var stderr: Double?
    /// Ours when it is a setting.
    var setting: String?
    /// Published and our difference to the baseline cell.
    var againstBaseline: (published: Double?, ours: Double?)?
    /// Why ours is empty although the cell ran.
    var pending: String?
    /// Whether exact numbers can be expected to agree (not when the data choose the ranks).
    var isComparable = true

    var publishedNumber: Double? { published.flatMap { Double($0) } }

    /// Ours minus the published value.
    var difference: Double? {
      guard let ours, let number = publishedNumber else { return nil }
      return ours.mean - number
    }

    /// Whether an exact value equals the published one to its printed digits; nil without both.
    var agrees: Bool? {
      guard isComparable, let difference, let published else { return nil }
      let decimals = published.split(separator: ".").dropFirst().first?.count ?? 0
      return difference.magnitude <= 0.5 * pow(10, -Double(decimals)) * (1 + 1e-9)
    }
  }

  struct Row {
    let cell: Cell
    let values: [Value]
    let records: [Record]
    /// Why there is nothing of ours.
    let pending: String?

    /// Seeds measured, such as "1, 2, 3"; "any" when none matters; empty when nothing ran.
    var seeds: String {
      if records.isEmpty { return "" }
      let seeds = records.compactMap(\.seed).sorted()
      return seeds.isEmpty ? "any" : seeds.map(String.init).joined(separator: ", ")
    }
  }

  let spec: Spec
  let profile: String
  let rows: [Row]
  let records: [Record]
  /// Seeds of any row.
  var seeds: [Int] { Set(records.compactMap(\.seed)).sorted() }

  /// - Parameter profile: the records'; the report's when nil
  init(_ spec: Spec, records: [Record], profile: String? = nil) throws {
    self.spec = spec
    self.profile = profile ?? spec.report.profile
    let cells = Set(spec.cells.map(\.id))
    let records = records.filter { cells.contains($0.cell) }
    self.records = records
    let byCell = Dictionary(grouping: records, by: \.cell)
    let settings = spec.profiles[self.profile]
    rows = try spec.cells.map { cell in
      let own = byCell[cell.id] ?? []
      var scope = spec.defaults.merging(cell.values) { $1 }
      scope.merge(settings?.set ?? [:]) { $1 }
      return Row(
        cell: cell,
        values: try spec.report.columns.map {
          try Self.value($0.filled(by: scope, in: spec.file.path), cell, own, byCell, spec: spec, scope: scope)
        },
        records: own, pending: own.isEmpty ? (cell.pending ?? spec.pending ?? "run it") : nil)
    }
  }

  private static func value(
    _ column: Column, _ cell: Cell, _ own: [Record], _ byCell: [String: [Record]], spec: Spec,
    scope: [String: JSONValue]
  ) throws -> Value {
    var value = Value(isComparable: !cell.isInexact)
    value.published = column.published.flatMap { name in cell.row.flatMap { spec.published?.text(name, row: $0) } }
    value.ours = sample(column, own, baseline: cell.baseline.flatMap { byCell[$0] } ?? [])
    if !column.metrics.isEmpty {
      let errors = own.compactMap { record -> Double? in
        let parts = column.metrics.compactMap { record.metrics[$0]?.stderr }
        if parts.isEmpty { return nil }
        return parts.reduce(0) { $0 + $1 * $1 }.squareRoot() / Double(column.metrics.count)
      }
      if !errors.isEmpty { value.stderr = errors.reduce(0, +) / Double(errors.count) * column.scale }
    }
    if value.ours == nil && !own.isEmpty { value.pending = column.pending }
    if let template = column.ours, cell.pipeline != nil, cell.pending == nil {
      // A variable set to null says that the setting does not apply to this cell.
      let applies = !scope.contains { $0.value == .null && template.contains("{\($0.key)}") }
      // What a variable says may name others.
      if applies {
        value.setting = try Matrix.fill(
          Matrix.fill(template, scope, in: spec.file.path), scope, in: spec.file.path)
      }
    }
    if column.isMeasured, cell.baseline != cell.id, let base = cell.baseline.flatMap(spec.cell) {
      let published = column.published.flatMap { name in base.row.flatMap { spec.published?.text(name, row: $0) } }
      let reference = sample(column, byCell[base.id] ?? [], baseline: [])
      value.againstBaseline = (
        value.publishedNumber.flatMap { mine in published.flatMap { Double($0) }.map { mine - $0 } },
        value.ours.flatMap { mine in reference.map { mine.mean - $0.mean } }
      )
    }
    return value
  }

  private static func sample(_ column: Column, _ own: [Record], baseline: [Record]) -> Sample? {
    let values: [Double] = own.sorted { ($0.seed ?? -1) < ($1.seed ?? -1) }.compactMap { record in
      if let series = column.reach {
        let reference = baseline.first { $0.seed == record.seed }
        guard let level = reference?.series?[series]?.last?.last else { return nil }
        return crossing(record.series?[series] ?? [], level: level).map { $0 * column.scale }
      }
      if let cost = column.metric.flatMap(record.cost) { return cost * column.scale }
      let parts = column.metrics.compactMap { record.metrics[$0]?.value }
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
}

/// A number with fixed decimals; a proper minus sign is left to Markdown.
func formatted(_ value: Double, _ digits: Int) -> String {
  let text = String(format: "%.\(digits)f", value)
  // -0.00 says nothing
  return Double(text) == 0 && text.hasPrefix("-") ? String(text.dropFirst()) : text
}

/// Rounded to at most `digits` decimals, without trailing zeros.
func plain(_ value: Double, _ digits: Int = 6) -> String {
  var text = formatted(value, digits)
  if text.contains(".") {
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
  }
  return text
}

func signed(_ value: Double, _ digits: Int) -> String {
  let text = formatted(value, digits)
  return text.hasPrefix("-") || Double(text) == 0 ? text : "+" + text
}
